// Pods that own their branch, by iproute2 alone: the VLAN device is eth0, and there is nothing else.
import { leaseLines } from "../../src/simulator/data-plane/network.ts";
import { createNetns, ipBatch, type Netns } from "./netns.ts";

export interface OwnBranch {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6?: string | undefined;
}

/**
 * Makes the namespace, and in it eth0: a device on the node's trunk of the type that `ip link add` is told, in a /24 whose
 * router has its first address.
 */
export async function createBranchPod(
  node: Netns,
  netns: string,
  { mac, ipv4, ipv6 }: OwnBranch,
  type: string,
  trunk = "eth1",
): Promise<void> {
  await createNetns(netns);
  // Not created as "eth0": kernels before 6.15 look the name up where the request comes from, and the node has one.
  await ipBatch(node, [`link add link ${trunk} name branch netns ${netns} mtu 9001 address ${mac} ${type}`]);
  const lease = { address: ipv4, length: 24, router: ipv4.replace(/\d+$/, "1") };
  await ipBatch(netns, ["link set branch name eth0 up", ...leaseLines("eth0", lease, ipv6)]);
}
