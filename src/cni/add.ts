import { LOCK_WAIT_MS } from "../attachment/detach.ts";
import { attach, takeOver } from "../attachment/attach.ts";
import { kernelFor } from "../attachment/node.ts";
import { type PodIdentity, RECORD_VERSION } from "../attachment/record.ts";
import { planDirect } from "../datapath/direct/plan.ts";
import { inspect } from "../datapath/inspect.ts";
import { tableOf } from "../datapath/numbers.ts";
import { findTrunk } from "../datapath/trunk.ts";
import {
  type BranchAssignment,
  POD_ANNOTATIONS,
  decodeBranch,
  podEniAnnotation,
} from "../ipam/annotation.ts";
import { openNamespace } from "../netns/namespace.ts";
import type { PodArgs } from "./args.ts";
import type { Call } from "./call.ts";
import { type PluginConfig, readConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { requirePrevResult } from "./prevresult.ts";
import { type BranchResult, convertResult, withBranch } from "./result.ts";
import { trunkSelector } from "./trunk.ts";

/** ADD (SPEC 1.1.0, section 2): the pod's branch becomes its interface, or prevResult goes out as it came. */
export function add(call: Call): JsonObject {
  const { request, env } = call;
  const { config, warnings } = readConfig(request.config, env, { ifName: request.ifName });
  warnings.forEach((warning) => call.warn(warning));
  const prevResult = requirePrevResult(request.config, request.cniVersion);
  const annotation = config.enablePodENI ? branchAnnotation(config, request.pod) : undefined;
  if (annotation === undefined) {
    call.note({ outcome: config.enablePodENI ? "no branch" : "not enabled" });
    return convertResult(prevResult, request.cniVersion);
  }
  const branch = decodeBranch(annotation);
  call.note({ vlan: branch.vlanId, eni: branch.eniId });
  if (config.datapath === "routed") {
    throw new CniError(
      ErrorCode.InvalidConfig,
      'datapath "routed" is not available in this version: use "direct"',
    );
  }
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
    // Before anything is touched: prevResult may be none that a branch can be added to.
    const result = withBranch(prevResult, branchResult(call, config, branch, mtu), request.cniVersion);
    const facts = inspect(kernel, {
      trunk,
      primary: request.ifName,
      table: tableOf(branch.vlanId),
    });
    const steps = planDirect(branch, facts, {
      interfaceName: request.ifName,
      hostInterfaceName: config.hostInterfaceName,
      mtu,
      serviceCidrs: config.serviceCIDRs,
      hostRoutes: config.hostRoutes,
    });
    attach(node, kernel, {
      version: RECORD_VERSION,
      ...claim,
      network: request.networkName,
      mac: branch.mac,
      addresses: branch.addresses.map(({ address }) => address),
      namespace: { path: request.netns, identity: namespace.identity },
      datapath: config.datapath,
      trunk: { name: trunk.name, index: trunk.index, mac: trunk.mac ?? "" },
      hostInterfaceName: config.hostInterfaceName,
      steps,
    });
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

function branchResult(call: Call, config: PluginConfig, branch: BranchAssignment, mtu: number): BranchResult {
  return {
    ifName: call.request.ifName,
    hostName: config.hostInterfaceName,
    mac: branch.mac,
    mtu,
    sandbox: call.request.netns,
    ips: branch.addresses.map(({ address, prefixLength, gateway }) => ({
      address: `${address}/${prefixLength}`,
      gateway,
    })),
    routes: branch.addresses.map(({ family, gateway }) => ({
      dst: family === 4 ? "0.0.0.0/0" : "::/0",
      gw: gateway,
    })),
  };
}
