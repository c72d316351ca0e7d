import { isWhereAttached, kernelFor } from "../../attachment/node.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import type { Kernel } from "../../datapath/kernel.ts";
import { traitsOf } from "../../datapath/datapath.ts";
import { localRulePlace } from "../../datapath/local-rule.ts";
import { type LaterPlugins, verify } from "../../datapath/verify.ts";
import { decodeBranch, podEniAnnotation } from "../../ipam/annotation.ts";
import { familyOf } from "../../values/ip.ts";
import { openNamespace } from "../../netns/namespace.ts";
import { isAttachedByPrimary } from "../already-attached.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { CniError, ErrorCode } from "../errors.ts";
import { isInteger, member } from "../../text/json.ts";
import { hasBranch, requirePrevResult } from "../prevresult.ts";
import type { CniResult } from "../result.ts";

/**
 * CHECK (SPEC 1.1.0, section 2): compares the kernel with the record. The error's details have one line for each
 * difference.
 */
export function check(call: Call): undefined {
  const { request, node } = call;
  const prevResult = requirePrevResult(request.config, request.cniVersion);
  const record = node.store.find({ containerId: request.containerId, ifName: request.ifName });
  if (record === undefined) {
    call.note({ outcome: withoutRecord(call, prevResult) });
    return;
  }
  call.note({ vlan: record.vlanId, eni: record.eniId });
  using namespace = openNamespace(request.netns);
  if (!isWhereAttached(node, namespace, record)) {
    throw new CniError(
      ErrorCode.NamespaceUnusable,
      `network namespace "${request.netns}" is not the one that VLAN ${record.vlanId} was attached in, or its veth and its VLAN device are gone`,
    );
  }
  using kernel = kernelFor(node, namespace);
  const differences = [
    ...verify(kernel, record.steps, statedBy(prevResult, record)),
    ...localRuleDifferences(kernel, record),
    ...resultDifferences(prevResult, record),
  ];
  const [first] = differences;
  if (first === undefined) {
    call.note({ outcome: "as it should be" });
    return;
  }
  const more = differences.length === 1 ? "" : ` (and ${differences.length - 1} more)`;
  throw new CniError(
    ErrorCode.KernelRefused,
    `VLAN ${record.vlanId}: ${first}${more}`,
    differences.join("\n"),
  );
}

/**
 * CniError when the pod should have a branch: by its annotation, or by the result if the annotation came too late to be
 * passed.
 */
function withoutRecord({ request, env }: Call, prevResult: CniResult): string {
  const { config } = readConfig(request.config, env, { lenient: true });
  const annotation = config.enablePodENI ? podEniAnnotation(config.runtimeConfig) : undefined;
  // The annotation may have addresses that ADD did not read, so it is used only if the result says nothing.
  const isPrimarys = () =>
    isAttachedByPrimary(prevResult) ||
    (annotation !== undefined && isAttachedByPrimary(prevResult, decodeBranch(annotation)));
  if (config.enablePodENI && config.alreadyAttached === "pass" && isPrimarys()) {
    return "attached by the primary plugin";
  }
  const says =
    annotation !== undefined
      ? "annotation"
      : config.enablePodENI && hasBranch(prevResult, config.hostInterfaceName)
        ? "prevResult"
        : undefined;
  if (says === undefined) return "no branch";
  throw new CniError(
    ErrorCode.UnknownContainer,
    `container ${request.containerId} has a branch according to its ${says}, but nothing was attached to its ${request.ifName}`,
  );
}

/**
 * With table local first, traffic within the node bypasses a strict pod's branch; that happens when aws-cni is
 * restarted in standard mode. Without a rule for table local the node accepts no packets, whatever the pod's mode.
 */
function localRuleDifferences(kernel: Kernel, { addresses, mode }: AttachmentRecord): string[] {
  return [...new Set(addresses.map(familyOf))].flatMap((family) => {
    const place = localRulePlace(kernel, family);
    if (place === "missing") {
      return [`on the node: there is no IPv${family} rule for table local, so the node accepts no packets`];
    }
    return place === "before" && mode === "strict"
      ? [`on the node: the IPv${family} rule for table local is before those of strict mode`]
      : [];
  });
}

/** What the chain's result, which later plugins may have changed, states about the pod's interface. */
function statedBy(result: CniResult, { ifName }: AttachmentRecord): LaterPlugins {
  const entry = result.interfaces.find(({ name, sandbox }) => name === ifName && sandbox !== "");
  const mtu = entry === undefined ? undefined : member(entry.raw, "mtu");
  // 0 is how Go writes "not stated".
  return isInteger(mtu) && mtu > 0 ? { mtu } : {};
}

/** The runtime's result must match the attachment: it may be another sandbox's. */
function resultDifferences(result: CniResult, record: AttachmentRecord): string[] {
  const named = result.interfaces.filter((entry) => entry.name === record.ifName);
  const addresses = result.ips.map(({ prefix }) => prefix.address);
  return [
    // With the branch on the node the pod keeps its veth, and aws-cni writes a table's number into the mac of that.
    ...(traitsOf(record.datapath).branchAt === "node" ||
    named.some((entry) => entry.mac.toLowerCase() === record.mac)
      ? []
      : [`prevResult has no interface ${record.ifName} with MAC ${record.mac}`]),
    ...record.addresses
      .filter((address) => !addresses.includes(address))
      .map((address) => `prevResult has no address ${address}`),
  ];
}
