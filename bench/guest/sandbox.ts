import { writeFileSync } from "node:fs";
import { run } from "../measure.ts";

/** Pods for the benchmark: a namespace with a primary's veth, made by one `ip -batch`, and a trunk with its other end. */

export const TRUNK = "eth1";
const TRUNK_MAC = "02:00:00:00:00:11";
/** Where the trunk leads: a namespace in which one VLAN device answers for the VPC. */
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

/** The node: a primary ENI to send from, and a trunk. */
export function createNode(): void {
  ip([
    "link set lo up",
    `netns add ${VPC}`,
    `link add ${TRUNK} address ${TRUNK_MAC} mtu 9001 type veth peer name trunk mtu 9001 netns ${VPC}`,
    `link set ${TRUNK} up`,
    // Where ens5 leads is nobody's business.
    `link add ens5 type veth peer name ens5 netns ${VPC}`,
    "addr add 10.0.0.10/24 dev ens5",
    "link set ens5 up",
    "route add default via 10.0.0.1 dev ens5",
  ]);
  ip(["link set lo up", "link set trunk up", "link set ens5 up"], VPC);
  // The routed datapath forwards.
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
}

/** What the primary gave the pod. */
export function addressOf({ vlanId }: Pick<BenchPod, "vlanId">): string {
  return `10.0.1.${vlanId}`;
}

/** Whatever of them is still there. */
export function deleteNamespaces(): void {
  const names = run({ argv: ["ip", "netns", "list"] })
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "");
  ip(names.filter((name) => name.startsWith("bench-")).map((name) => `netns del ${name}`));
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
export function branchOf(vlanId: number): { eniId: string; mac: string; address: string } {
  const hex = vlanId.toString(16).padStart(2, "0");
  return { eniId: `eni-0b0000000000000${hex}`, mac: `02:b1:00:00:00:${hex}`, address: `10.0.2.${vlanId}` };
}

/** The plugin's entry as a runtime hands it over for this pod; the trunk is known by its MAC, as an agent says it. */
export function configFor(pod: BenchPod, datapath: "direct" | "routed"): object {
  const { eniId, mac, address } = branchOf(pod.vlanId);
  const annotation = [
    { eniId, ifAddress: mac, privateIp: address, vlanId: pod.vlanId, subnetCidr: "10.0.2.0/24" },
  ];
  return {
    cniVersion: "1.0.0",
    name: "bench",
    type: "branchline",
    enablePodENI: true,
    // There is no agent here, and nothing answers for the gateway.
    missingAnnotation: "pass",
    gatewayTimeout: 0,
    datapath,
    serviceCIDRs: ["172.20.0.0/16"],
    trunk: { mac: TRUNK_MAC },
    pluginLogFile: "/dev/null",
    capabilities: { "io.kubernetes.cri.pod-annotations": true },
    runtimeConfig: {
      "io.kubernetes.cri.pod-annotations": { "vpc.amazonaws.com/pod-eni": JSON.stringify(annotation) },
    },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: `eni${pod.name}` }, { name: "eth0", sandbox: pod.netns }],
      ips: [{ address: `${addressOf(pod)}/32`, interface: 1 }],
      dns: {},
    },
  };
}
