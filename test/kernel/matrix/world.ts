// A node with a pod of each datapath and mode at once, what a cluster puts beside them (Services, aws-cni's own NAT and
// marks, an agent on the node), a second node with its own trunk, and machines in the VPC.
import path from "node:path";
import {
  createNetns,
  distDirectory,
  debianPlugins,
  deleteNetns,
  ipBatch,
  must,
  mustExec,
  netnsPath,
  nodeGroup,
  podAnnotations,
  podEni,
  type Branch,
  type Host,
  type OtherNode,
} from "../../ground/index.ts";
import { closeGround, createGround, createSandbox, type Ground, type Sandbox } from "../support/sandbox.ts";
import { routed } from "../support/routed.ts";
import { Agent } from "./agent.ts";

/** What a user may choose, in the order of the table's columns. */
export const kinds = ["direct", "routed, standard", "routed, strict"] as const;
export type Kind = (typeof kinds)[number];

const settingsOf: Record<Kind, Readonly<Record<string, unknown>>> = {
  direct: {},
  "routed, standard": routed("standard"),
  "routed, strict": routed("strict"),
};

/** Who may connect to each port, wherever it is served: that tells whose groups were asked. */
export const ports = { branch: 8001, node: 8002, nobody: 8003, both: 8004 } as const;
const servedPorts = Object.values(ports);

/** The table is of IPv4; the checks beside it are of both. */
export const families = ["ipv4", "ipv6"] as const;
export type Family = (typeof families)[number];
type Addresses = Readonly<Record<Family, string>>;

export const clusterIp: Addresses = { ipv4: "172.20.0.10", ipv6: "fd00:20::10" };
export const agentIp: Addresses = { ipv4: "169.254.170.23", ipv6: "fd00:ec2::23" };
export const nodeIp: Addresses = { ipv4: "10.0.0.10", ipv6: "2001:db8:1::10" };
/** What istio-cni puts in place of the node's address. */
const meshIp = "169.254.7.127";
export const regularIp: Addresses = { ipv4: "10.0.0.59", ipv6: "2001:db8:1::59" };
const vpcRange: Addresses = { ipv4: "10.0.0.0/16", ipv6: "2001:db8:1::/64" };
/** The nodes, the pods and one machine are in the VPC's first subnet; another machine is in this one. */
const otherSubnet = { ipv4: "10.0.1.0/24", ipv6: "2001:db8:2::/64" };
/** Each pod with a branch has a number: its addresses, ports and VLAN id follow from it. In the order of the kinds. */
const subjectNumbers = [1, 2, 3] as const;
const neighbourNumbers = [4, 5, 6] as const;
const strictNumbers = [11, 12, 13] as const;
const clusterNodePorts = "32000-32999";

/** Outside of the VPC's range, so that it is the internet to the node. */
const internet = { ipv4: "203.0.113.0/24", ipv6: "2001:db8:3::/64" };

export interface Subject {
  readonly pod: Sandbox;
  readonly branch: Branch;
  /** Its primary's addresses. */
  readonly primary: Addresses;
  /** Node port 300nx leads to its port 800x. */
  readonly nodePort: (port: number) => number;
  /** Node port 320nx, the same with `externalTrafficPolicy: Cluster`. */
  readonly clusterNodePort: (port: number) => number;
  /** Host port 310nx leads to its port 800x, by aws-cni's own entry for portmap. */
  readonly hostPort: (port: number) => number;
  /** A ClusterIP Service whose only endpoint it is. */
  readonly ownService: Addresses;
  readonly agent: Agent;
}

export class World {
  readonly ground: Ground;
  readonly subjects = new Map<Kind, Subject>();
  /** The same once more, made on the node while its reverse-path filter was strict. */
  readonly onStrictNode = new Map<Kind, Subject>();
  /** Another pod of the same kind on the same node, with a branch of its own. */
  readonly neighbours = new Map<Kind, Subject>();
  regular!: Agent;
  far!: Agent;
  node!: Agent;
  machine!: Agent;
  elsewhere!: Agent;
  machineHost!: Host;
  internetHost!: Host;
  elsewhereHost!: Host;
  #secondNode!: OtherNode;
  readonly #agents: Agent[] = [];
  readonly #pods: Sandbox[] = [];

  private constructor(ground: Ground) {
    this.ground = ground;
  }

