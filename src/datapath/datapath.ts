/**
 * The datapaths. Each has a folder beside this file, a line in setups.ts and recoveries.ts, and one in the table below:
 * what configuration, records and CHECK must know of it before any of its code is loaded.
 */

import type { BranchAssignment } from "../ipam/annotation.ts";
import type { Link } from "../netlink/route/link.ts";
import type { IpFamily, IpPrefix } from "../values/ip.ts";
import type { Facts } from "./facts.ts";
import type { Kernel } from "./kernel.ts";
import type { Netns, Operation, Step } from "./operation.ts";
import type { DeviceSysctl } from "./sysctl.ts";

/** `strict`: nothing goes past the branch, not even between pods of one node. `standard`: the node has its own ways. */
export type EnforcingMode = "standard" | "strict";

export interface Traits {
  /** The modes that it can enforce; the first is the default. */
  readonly modes: readonly [EnforcingMode, ...EnforcingMode[]];
  /**
   * Where the branch's VLAN device is. In the pod it is the pod's interface, and the primary's stays beside it as a way to
   * the node: the configuration says for which networks. On the node, the pod keeps its veth and sends everything by it.
   */
  readonly branchAt: Netns;
  /**
   * Whether what it makes on the node has aws-cni's names and numbers. When a DEL comes late, one of aws-cni's pods may
   * have them, and has no record: everything is looked at before it is deleted.
   */
  readonly likeAwsCni: boolean;
}

/** What ADD asks for. */
export interface Options {
  /** The pod's interface (CNI_IFNAME). */
  readonly interfaceName: string;
  /** What the primary's interface is called where it stays beside the branch. */
  readonly hostInterfaceName: string;
  /** Bytes; at most the trunk's. */
  readonly mtu: number;
  readonly mode: EnforcingMode;
  /** Networks that the node itself serves for its pods. */
  readonly serviceCidrs: readonly IpPrefix[];
  /** Addresses of agents on the node. */
  readonly hostRoutes: readonly IpPrefix[];
}

/** What a pod has once the steps are carried out. */
export interface PodNetwork {
  /** The branch's VLAN device. */
  readonly branch: { readonly at: Netns; readonly name: string };
  /** The primary's interface in the pod. The MAC where readers of the result need the true one, once it is known. */
  readonly primary: { readonly name: string; readonly mac?: string | undefined };
  /** On the branch's device where that is in the pod, else on the primary's interface. */
  readonly addresses: readonly (IpPrefix & { readonly gateway: string })[];
  /** Default routes. */
  readonly routes: readonly { readonly family: IpFamily; readonly gateway: string }[];
}

/** A datapath as ADD uses it: `index.ts` of its folder. */
export interface Datapath {
  /** Parameters of the pod's devices that its plan may change. */
  readonly sysctls: readonly DeviceSysctl[];
  /** DatapathError `config` when the options would take the branch's traffic past it. */
  validate(branch: BranchAssignment, options: Omit<Options, "mtu">): void;
  /** The steps from what is there to what shall be. */
  plan(kernel: Kernel, branch: BranchAssignment, facts: Facts, options: Options): Step[];
  /** What the plan makes. `primary` is the pod's interface as it was found, once that is known. */
  describe(branch: BranchAssignment, options: Options, primary?: Link): PodNetwork;
}

/** What a DEL without a record knows of its pod. */
export interface LostPod {
  /** The pod's interface (CNI_IFNAME). */
  readonly ifName: string;
  readonly hostInterfaceName: string;
  /** Those that the branch may have. */
  readonly macs: readonly string[];
}

/** What a DEL without a readable record knows of a VLAN id. */
export interface Known {
  /** Whether a record, by its file's name, says that the id was this pod's. */
  readonly isRecorded: boolean;
  /** The branch's. */
  readonly mac?: string | undefined;
}

/**
 * A datapath as a DEL without a record uses it: `recovery.ts` of its folder. With a record, its steps are all that is
 * needed.
 */
export interface Recovery {
  /**
   * Gives the pod its primary interface back, judging by its namespace. Undefined when nothing there is of this
   * datapath.
   */
  readonly restore?: (
    kernel: Kernel,
    pod: LostPod,
  ) => { vlanId: number; operations: Operation[] } | undefined;
  /** Removes what was left on the node for a VLAN id that no other pod's record claims. */
  readonly leftovers: (kernel: Kernel, vlanId: number, known: Known) => Operation[];
}

export const DATAPATHS = {
  direct: { modes: ["standard"], branchAt: "pod", likeAwsCni: false },
  routed: { modes: ["strict", "standard"], branchAt: "node", likeAwsCni: true },
} as const satisfies Readonly<Record<string, Traits>>;

export type DatapathName = keyof typeof DATAPATHS;

export function isDatapath(name: unknown): name is DatapathName {
  return typeof name === "string" && Object.hasOwn(DATAPATHS, name);
}

export function traitsOf(name: DatapathName): Traits {
  return DATAPATHS[name];
}

/** For errors, after the value: `is neither "direct" nor "routed"`. */
export function notADatapath(...more: readonly string[]): string {
  return `is neither ${[...Object.keys(DATAPATHS), ...more].map((name) => `"${name}"`).join(" nor ")}`;
}
