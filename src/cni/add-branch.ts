import { attach, detachOther, takeOver } from "../attachment/attach.ts";
import { kernelFor } from "../attachment/node.ts";
import { type PodIdentity, RECORD_VERSION } from "../attachment/record.ts";
import { LOCK_WAIT_MS } from "../attachment/store.ts";
import { enterStrict } from "../attachment/strict.ts";
import { waitForGateways } from "../datapath/gateway.ts";
import { inspect } from "../datapath/inspect.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { tableOf } from "../datapath/numbers.ts";
import { findTrunk } from "../datapath/trunk.ts";
import type { BranchAssignment } from "../ipam/annotation.ts";
import { openNamespace } from "../netns/namespace.ts";
import type { PodArgs } from "./args.ts";
import type { Call } from "./call.ts";
import type { PluginConfig } from "./config.ts";
import { DATAPATHS } from "./datapaths.ts";
import { EARLY_DEMUX_WARNING } from "./early-demux.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { refuseNetworksPastBranch } from "./past-the-branch.ts";
import type { CniResult } from "./result.ts";
import { trunkSelector } from "./trunk.ts";

/** ADD of a pod that has a branch: look, plan, write the record, carry out. Gives the chain's new result. */
export function addBranch(
  call: Call,
  config: PluginConfig,
  prevResult: CniResult,
  branch: BranchAssignment,
): JsonObject {
  const { node, request } = call;
  const datapath = DATAPATHS[config.datapath];
  if (config.datapath === "direct") refuseNetworksPastBranch(config, branch);
  const claim = {
    containerId: request.containerId,
    ifName: request.ifName,
    pod: podIdentity(request.pod),
    eniId: branch.eniId,
    vlanId: branch.vlanId,
  };
  detachOther(node, claim);
  return node.store.withVlan(branch.vlanId, LOCK_WAIT_MS, () => {
    using namespace = openNamespace(request.netns);
    using kernel = kernelFor(node, namespace);
    const trunk = findTrunk(kernel, trunkSelector(config.trunk, node.store.stateDirectory));
    const mtu = mtuFor(config, trunk);
    const options = { request, config, mtu };
    // Before anything is touched: prevResult may be none that a branch can be added to.
    const result = datapath.result(prevResult, branch, options);
    const look = () => inspect(kernel, { trunk, primary: request.ifName, table: tableOf(branch.vlanId) });
    takeOver(node, claim, look);
    const facts = look();
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
    attach(
      node,
      kernel,
      record,
      () => prepareNode(call, config, kernel),
      () => waitUntilReady(call, config, kernel, branch),
    );
    call.note({ outcome: "attached" });
    return result;
  });
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

/** The gateway answers: until then the branch carries no packets. */
function waitUntilReady(call: Call, config: PluginConfig, kernel: Kernel, branch: BranchAssignment): void {
  const { clock } = call.node;
  if (config.gatewayTimeout === 0) return;
  const started = clock.now();
  try {
    waitForGateways(kernel, clock, {
      ...DATAPATHS[config.datapath].branchDevice(branch, call.request),
      addresses: branch.addresses.map(({ gateway }) => gateway),
      vlanId: branch.vlanId,
      eniId: branch.eniId,
      seconds: config.gatewayTimeout,
    });
  } finally {
    call.note({ gatewayMs: Math.round(clock.now() - started) });
  }
}

/** What strict mode changes for the whole node, done before its first pod. */
function prepareNode(call: Call, config: PluginConfig, kernel: Kernel): void {
  if (config.podSGEnforcingMode !== "strict") return;
  const { probesFail } = enterStrict(call.node, kernel, { manageEarlyDemux: config.manageEarlyDemux });
  if (probesFail) call.warn(EARLY_DEMUX_WARNING);
}
