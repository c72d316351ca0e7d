import type { Facts } from "../datapath/facts.ts";
import { planDirect } from "../datapath/direct/plan.ts";
import type { Kernel } from "../datapath/kernel.ts";
import { vlanName } from "../datapath/numbers.ts";
import type { Netns, Step } from "../datapath/operation.ts";
import { POD_GATEWAY, planRouted } from "../datapath/routed/plan.ts";
import { inspectOnNode } from "../datapath/routed/remove-primary.ts";
import type { BranchAssignment } from "../ipam/annotation.ts";
import { widthOf } from "../values/ip.ts";
import type { CniRequest } from "./request.ts";
import type { DatapathName } from "../datapath/datapath.ts";
import type { PluginConfig } from "./config.ts";
import type { JsonObject } from "../text/json.ts";
import { withBranch, withRoutedBranch } from "./branch-result.ts";
import type { CniResult } from "./result.ts";

/** What ADD needs of a datapath: the steps, and what the runtime is told. */
export interface DatapathOfAdd {
  plan(kernel: Kernel, branch: BranchAssignment, facts: Facts, options: PlanOptions): Step[];
  /** Where the branch's VLAN device is. */
  branchDevice(
    branch: BranchAssignment,
    request: CniRequest,
  ): { readonly at: Netns; readonly device: string };
  /** Throws when prevResult is none that a branch can be added to. */
  result(previous: CniResult, branch: BranchAssignment, options: PlanOptions): JsonObject;
}

export interface PlanOptions {
  readonly request: CniRequest;
  readonly config: PluginConfig;
  /** Bytes. */
  readonly mtu: number;
  /** The MAC of the primary's interface in the pod, once that was looked at. */
  readonly primaryMac?: string | undefined;
}

export const DATAPATHS: Readonly<Record<DatapathName, DatapathOfAdd>> = {
  direct: {
    branchDevice: (_branch, { ifName }) => ({ at: "pod", device: ifName }),
    plan: (_kernel, branch, facts, { request, config, mtu }) =>
      planDirect(branch, facts, {
        interfaceName: request.ifName,
        hostInterfaceName: config.hostInterfaceName,
        mtu,
        serviceCidrs: config.serviceCIDRs,
        hostRoutes: config.hostRoutes,
      }),
    result: (previous, branch, { request, config, mtu }) =>
      withBranch(
        previous,
        {
          ifName: request.ifName,
          hostName: config.hostInterfaceName,
          mac: branch.mac,
          mtu,
          sandbox: request.netns,
          ips: branch.addresses.map(({ address, prefixLength, gateway }) => ({
            address: `${address}/${prefixLength}`,
            gateway,
          })),
          routes: branch.addresses.map(({ family, gateway }) => ({ dst: ANYWHERE[family], gw: gateway })),
        },
        request.cniVersion,
      ),
  },
  routed: {
    branchDevice: ({ vlanId }) => ({ at: "node", device: vlanName(vlanId) }),
    plan: (kernel, branch, facts, { request, config, mtu }) =>
      planRouted(branch, facts, inspectOnNode(kernel, facts.node, facts.pod.primary), {
        interfaceName: request.ifName,
        mtu,
        mode: config.podSGEnforcingMode,
      }),
    result: (previous, branch, { request, mtu, primaryMac }) =>
      withRoutedBranch(
        previous,
        {
          ifName: request.ifName,
          podMac: primaryMac,
          vlanName: vlanName(branch.vlanId),
          mac: branch.mac,
          mtu,
          ips: branch.addresses.map(({ family, address, gateway }) => ({
            address: `${address}/${widthOf(family)}`,
            gateway,
          })),
          routes: branch.addresses.map(({ family }) => ({ dst: ANYWHERE[family], gw: POD_GATEWAY[family] })),
        },
        request.cniVersion,
      ),
  },
};

const ANYWHERE = { 4: "0.0.0.0/0", 6: "::/0" } as const;
