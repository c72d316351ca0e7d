import type { IpFamily } from "../values/ip.ts";
import type { Masquerade } from "../netlink/netfilter/masquerade.ts";
import type { NewNeighbour } from "../netlink/route/neighbour.ts";
import type { NewAddress } from "../netlink/route/address.ts";
import type { Route } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";

/**
 * What a datapath does to the kernel, as data: a plan is a list of operations, a record on disk keeps them, undo
 * consists of them, and CHECK reads them back. Each states a desired state: adding what exists and deleting what does
 * not both succeed, so after a crash every list can be run again from the start.
 */

/** The node's own network namespace, or the pod's. */
export type Netns = "node" | "pod";

/** A device by its ifindex, or by name when it does not exist yet while the plan is made. */
export type Device = number | string;

/** A VLAN device of the trunk. The trunk is always in the node's namespace. */
export interface VlanDevice {
  readonly name: string;
  readonly vlanId: number;
  readonly mac: string;
  /** Bytes; at most the trunk's. */
  readonly mtu: number;
  /** ifindex of the trunk, in the node's namespace. */
  readonly trunk: number;
}

export type Operation =
  | { readonly kind: "vlan"; readonly at: Netns; readonly vlan: VlanDevice; readonly absent?: true }
  | {
      readonly kind: "link";
      readonly at: Netns;
      readonly device: Device;
      readonly name?: string;
      readonly up?: boolean;
      /** rp_filter: 0 off, 1 strict, 2 loose. */
      readonly reversePathFilter?: number;
    }
  | {
      readonly kind: "address";
      readonly at: Netns;
      readonly device: Device;
      readonly address: Omit<NewAddress, "index">;
      readonly absent?: true;
    }
  | {
      readonly kind: "route";
      readonly at: Netns;
      readonly device?: Device;
      readonly route: Omit<Route, "device">;
      readonly absent?: true;
    }
  | { readonly kind: "rule"; readonly at: Netns; readonly rule: Rule; readonly absent?: true }
  | {
      readonly kind: "neighbour";
      readonly at: Netns;
      readonly device: Device;
      readonly neighbour: Omit<NewNeighbour, "device">;
      readonly absent?: true;
    }
  /** Waits for the kernel's duplicate address detection of an IPv6 address. */
  | { readonly kind: "dad"; readonly at: Netns; readonly device: Device; readonly address: string }
  /**
   * The node masquerades packets from one of the pod's addresses to another, in an nftables table of its own. Kernels
   * without nftables are fine: it is not essential.
   */
  | ({ readonly kind: "hairpin"; readonly at: Netns } & Masquerade & { readonly absent?: never })
  | {
      readonly kind: "hairpin";
      readonly at: Netns;
      readonly family: IpFamily;
      readonly table: string;
      readonly absent: true;
    }
  /** A parameter below /proc/sys/net. `optional`: kernels without it (IPv6 switched off) are fine. */
  | {
      readonly kind: "sysctl";
      readonly at: Netns;
      readonly key: string;
      readonly value: string;
      readonly optional?: true;
    };

/** One operation, and the operations that undo it. A list is undone from its last step to its first. */
export interface Step {
  readonly do: Operation;
  readonly undo: readonly Operation[];
}

/** The operations that undo a list of steps, in the order to run them. */
export function undoOf(steps: readonly Step[]): Operation[] {
  return steps.toReversed().flatMap((step) => step.undo);
}
