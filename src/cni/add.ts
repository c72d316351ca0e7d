import { LOCK_WAIT_MS } from "../attachment/store.ts";
import { attach, takeOver } from "../attachment/attach.ts";
import { enterStrict } from "../attachment/strict.ts";
import { kernelFor } from "../attachment/node.ts";
import { type PodIdentity, RECORD_VERSION } from "../attachment/record.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { inspect } from "../datapath/inspect.ts";
import { tableOf } from "../datapath/numbers.ts";
import { findTrunk } from "../datapath/trunk.ts";
import { POD_ANNOTATIONS, decodeBranch, podEniAnnotation } from "../ipam/annotation.ts";
import { openNamespace } from "../netns/namespace.ts";
import type { PodArgs } from "./args.ts";
import type { Call } from "./call.ts";
import { type PluginConfig, readConfig } from "./config.ts";
import { DATAPATHS } from "./datapaths.ts";
import { EARLY_DEMUX_WARNING } from "./early-demux.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { requirePrevResult } from "./prevresult.ts";
import { convertResult } from "./result.ts";
import { trunkSelector } from "./trunk.ts";

/** ADD (SPEC 1.1.0, section 2): the pod's branch becomes its interface, or prevResult goes out as it came. */
export function add(call: Call): JsonObject {
  const { request, env } = call;
  const { config, warnings } = readConfig(request.config, env, { ifName: request.ifName });
  warnings.forEach((warning) => call.warnOnce(warning));
  const prevResult = requirePrevResult(request.config, request.cniVersion);
  const annotation = config.enablePodENI ? branchAnnotation(config, request.pod) : undefined;
  if (annotation === undefined) {
    call.note({ outcome: config.enablePodENI ? "no branch" : "not enabled" });
    return convertResult(prevResult, request.cniVersion);
  }
  const branch = decodeBranch(annotation);
  call.note({ vlan: branch.vlanId, eni: branch.eniId });
  const datapath = DATAPATHS[config.datapath];
  const { node } = call;
  return node.store.withVlan(branch.vlanId, LOCK_WAIT_MS, () => {
    const claim = {
      containerId: request.containerId,
      ifName: request.ifName,
      pod: podIdentity(request.pod),
      eniId: branch.eniId,
      vlanId: branch.vlanId,
    };
    takeOver(node, claim);
    using namespace = openNamespace(request.netns);
    using kernel = kernelFor(node, namespace);
    const trunk = findTrunk(kernel, trunkSelector(config.trunk, call.stateDirectory));
    const mtu = mtuFor(config, trunk);
    const options = { request, config, mtu };
    // Before anything is touched: prevResult may be none that a branch can be added to.
    const result = datapath.result(prevResult, branch, options);
    const facts = inspect(kernel, { trunk, primary: request.ifName, table: tableOf(branch.vlanId) });
    const steps = datapath.plan(kernel, branch, facts, options);
    const record = {
      version: RECORD_VERSION,
      ...claim,
      network: request.networkName,
      mac: branch.mac,
      addresses: branch.addresses.map(({ address }) => address),
      namespace: { path: request.netns, identity: namespace.identity, veth: facts.host.veth.index },
      datapath: config.datapath,
      mode: config.podSGEnforcingMode,
      trunk: { name: trunk.name, index: trunk.index, mac: trunk.mac ?? "" },
      hostInterfaceName: config.hostInterfaceName,
      steps,
    } as const;
    attach(node, kernel, record, () => prepareNode(call, config, kernel));
    call.note({ outcome: "attached" });
    return result;
  });
}

/**
 * The annotation's text; undefined when the pod has no branch. A runtime that passes no annotations at all cannot say
 * which pods have one: for a Kubernetes pod that is an error, or it would run with the node's groups unnoticed.
 */
function branchAnnotation(config: PluginConfig, args: PodArgs): string | undefined {
  const isKubernetes = args.podName !== undefined;
  if (isKubernetes && !Object.hasOwn(config.runtimeConfig, POD_ANNOTATIONS)) {
    throw new CniError(
      ErrorCode.InvalidConfig,
      `the runtime passed no annotations of pod ${args.podNamespace ?? "?"}/${args.podName}, so whether it has a branch is not known: the entry needs capabilities {"${POD_ANNOTATIONS}": true}, the runtime containerd 1.5 or CRI-O 1.29`,
    );
  }
  return podEniAnnotation(config.runtimeConfig);
}

function podIdentity(args: PodArgs): PodIdentity {
  return {
    ...(args.podUid !== undefined && { uid: args.podUid }),
    ...(args.podNamespace !== undefined && { namespace: args.podNamespace }),
    ...(args.podName !== undefined && { name: args.podName }),
  };
}

/** Bytes. The kernel would refuse a VLAN device larger than its parent; said here with the key to change. */
function mtuFor(config: PluginConfig, trunk: { name: string; mtu: number }): number {
  const mtu = config.mtu ?? trunk.mtu;
  if (mtu <= trunk.mtu) return mtu;
  throw new CniError(ErrorCode.InvalidConfig, `mtu ${mtu} is above the ${trunk.mtu} of trunk ${trunk.name}`);
}

/** What strict mode changes for the whole node, done before its first pod. */
function prepareNode(call: Call, config: PluginConfig, kernel: Kernel): void {
  if (config.podSGEnforcingMode !== "strict") return;
  const { probesFail } = enterStrict(call.node, kernel, { manageEarlyDemux: config.manageEarlyDemux });
  if (probesFail) call.warn(EARLY_DEMUX_WARNING);
}
