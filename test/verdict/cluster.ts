// The cast's nodes as aws-cni and kube-proxy leave them, and its pods by the real plugin, run where each node is.
import type { DataPlane } from "../../src/simulator/data-plane/data-plane.ts";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  createNetns,
  deleteNetns,
  distDirectory,
  mustExec,
  podAnnotations,
  podEni,
  vpcMtu,
} from "../ground/index.ts";
import {
  actors,
  agents,
  machines,
  nodes,
  pods,
  ports,
  vpcRange,
  type NodeActor,
  type PodActor,
} from "./cast.ts";
import { Cloud } from "./cloud.ts";

/** What pods and nodes have for Services. */
const serviceRanges = ["172.20.0.0/16", "fd00:20::/108"];
const executable = path.resolve(import.meta.dirname, "../..", distDirectory, "branchline");

/** What an actor is reached by. */
export interface Addresses {
  readonly ipv4: string;
  readonly ipv6: string;
}

export class Cluster {
  readonly cloud: Cloud;
  readonly #scratch: string;
  readonly #pods: string[] = [];

  private constructor(cloud: Cloud, scratch: string) {
    this.cloud = cloud;
    this.#scratch = scratch;
  }

  static async open(Plane?: typeof DataPlane): Promise<Cluster> {
    const scratch = await mkdtemp(path.join(tmpdir(), "branchline-worlds-"));
    const cluster = new Cluster(await Cloud.open(Plane), scratch);
    try {
      await Promise.all(nodes.map((node) => cluster.#setUpNode(node)));
      // Those of a node one after the other, as a kubelet's are; strict ones change the node.
      await Promise.all(
        nodes.map(async ({ name }) => {
          for (const pod of pods.filter(({ node }) => node === name)) await cluster.#addPod(pod);
        }),
      );
      for (const { name } of machines) await cluster.#letPing(cluster.netnsOf(name));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  async close(): Promise<void> {
    for (const netns of this.#pods) await deleteNetns(netns);
    await this.cloud.close();
    await rm(this.#scratch, { recursive: true, force: true });
  }

  /** The namespace that somebody is in. */
  netnsOf(name: string): string {
    return pods.some((pod) => pod.name === name)
      ? `${this.cloud.vpcNetns}-${name}`
      : this.cloud.netnsOf(name);
  }

  /** By which everybody knows an actor. */
  addressesOf(name: string): Addresses {
    const { branches, secondaries, primaries } = this.cloud;
    const found = branches.get(name) ?? secondaries.get(name) ?? primaries.get(name);
    if (found === undefined) throw new Error(`${name} has no address`);
    return found;
  }

  /** All that it may be called by: a direct pod's primary answers too. */
  allAddressesOf(name: string): string[] {
    const pod = pods.find((one) => one.name === name);
    const { ipv4, ipv6 } = this.addressesOf(name);
    const host0 = pod?.attachment === "direct" ? this.cloud.secondaries.get(name) : undefined;
    const onNode = nodes.some((node) => node.name === name) ? Object.values(agents) : [];
    return [ipv4, ipv6, ...(host0 === undefined ? [] : [host0.ipv4, host0.ipv6]), ...onNode];
  }

  /** The ClusterIPs of the Service whose only endpoint it is. */
  serviceOf(name: string): Addresses {
    const number = actors.findIndex((actor) => actor.name === name) + 1;
    return { ipv4: `172.20.1.${number}`, ipv6: `fd00:20::1:${number.toString(16)}` };
  }

  async #setUpNode(node: NodeActor): Promise<void> {
    const netns = this.netnsOf(node.name);
    const { ipv4 } = this.addressesOf(node.name);
    await mkdir(this.#stateOf(node.name), { mode: 0o700 });
    await mustExec(netns, ["sh", "-e"], {
      input: `cd /proc/sys/net
echo 1 > ipv4/ip_forward
echo 1 > ipv6/conf/all/forwarding
echo 0 > ipv4/conf/all/rp_filter
for d in default eth0 eth1; do echo 2 > ipv4/conf/$d/rp_filter; done
for d in default eth0 eth1; do echo 0 > ipv6/conf/$d/accept_ra; done
echo 0 > ipv6/conf/default/accept_dad
# What no answer comes to is forgotten in a second, so that it is not the next world's: apply.ts, FORGET.
echo 0 > ipv4/tcp_synack_retries
ip -batch - <<'IP'
${Object.values(agents)
  .map(
    (address) =>
      `addr add ${address}/${address.includes(":") ? "128" : "32"} dev lo${address.includes(":") ? " nodad" : ""}`,
  )
  .join("\n")}
rule add priority 1024 fwmark 0x80/0x80 table main
IP
nft -f - <<'NFT'
${this.#rulesOfNode(node, ipv4)}NFT
`,
    });
    await this.#letPing(netns);
  }

  /** Echo requests by sockets that are not raw. */
  async #letPing(netns: string): Promise<void> {
    await mustExec(netns, ["sh", "-ec", 'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range']);
  }

  /** kube-proxy's part first, as it puts itself; then aws-cni's. */
  #rulesOfNode({ doesNat }: NodeActor, nodeIp: string): string {
    const map = (family: keyof Addresses) =>
      actors
        .map(({ name }) => `${this.serviceOf(name)[family]} : ${this.addressesOf(name)[family]}`)
        .join(", ");
    const own = (family: keyof Addresses) =>
      pods
        .filter(({ attachment }) => attachment !== "direct")
        .map(({ name }) => `${this.addressesOf(name)[family]} . ${this.addressesOf(name)[family]}`)
        .join(", ");
    const service = (ip: string, family: keyof Addresses) =>
      `meta l4proto { tcp, udp } th dport { ${ports.join(", ")} } dnat to ${ip} daddr map { ${map(family)} }`;
    const nat = doesNat
      ? `oifname "eth0" ip saddr ${vpcRange} ip daddr != ${vpcRange} snat to ${nodeIp}`
      : "";
    const marks = doesNat ? `iifname "eni*" ip daddr != ${vpcRange} ct mark set 0x80 meta mark set 0x80` : "";
    return `table ip cluster {
  chain marks {
    type filter hook prerouting priority mangle;
    iifname "eth0" fib daddr type local ct mark set 0x80
    iifname { "eni*", "vlan*" } meta mark set ct mark
  }
  chain services { type nat hook prerouting priority dstnat; ${service("ip", "ipv4")}; ${marks}; }
  chain output { type nat hook output priority -100; ${service("ip", "ipv4")}; }
  chain nat {
    type nat hook postrouting priority srcnat;
    ct status dnat ip saddr . ip daddr { ${own("ipv4")} } masquerade
    ${nat}
  }
}
table ip6 cluster {
  chain services { type nat hook prerouting priority dstnat; ${service("ip6", "ipv6")}; }
  chain output { type nat hook output priority -100; ${service("ip6", "ipv6")}; }
  chain nat {
    type nat hook postrouting priority srcnat;
    ct status dnat ip6 saddr . ip6 daddr { ${own("ipv6")} } masquerade
  }
}
`.replaceAll("; ;", ";");
  }

  /** The primary's veth as aws-cni makes it, then the plugin's ADD. */
  async #addPod(pod: PodActor): Promise<void> {
    const [netns, node] = [this.netnsOf(pod.name), this.netnsOf(pod.node)];
    const veth = `eni-${pod.name}`;
    const mac = "02:0e:0e:0e:0e:01";
    const primary = this.cloud.secondaries.get(pod.name);
    if (primary === undefined) throw new Error(`${pod.name} has no primary`);
    const each = [
      { host: `${primary.ipv4}/32`, gateway: "169.254.1.1", flags: "", family: "" },
      { host: `${primary.ipv6}/128`, gateway: "fe80::1", flags: " nodad", family: "-6 " },
    ];
    await createNetns(netns);
    this.#pods.push(netns);
    await mustExec(node, ["sh", "-e"], {
      input: `ip -batch - <<'IP'
link add ${veth} address ${mac} mtu ${vpcMtu} type veth peer name eth0 mtu ${vpcMtu} netns ${netns}
link set ${veth} up
${each.map(({ host }) => `route add ${host} dev ${veth} scope link`).join("\n")}
IP
${each.map(({ host, family }) => `ip ${family}rule add priority 512 to ${host} table main`).join("\n")}
ip -n ${netns} -batch - <<'IP'
link set eth0 up
${each
  .map(
    ({ host, gateway, flags }) => `addr add ${host} dev eth0${flags}
route add ${gateway} dev eth0 scope link
route add default via ${gateway} dev eth0
neigh add ${gateway} lladdr ${mac} dev eth0 nud permanent`,
  )
  .join("\n")}
IP
`,
    });
    await this.#letPing(netns);
    if (pod.attachment === "none") return;
    await this.#attach(pod, {
      cniVersion: "1.0.0",
      interfaces: [{ name: veth }, { name: "eth0", mac: "1", sandbox: `/run/netns/${netns}` }],
      ips: each.map(({ host }) => ({ interface: 1, address: host })),
    });
  }

