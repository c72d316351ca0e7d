import { createVpc, nodeGroup, type Branch, type Vpc } from "../../test/ground/vpc.ts";
import { run } from "../measure.ts";

/** Pods for the benchmark: a namespace with a primary's veth, made by one `ip -batch`, and branches of the tests' VPC. */

export const TRUNK = "eth1";
const TRUNK_MAC = "02:00:00:00:00:11";
/** The VPC's namespace. */
export const VPC = "bench-vpc";

export interface BenchPod {
  readonly name: string;
  readonly netns: string;
  readonly containerId: string;
  readonly vlanId: number;
}

export function ip(lines: readonly string[], netns?: string): void {
  const argv = ["ip", ...(netns === undefined ? [] : ["-n", netns]), "-batch", "-"] as const;
  run({ argv, stdin: `${lines.join("\n")}\n` });
}

const branches = new Map<number, Branch>();

/** The node: a primary ENI to send from, and a trunk with these branches, made before anything is measured. */
export async function createNode(vlanIds: readonly number[]): Promise<Vpc> {
  ip(["link set lo up"]);
  const vpc = await createVpc({
    name: VPC,
    primary: { device: "ens5" },
    trunk: { device: TRUNK, mac: TRUNK_MAC },
  });
  const subnet = { ipv4: "10.0.2.0/24", ipv6: "2001:db8:2::/64" };
  const options = { subnet, groups: [nodeGroup] };
  const wanted = vlanIds.map((vlanId) => ({ vlanId, ipv4: `10.0.2.${vlanId}`, ...options }));
  for (const branch of await vpc.attachBranches(wanted)) branches.set(branch.vlanId, branch);
  return vpc;
}

/** What the primary gave the pod. */
export function addressOf({ vlanId }: Pick<BenchPod, "vlanId">): string {
  return `10.0.1.${vlanId}`;
}

/** What a plugin with an IPAM of its own gives it on the trunk. */
export function addressInVpc({ vlanId }: Pick<BenchPod, "vlanId">): string {
  return `10.0.2.${vlanId}/24`;
}

export function createPod(name: string, vlanId: number): BenchPod {
  const address = addressOf({ vlanId });
  const netns = `bench-${name}`;
  ip([
    `netns add ${netns}`,
    `link add eni${name} mtu 9001 type veth peer name eth0 mtu 9001 netns ${netns}`,
    `link set eni${name} up`,
    `route add ${address} dev eni${name}`,
    `rule add pref 512 to ${address} lookup main`,
  ]);
  ip(
    [
      "link set lo up",
      "link set eth0 up",
      `addr add ${address}/32 dev eth0`,
      "route add 169.254.1.1 dev eth0 scope link",
      "route add default via 169.254.1.1 dev eth0",
    ],
    netns,
  );
  return { name, netns: `/run/netns/${netns}`, containerId: `bench-${name}`, vlanId };
}

export function deletePod(pod: BenchPod): void {
  const address = addressOf(pod);
  ip([
    `rule del pref 512 to ${address} lookup main`,
    `link del eni${pod.name}`,
    `netns del bench-${pod.name}`,
  ]);
}

/** The branch of a VLAN id. */
export function branchOf(vlanId: number): Branch {
  const branch = branches.get(vlanId);
  if (branch === undefined) throw new Error(`the node has no branch ${vlanId}`);
  return branch;
}

/** The plugin's entry as a runtime hands it over for this pod; the trunk is known by its MAC, as an agent says it. */
export function configFor(pod: BenchPod, datapath: "direct" | "routed"): object {
  return {
    cniVersion: "1.0.0",
    name: "bench",
    type: "branchline",
    enablePodENI: true,
    // There is no agent here, and no ADD is to wait for the gateway.
    missingAnnotation: "pass",
    gatewayTimeout: 0,
    datapath,
    serviceCIDRs: ["172.20.0.0/16"],
    trunk: { mac: TRUNK_MAC },
    pluginLogFile: "/dev/null",
    capabilities: { "io.kubernetes.cri.pod-annotations": true },
    runtimeConfig: {
      "io.kubernetes.cri.pod-annotations": { "vpc.amazonaws.com/pod-eni": branchOf(pod.vlanId).annotation },
    },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: `eni${pod.name}` }, { name: "eth0", sandbox: pod.netns }],
      ips: [{ address: `${addressOf(pod)}/32`, interface: 1 }],
      dns: {},
    },
  };
}
