import type { IpFamily } from "../values/ip.ts";
import type { Masquerade } from "../netlink/netfilter/masquerade.ts";
import type { NewNeighbour } from "../netlink/route/neighbour.ts";
import type { NewAddress } from "../netlink/route/address.ts";
import type { Route } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";

/**
 * What a datapath does to the kernel, as data: a plan is a list of these, a record on disk keeps them, an undo is made
 * of them, and a check reads them back. Each says what shall **be**: adding what is there and deleting what is not
 * there both succeed, so every list can be run again from the start after a crash.
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
  /** Nothing to do but wait: until the kernel has found no other owner of an IPv6 address (DAD). */
  | { readonly kind: "dad"; readonly at: Netns; readonly device: Device; readonly address: string }
  /**
   * The node masquerades what comes from one address of the pod for another one of the same pod, in an nftables table of
   * its own. Kernels without nftables are fine: a pod can do without.
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

/** One operation, and what takes it back. The undos of a list are run last step first. */
export interface Step {
  readonly do: Operation;
  readonly undo: readonly Operation[];
}

/** What takes back a list of steps, in the order to run it in. */
export function undoOf(steps: readonly Step[]): Operation[] {
  return steps.toReversed().flatMap((step) => step.undo);
}