  static async open(): Promise<World> {
    const world = new World(await createGround());
    await world.#groups();
    await world.#machines();
    await world.#wire();
    await world.#podsOfAllKinds();
    await world.#farPod();
    await world.#services();
    await world.#portmap("ADD");
    world.node = world.#agent(undefined);
    world.machine = world.#agent(world.machineHost.netns);
    world.elsewhere = world.#agent(world.elsewhereHost.netns);
    const outside = world.#agent(world.internetHost.netns);
    await Promise.all([
      world.node.listen("node", servedPorts),
      world.machine.listen("machine", servedPorts),
      outside.listen("internet", servedPorts),
      ...world.served.map((subject) => subject.agent.listen(subject.pod.name, servedPorts)),
    ]);
    return world;
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.#portmap("DEL");
    for (const pod of this.#pods) await pod.remove();
    await deleteNetns("pod-far");
    for (const family of ["ip", "ip6"])
      await mustExec(undefined, ["nft", "delete", "table", family, "cluster"]);
    await ipBatch(undefined, [
      `addr del ${agentIp.ipv4}/32 dev lo`,
      `addr del ${agentIp.ipv6}/128 dev lo`,
      "rule del priority 1024",
      `rule del priority 512 to ${regularIp.ipv4}`,
    ]);
    await closeGround(this.ground);
  }

  /** Those that something leads to. */
  get served(): Subject[] {
    return [...this.subjects.values(), ...this.onStrictNode.values()];
  }

  /** Istio's ambient mode, for as long as `act` lasts: what the node's processes send to pods has another source. */
  async inMesh<T>(act: () => Promise<T>): Promise<T> {
    const targets = this.served.map(({ branch }) => branch.ipv4).join(", ");
    return withTable(
      "ip mesh",
      `chain nat {
    type nat hook postrouting priority srcnat;
    ip saddr ${nodeIp.ipv4} ip daddr { ${targets} } meta l4proto tcp snat to ${meshIp}
  }`,
      act,
    );
  }

  /** A NetworkPolicy that refuses it all, enforced where aws-cni's agent, Calico and others do: on the node's end of the veth. */
  async withPolicy<T>(act: () => Promise<T>): Promise<T> {
    const veths = [...this.subjects.values()].map(({ pod }) => `"eni-${pod.name}"`).join(", ");
    const chain = (name: string, hook: string) => `chain ${name} {
    type filter hook ${hook} devices = { ${veths} } priority 0;
    tcp dport ${ports.branch}-${ports.both} drop
  }`;
    return withTable("netdev np", `${chain("inward", "egress")}\n  ${chain("outward", "ingress")}`, act);
  }

  /** Inbound to the node's ENI or to a branch: by port. Inbound to a machine: by port and the sender's group. */
  async #groups(): Promise<void> {
    const { vpc } = this.ground;
    const from = { fromCidr: vpcRange.ipv4 };
    const open = (first: number) =>
      families.flatMap((family) => [first, ports.both].map((port) => ({ port, fromCidr: vpcRange[family] })));
    await vpc.createGroup("subject", open(ports.branch));
    await vpc.createGroup("neighbour", open(ports.branch));
    await vpc.allow(
      nodeGroup,
      ...open(ports.node),
      ...[...subjectNumbers, ...strictNumbers].flatMap((n) =>
        [ports.node, ports.both].flatMap((port) =>
          [nodePortOf, clusterNodePortOf, hostPortOf].map((of) => ({ port: of(n, port), ...from })),
        ),
      ),
    );
    await vpc.createGroup("machine", [
      { port: ports.branch, fromGroup: "subject" },
      { port: ports.both, fromGroup: "subject" },
      { port: ports.node, fromGroup: nodeGroup },
      { port: ports.both, fromGroup: nodeGroup },
      { protocol: "icmp", fromGroup: "subject" },
      { protocol: "icmp", fromGroup: nodeGroup },
    ]);
  }

