import { attach, detachOther, isAttachedOnNode, takeOver } from "../../attachment/attach.ts";
import { kernelFor } from "../../attachment/node.ts";
import { type AttachmentRecord, type PodIdentity, RECORD_VERSION, podName } from "../../state/record.ts";
import { LOCK_WAIT_MS } from "../../state/store.ts";
import { enterStrict } from "../../attachment/strict.ts";
import { type Options, type PodNetwork, traitsOf } from "../../datapath/datapath.ts";
import { waitForGateways } from "../../datapath/gateway.ts";
import { inspect } from "../../datapath/inspect.ts";
import type { Kernel } from "../../datapath/kernel.ts";
import { tableOf, vlanName } from "../../datapath/numbers.ts";
import { requireNoRival } from "../../datapath/rivals.ts";
import { SETUPS } from "../../datapath/setups.ts";
import { findTrunk } from "../../attachment/trunk.ts";
import type { BranchAssignment } from "../../ipam/annotation.ts";
import type { Link } from "../../netlink/route/link.ts";
import { openNamespace } from "../../netns/namespace.ts";
import { leaveToPrimary } from "../already-attached.ts";
import type { PodArgs } from "../args.ts";
import { rulesOfAwsCni, vethsOfAwsCni } from "../aws-cni.ts";
import { bandwidthAskedFor } from "../bandwidth.ts";
import { withBranch } from "../branch-result.ts";
import type { Call } from "../call.ts";
import type { PluginConfig } from "../config.ts";
import { EARLY_DEMUX_WARNING } from "../../datapath/local-rule.ts";
import { CniError, ErrorCode } from "../errors.ts";
import type { JsonObject } from "../../text/json.ts";
import { type CniResult, convertResult } from "../result.ts";
import { reviewNode } from "../cleanup.ts";

export { clearStrictRules } from "../../attachment/strict.ts";

/** ADD of a pod with a branch: inspect, plan, write the record, apply. Returns the chain's new result. */
export function addBranch(
  call: Call,
  config: PluginConfig,
  prevResult: CniResult,
  branch: BranchAssignment,
  podIsGone: (pod: PodIdentity) => boolean = () => false,
): JsonObject {
  const { node, request } = call;
  const datapath = SETUPS[config.datapath];
  warnOfBandwidth(call, config);
  datapath.validate(branch, optionsOf(call, config));
  const claim = {
    containerId: request.containerId,
    ifName: request.ifName,
    pod: podIdentity(request.pod),
    eniId: branch.eniId,
    vlanId: branch.vlanId,
    mac: branch.mac,
    addresses: branch.addresses.map(({ address }) => address),
  };
  detachOther(node, claim);
  const attached = node.store.withVlan(branch.vlanId, LOCK_WAIT_MS, () => {
    using namespace = openNamespace(request.netns);
    using kernel = kernelFor(node, namespace);
    const trunk = findTrunk(kernel, config.trunk, node.store.stateDirectory);
    const mtu = mtuFor(config, trunk);
    const options = { ...optionsOf(call, config), mtu };
    const resultOf = (network: PodNetwork) => {
      const { ifName, netns: sandbox, cniVersion } = request;
      return withBranch(prevResult, { ...network, ifName, sandbox, mac: branch.mac, mtu }, cniVersion);
    };
    // Before anything is changed: prevResult may not allow for a branch.
    resultOf(datapath.describe(branch, options));
    const look = () =>
      inspect(kernel, {
        trunk,
        primary: request.ifName,
        table: tableOf(branch.vlanId),
        vlan: vlanName(branch.vlanId),
        addresses: branch.addresses.map(({ address }) => address),
        sysctls: datapath.sysctls,
      });
    requireReader(call);
    const requireNoLatecomer = takeOver(node, claim, look, { warn: call.warn, podIsGone });
    const facts = look();
    if (isAttachedOnNode(kernel, claim, facts.node)) {
      leaveToPrimary(call, config, prevResult, branch);
      return convertResult(prevResult, request.cniVersion);
    }
    requireNoRival(kernel, facts.node.rules, tableOf(branch.vlanId), facts.node.veth.index);
    const network = datapath.describe(branch, options, facts.pod.primary.link);
    const result = resultOf(network);
    const steps = datapath.plan(kernel, branch, facts, options);
    const record = {
      version: RECORD_VERSION,
      ...claim,
      network: request.networkName,
      namespace: { path: request.netns, identity: namespace.identity, veth: facts.node.veth.index },
      datapath: config.datapath,
      mode: config.podSGEnforcingMode,
      trunk: { name: trunk.name, index: trunk.index, mac: trunk.mac ?? "" },
      hostInterfaceName: config.hostInterfaceName,
      ...madeByAwsCni(kernel, facts.node.veth, prevResult),
      steps,
    } as const;
    attach(
      node,
      kernel,
      record,
      () => {
        requireNoLatecomer();
        prepareNode(call, config, branch, kernel);
      },
      () => waitUntilReady(call, config, kernel, branch, network.branch),
    );
    for (const warning of kernel.warnings) call.warnOnce(warning);
    call.note({ outcome: "attached" });
    return result;
  });
  reviewNode(call);
  return attached;
}