  async #attach(pod: PodActor, prevResult: object): Promise<void> {
    const branch = this.cloud.branches.get(pod.name);
    if (branch === undefined) throw new Error(`${pod.name} has no branch`);
    const netns = this.netnsOf(pod.name);
    const isDirect = pod.attachment === "direct";
    const config = {
      cniVersion: "1.0.0",
      name: "worlds",
      type: "branchline",
      enablePodENI: true,
      // There is no agent here.
      missingAnnotation: "pass",
      ...(isDirect
        ? { serviceCIDRs: serviceRanges }
        : {
            datapath: "routed",
            podSGEnforcingMode: pod.attachment === "routed strict" ? "strict" : "standard",
          }),
      trunk: { interface: "eth1" },
      pluginLogFile: path.join(this.#scratch, "branchline.log"),
      runtimeConfig: { [podAnnotations]: { [podEni]: this.#annotationOf(pod) } },
      prevResult,
    };
    // Each node has records of its own; the mount ends with the command.
    await mustExec(
      this.netnsOf(pod.node),
      [
        "sh",
        "-ec",
        `mkdir -p /run/branchline; mount --bind ${this.#stateOf(pod.node)} /run/branchline; exec ${executable}`,
      ],
      {
        input: JSON.stringify(config),
        timeout: 120_000,
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          CNI_COMMAND: "ADD",
          CNI_CONTAINERID: pod.name,
          CNI_NETNS: `/run/netns/${netns}`,
          CNI_IFNAME: "eth0",
          CNI_PATH: "/nonexistent",
          CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.name}`,
        },
      },
    );
  }

  /** As the controller writes it. */
  #annotationOf({ name, subnet }: PodActor): string {
    const branch = this.cloud.branches.get(name);
    const { world } = this.cloud.running.simulator();
    const at = world.subnets.get(this.cloud.subnets.get(subnet) ?? "");
    return JSON.stringify([
      {
        eniId: branch?.id,
        ifAddress: branch?.mac,
        privateIp: branch?.ipv4,
        ipv6Addr: branch?.ipv6,
        vlanId: branch?.vlan,
        subnetCidr: at?.cidr,
        subnetV6Cidr: at?.ipv6Cidr,
        associationID: branch?.association,
      },
    ]);
  }

  #stateOf(node: string): string {
    return path.join(this.#scratch, `state-${node}`);
  }
}