  async #machines(): Promise<void> {
    const { vpc } = this.ground;
    this.machineHost = await vpc.addHost({
      name: "machine",
      ipv4: "10.0.0.30",
      ipv6: "2001:db8:1::30",
      groups: ["machine"],
    });
    this.elsewhereHost = await vpc.addHost({
      name: "elsewhere",
      ipv4: "10.0.1.30",
      groups: ["machine"],
      subnet: otherSubnet,
    });
    this.internetHost = await vpc.addHost({
      name: "internet",
      ipv4: "203.0.113.9",
      groups: ["machine"],
      subnet: internet,
    });
    this.#secondNode = await vpc.addNode({ name: "node2", ipv4: "10.0.0.40", ipv6: "2001:db8:1::40" });
  }

  /** What is on every node: an agent's address, and aws-cni's rule for what it has marked. */
  async #wire(): Promise<void> {
    await ipBatch(undefined, [
      `addr add ${agentIp.ipv4}/32 dev lo`,
      `addr add ${agentIp.ipv6}/128 dev lo nodad`,
      "rule add priority 1024 fwmark 0x80/0x80 table main",
    ]);
  }

  async #podsOfAllKinds(): Promise<void> {
    const { vpc } = this.ground;
    const all = [
      { pods: this.subjects, numbers: subjectNumbers, group: "subject", filter: "eks" },
      { pods: this.neighbours, numbers: neighbourNumbers, group: "neighbour", filter: "eks" },
      { pods: this.onStrictNode, numbers: strictNumbers, group: "subject", filter: "strict" },
    ] as const;
    const branches = await vpc.attachBranches(
      all.flatMap(({ numbers, group }) =>
        numbers.map((number) => ({
          vlanId: 10 + number,
          ipv4: `10.0.0.${100 + number}`,
          ipv6: `2001:db8:1::${100 + number}`,
          groups: [group],
        })),
      ),
    );
    const numbers = all.flatMap((one) => one.numbers);
    await vpc.assignSecondary(
      ...[...numbers.map(primaryOf), regularIp].flatMap((addresses) => Object.values(addresses)),
    );
    for (const { pods, numbers: these, filter } of all) {
      await vpc.setReversePathFilter(filter);
      for (const [i, number] of these.entries()) {
        const [kind, branch] = [kinds[i], branches[numbers.indexOf(number)]];
        if (kind === undefined || branch === undefined) throw new Error("no such kind");
        pods.set(kind, await this.#pod(kind, number, branch));
      }
    }
    await vpc.setReversePathFilter("eks");
    const regular = await createSandbox(this.ground, {
      name: "regular",
      primary: "veth",
      addresses: Object.values(regularIp),
    });
    this.#pods.push(regular);
    // aws-cni makes one for each pod; without it what a standard pod answers would go by its branch.
    await ipBatch(undefined, [`rule add priority 512 to ${regularIp.ipv4} table main`]);
    this.regular = this.#agent(regular.netns);
  }

  async #pod(kind: Kind, number: number, branch: Branch): Promise<Subject> {
    const primary = primaryOf(number);
    const pod = await createSandbox(this.ground, {
      name: `pod${number}`,
      primary: "veth",
      addresses: Object.values(primary),
      branch: branch.annotation,
      // The usual time: the VPC answers for the gateway.
      settings: { ...settingsOf[kind], gatewayTimeout: undefined },
    });
    this.#pods.push(pod);
    await pod.mustAdd();
    const agent = this.#agent(pod.netns);
    return {
      pod,
      branch,
      primary,
      agent,
      nodePort: (port) => nodePortOf(number, port),
      clusterNodePort: (port) => clusterNodePortOf(number, port),
      hostPort: (port) => hostPortOf(number, port),
      ownService: { ipv4: `172.20.0.${100 + number}`, ipv6: `fd00:20::${100 + number}` },
    };
  }

  /** A pod of the second node, strict, by the executable run where that node is. */
  async #farPod(): Promise<void> {
    const { vpc } = this.ground;
    const { netns } = this.#secondNode;
    const branch = await vpc.attachBranch({
      vlanId: 11,
      mac: "02:b1:00:02:00:0b",
      eniId: "eni-0b00000000000002b",
      ipv4: "10.0.0.41",
      groups: ["neighbour"],
      on: this.#secondNode,
    });
    await createNetns("pod-far");
    await ipBatch(netns, ["link add eni-far type veth peer name eth0 netns pod-far", "link set eni-far up"]);
    await ipBatch("pod-far", ["link set eth0 up"]);
    const config = {
      cniVersion: "1.0.0",
      name: "far",
      type: "branchline",
      enablePodENI: true,
      // There is no agent here.
      missingAnnotation: "pass",
      datapath: "routed",
      podSGEnforcingMode: "strict",
      // Its primary has no address at all.
      families: ["4"],
      trunk: { interface: "eth1" },
      pluginLogFile: path.join(this.ground.scratch, "far.log"),
      runtimeConfig: { [podAnnotations]: { [podEni]: branch.annotation } },
      prevResult: {
        cniVersion: "1.0.0",
        interfaces: [{ name: "eni-far" }, { name: "eth0", sandbox: netnsPath("pod-far") }],
      },
    };
    // Its records are its own node's. The command ends with its mount namespace, and the pod with this file.
    const executable = path.resolve(import.meta.dirname, "../../..", distDirectory, "branchline");
    await mustExec(
      netns,
      [
        "sh",
        "-ec",
        `mkdir -p /run/branchline; mount -t tmpfs -o mode=700 tmpfs /run/branchline; exec ${executable}`,
      ],
      {
        input: JSON.stringify(config),
        timeout: 60_000,
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          CNI_COMMAND: "ADD",
          CNI_CONTAINERID: "far",
          CNI_NETNS: netnsPath("pod-far"),
          CNI_IFNAME: "eth0",
          CNI_PATH: "/nonexistent",
          CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=far;K8S_POD_UID=far",
        },
      },
    );
    this.far = this.#agent("pod-far");
  }

  /** kube-proxy's part first, as it puts itself; then aws-cni's, which marks what has to go by the node's own ENI. */
  async #services(): Promise<void> {
    const nodePorts = this.served.flatMap(({ branch, nodePort, clusterNodePort }) =>
      servedPorts.flatMap((port) =>
        [nodePort, clusterNodePort].map(
          (of) =>
            `iifname "eth0" ip daddr ${nodeIp.ipv4} tcp dport ${of(port)} dnat to ${branch.ipv4}:${port}`,
        ),
      ),
    );
    const own = this.served.map(({ branch: { ipv4 } }) => `${ipv4} . ${ipv4}`);
    const services = (family: Family, ip: string) =>
      [
        `${ip} daddr ${clusterIp[family]} dnat to ${this.machineHost[family]}`,
        ...this.served.map(
          ({ branch, ownService }) => `${ip} daddr ${ownService[family]} dnat to ${branch[family]}`,
        ),
      ].join("\n    ");
    await mustExec(undefined, ["nft", "-f", "-"], {
      input: `table ip cluster {
  chain marks {
    type filter hook prerouting priority mangle;
    iifname "eth0" fib daddr type local ct mark set 0x80
    iifname { "eni*", "vlan*" } meta mark set ct mark
  }
  chain services {
    type nat hook prerouting priority dstnat;
    ${services("ipv4", "ip")}
    ${nodePorts.join("\n    ")}
    iifname "eni*" ip daddr != ${vpcRange.ipv4} ct mark set 0x80 meta mark set 0x80
  }
  chain nat {
    type nat hook postrouting priority srcnat;
    meta l4proto tcp ct original proto-dst ${clusterNodePorts} masquerade
    ct status dnat ip saddr . ip daddr { ${own.join(", ")} } masquerade
    oifname "eth0" ip saddr ${vpcRange.ipv4} ip daddr != ${vpcRange.ipv4} snat to ${nodeIp.ipv4}
  }
}
table ip6 cluster {
  chain services {
    type nat hook prerouting priority dstnat;
    ${services("ipv6", "ip6")}
  }
}
`,
    });
  }

  /** portmap behind branchline in the chain, by aws-cni's own entry; the table asks about IPv4 only. */
  async #portmap(command: "ADD" | "DEL"): Promise<void> {
    for (const { pod, hostPort } of this.served) {
      const portMappings = servedPorts.map((port) => ({
        hostPort: hostPort(port),
        containerPort: port,
        protocol: "tcp",
      }));
      await must([path.join(debianPlugins, "portmap")], {
        input: JSON.stringify({
          cniVersion: "1.0.0",
          name: "ground",
          type: "portmap",
          snat: true,
          runtimeConfig: { portMappings },
          prevResult: {
            ...pod.result,
            ips: pod.result?.ips?.filter(({ address }) => !address.includes(":")),
          },
        }),
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          CNI_COMMAND: command,
          CNI_CONTAINERID: pod.containerId,
          CNI_NETNS: pod.path,
          CNI_IFNAME: pod.ifName,
          CNI_PATH: debianPlugins,
        },
      });
    }
  }

  #agent(netns: string | undefined): Agent {
    const agent = new Agent(netns);
    this.#agents.push(agent);
    return agent;
  }
}

/** A table of nftables on the node, for as long as `act` lasts. */
async function withTable<T>(table: string, chains: string, act: () => Promise<T>): Promise<T> {
  await mustExec(undefined, ["nft", "-f", "-"], { input: `table ${table} {\n  ${chains}\n}\n` });
  try {
    return await act();
  } finally {
    await mustExec(undefined, ["nft", "delete", "table", ...table.split(" ")]);
  }
}

function primaryOf(number: number): Addresses {
  return { ipv4: `10.0.0.${50 + number}`, ipv6: `2001:db8:1::${50 + number}` };
}

function nodePortOf(number: number, port: number): number {
  return 30_000 + number * 10 + (port - 8000);
}

function hostPortOf(number: number, port: number): number {
  return nodePortOf(number, port) + 1000;
}

function clusterNodePortOf(number: number, port: number): number {
  return nodePortOf(number, port) + 2000;
}
