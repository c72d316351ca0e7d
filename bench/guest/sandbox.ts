import { run } from "../measure.ts";

/** Pods for the benchmark: a namespace with a primary's veth, made by one `ip -batch`, and a trunk with its other end. */

export const TRUNK = "eth1";
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
    `link add ${TRUNK} mtu 9001 type veth peer name trunk mtu 9001 netns ${VPC}`,
    `link set ${TRUNK} up`,
    "link add ens5 type dummy",
    "addr add 10.0.0.10/24 dev ens5",
    "link set ens5 up",
    "route add default via 10.0.0.1 dev ens5",
  ]);
  ip(["link set lo up", "link set trunk up"], VPC);
}

export function createPod(name: string, vlanId: number): BenchPod {
  const address = `10.0.1.${vlanId}`;
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
  const address = `10.0.1.${pod.vlanId}`;
  ip([
    `rule del pref 512 to ${address} lookup main`,
    `link del eni${pod.name}`,
    `netns del bench-${pod.name}`,
  ]);
}

/** The plugin's entry as a runtime hands it over for this pod. */
export function configFor(pod: BenchPod, datapath: "direct" | "routed"): object {
  const hex = pod.vlanId.toString(16).padStart(2, "0");
  const annotation = [
    {
      eniId: `eni-0b0000000000000${hex}`,
      ifAddress: `02:b1:00:00:00:${hex}`,
      privateIp: `10.0.2.${pod.vlanId}`,
      vlanId: pod.vlanId,
      subnetCidr: "10.0.2.0/24",
    },
  ];
  return {
    cniVersion: "1.0.0",
    name: "bench",
    type: "branchline",
    enablePodENI: true,
    datapath,
    serviceCIDRs: ["172.20.0.0/16"],
    trunk: { interface: TRUNK },
    pluginLogFile: "/dev/null",
    capabilities: { "io.kubernetes.cri.pod-annotations": true },
    runtimeConfig: {
      "io.kubernetes.cri.pod-annotations": { "vpc.amazonaws.com/pod-eni": JSON.stringify(annotation) },
    },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: `eni${pod.name}` }, { name: "eth0", sandbox: pod.netns }],
      ips: [{ address: `10.0.1.${pod.vlanId}/32`, interface: 1 }],
      dns: {},
    },
  };
}