/**
 * A call may outlive its runtime: containerd is restarted while ADD waits, and the pod's sandbox is made anew, which looks
 * like an earlier try of the same pod from here. The VLAN's lock is held: what the new one attaches later takes over from us.
 */
function requireReader({ isRead }: Call): void {
  if (isRead()) return;
  throw new CniError(
    ErrorCode.IoFailure,
    "nobody reads the answer any more (was the runtime restarted?): nothing is attached, since the pod may have another sandbox by now",
  );
}

function optionsOf({ request }: Call, config: PluginConfig): Omit<Options, "mtu"> {
  return {
    interfaceName: request.ifName,
    hostInterfaceName: config.hostInterfaceName,
    mode: config.podSGEnforcingMode,
    serviceCidrs: config.serviceCIDRs,
    hostRoutes: config.hostRoutes,
  };
}

function podIdentity(args: PodArgs): PodIdentity {
  return {
    ...(args.podUid !== undefined && { uid: args.podUid }),
    ...(args.podNamespace !== undefined && { namespace: args.podNamespace }),
    ...(args.podName !== undefined && { name: args.podName }),
  };
}

/** Asks the kernel only if the pod has more network cards than the one already inspected. */
function madeByAwsCni(kernel: Kernel, veth: Link, prevResult: CniResult): Pick<AttachmentRecord, "primary"> {
  const rules = rulesOfAwsCni(prevResult);
  if (rules.length === 0) return {};
  const more = vethsOfAwsCni(prevResult).filter((name) => name !== veth.name);
  const others = more.length === 0 ? [] : kernel.links("node", more);
  return { primary: { rules, veths: [veth.index, ...others.flatMap((link) => link?.index ?? [])] } };
}

/** The bandwidth plugin limits the pod's veth, which the packets of a branch in the pod do not pass. */
function warnOfBandwidth(call: Call, { datapath, runtimeConfig }: PluginConfig): void {
  const asked = traitsOf(datapath).branchAt === "pod" ? bandwidthAskedFor(runtimeConfig) : undefined;
  if (asked === undefined) return;
  const pod = podName(podIdentity(call.request.pod));
  call.warn(`${pod} asks for ${asked}: datapath "${datapath}" does not limit the branch, "routed" does`);
}

/** Bytes. The kernel would refuse an MTU above the trunk's; this error names the key to change. */
function mtuFor(config: PluginConfig, trunk: { name: string; mtu: number }): number {
  const mtu = config.mtu ?? trunk.mtu;
  if (mtu <= trunk.mtu) return mtu;
  throw new CniError(ErrorCode.InvalidConfig, `mtu ${mtu} is above the ${trunk.mtu} of trunk ${trunk.name}`);
}

/** Waits until the gateway answers: before that the branch carries no packets. */
function waitUntilReady(
  call: Call,
  config: PluginConfig,
  kernel: Kernel,
  branch: BranchAssignment,
  { at, name: device }: PodNetwork["branch"],
): void {
  const { clock } = call.node;
  if (config.gatewayTimeout === 0) return;
  const started = clock.now();
  try {
    waitForGateways(kernel, clock, {
      at,
      device,
      addresses: branch.addresses.map(({ gateway }) => gateway),
      vlanId: branch.vlanId,
      eniId: branch.eniId,
      seconds: config.gatewayTimeout,
    });
  } finally {
    call.note({ gatewayMs: Math.round(clock.now() - started) });
  }
}

/** Strict mode's changes to the whole node, made before its first pod. */
function prepareNode(call: Call, config: PluginConfig, branch: BranchAssignment, kernel: Kernel): void {
  if (config.podSGEnforcingMode !== "strict") return;
  const { probesFail } = enterStrict(call.node, kernel, {
    families: branch.addresses.map(({ family }) => family),
    manageEarlyDemux: config.manageEarlyDemux,
  });
  if (probesFail) call.warn(EARLY_DEMUX_WARNING);
}
