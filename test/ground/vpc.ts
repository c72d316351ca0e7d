// A VPC small enough for one machine: a router namespace that treats each network interface as EC2 does.
import { addressOf, asCidr, gatewayOf, isV6, prefixOf } from "./address.ts";
import {
  addressText,
  baseTable,
  groupText,
  plugText,
  points,
  ruleText,
  type GroupRule,
  type Plug,
} from "./groups.ts";
import { branchDevice, strayText } from "./macvlan/iproute.ts";
import { createNetns, deleteNetns, exec, ipBatch, ipJson, mustExec, type Netns } from "./netns.ts";
import { sumFlows, type FlowFilter, type Seen } from "./seen.ts";

/** The router's address for IPv6, the same in every subnet of EC2. */
export const gatewayV6 = "fe80:ec2::1";

/** Jumbo frames, as between instances of one VPC. */
export const vpcMtu = 9001;

/**
 * A node's rp_filter: for `all`, and for the devices that are made. Of `all` and a device's own the greater counts, and
 * aws-cni always sets 2 (loose) on the primary ENI.
 */
export const reversePathFilters = {
  /** Amazon Linux 2023 and whoever else has systemd's 50-default.conf. */
  eks: { all: 0, default: 2 },
  /** A hardened image. */
  strict: { all: 1, default: 1 },
} as const;

export type ReversePathFilter = keyof typeof reversePathFilters;

export interface Subnet {
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface VpcOptions {
  /** The node's namespace: the caller's own unless named. */
  readonly node?: string;
  /** The VPC's namespace, and the beginning of its hosts' names. */
  readonly name?: string;
  readonly subnet?: Subnet;
  /** The node's primary ENI. */
  readonly primary?: Partial<NodeEni>;
  /** The node's trunk ENI; `up: false` leaves it as the kernel made it. */
  readonly trunk?: Partial<NodeEni> & { readonly up?: boolean };
  /** The node's; `eks` unless named. */
  readonly reversePathFilter?: ReversePathFilter;
}

export interface NodeEni {
  readonly device: string;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface BranchOptions {
  readonly vlanId: number;
  readonly mac?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly groups: readonly string[];
  /** Another subnet than the VPC's first one. */
  readonly subnet?: Subnet;
  /** On the trunk of another node; its VLAN ids are its own, so say the MAC when one is used on both. */
  readonly on?: OtherNode;
  readonly eniId?: string;
}

/** A branch ENI as EC2 knows it, with what its controller would write on the pod. */
export interface Branch extends Plug {
  readonly vlanId: number;
  readonly eniId: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly subnet: Subnet;
  /** The value of the pod's `vpc.amazonaws.com/pod-eni`. */
  readonly annotation: string;
}

export interface HostOptions {
  readonly name: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly groups: readonly string[];
  /** Another subnet than the VPC's first one. */
  readonly subnet?: Subnet;
}

/** A machine in the VPC that is not our node. */
export interface Host extends Plug {
  readonly netns: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

export interface OtherNodeOptions {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** A second node, in a namespace where the plugin can be run: eth0 in the group `node`, and eth1, a trunk of its own. */
export interface OtherNode extends Host {
  /** Its trunk's device on the VPC's side. */
  readonly trunkPort: string;
}

/** The group the node's own ENIs are in. */
export const nodeGroup = "node";

/**
 * Builds the VPC and plugs the node into it: its primary ENI with address and default route, and its trunk.
 * The group `node` exists from the start, without any rule.
 */
export async function createVpc(options: VpcOptions = {}): Promise<Vpc> {
  const vpc = new Vpc(options);
  try {
    await vpc.open();
  } catch (error) {
    await vpc.close();
    throw error;
  }
  return vpc;
}

export class Vpc {
  readonly node: Netns;
  readonly netns: string;
  readonly subnet: Subnet;
  readonly primary: NodeEni;
  readonly trunk: NodeEni;
  readonly #trunkUp: boolean;
  readonly #reversePathFilter: ReversePathFilter;
  readonly #plugs = new Map<string, Plug>();
  readonly #hosts = new Map<string, Host>();
  readonly #gateways = new Set<string>();
  /** By the branch's device, where the trunk is another node's. */
  readonly #trunkOf = new Map<string, string>();
  /** What the node's switches were before, to put back. */
  readonly #nodeSysctls = new Map<string, string>();
  #hostCount = 0;
  #opened: string[] = [];

  constructor(options: VpcOptions) {
    this.node = options.node;
    this.netns = options.name ?? "vpc";
    this.subnet = options.subnet ?? { ipv4: "10.0.0.0/24", ipv6: "2001:db8:1::/64" };
    this.primary = {
      device: "eth0",
      mac: "02:00:00:00:00:10",
      ipv4: "10.0.0.10",
      ipv6: "2001:db8:1::10",
      ...options.primary,
    };
    this.trunk = {
      device: "eth1",
      mac: "02:00:00:00:00:11",
      ipv4: "10.0.0.11",
      ipv6: "2001:db8:1::11",
      ...options.trunk,
    };
    this.#trunkUp = options.trunk?.up ?? true;
    this.#reversePathFilter = options.reversePathFilter ?? "eks";
  }

  /** Called by {@link createVpc}. */
  async open(): Promise<void> {
    const taken = await ipJson(this.node, "link", "show");
    for (const { device } of [this.primary, this.trunk])
      if (taken.some((link) => link["ifname"] === device))
        throw new Error(
          `the node's namespace has a ${device} already: run this in a guest or a fresh namespace`,
        );
    // Devices take the node's default when they are made, and so do namespaces.
    await this.setReversePathFilter(this.#reversePathFilter);
    await createNetns(this.netns);
    await this.#sh(`
cd /proc/sys/net
echo 1 > ipv4/ip_forward
echo 1 > ipv6/conf/all/forwarding
for where in all default; do
  # Addresses are EC2's to give out: nobody waits for duplicate address detection.
  echo 0 > ipv6/conf/$where/accept_dad
  echo 0 > ipv4/conf/$where/rp_filter
  echo 0 > ipv4/conf/$where/send_redirects
done
ip route add blackhole default
ip -6 route add blackhole default
nft -f - <<'NFT'
${baseTable()}${groupText(nodeGroup)}NFT
`);
    await this.#addGateway(this.subnet);
    const { primary, trunk, node } = this;
    await ipBatch(
      node,
      (
        [
          [primary, "node0"],
          [trunk, "trunk0"],
        ] as const
      ).map(
        ([eni, peer]) =>
          `link add ${eni.device} address ${eni.mac} mtu ${vpcMtu} type veth peer name ${peer} mtu ${vpcMtu} netns ${this.netns}`,
      ),
    );
    this.#opened = [primary.device, trunk.device];
    await this.#plug(
      [
        { device: "node0", mac: primary.mac, addresses: ipsOf(primary), groups: [nodeGroup] },
        { device: "trunk0", mac: trunk.mac, addresses: ipsOf(trunk), groups: [nodeGroup] },
      ],
      [],
    );
    await this.#nft(strayText({ device: "trunk0", mac: trunk.mac }));
    await this.#setUpNode();
  }

  /** Of the node, for all and for devices made from now on; those that are there keep their own. */
  async setReversePathFilter(of: ReversePathFilter): Promise<void> {
    for (const [where, value] of Object.entries(reversePathFilters[of]))
      await this.#nodeSysctl(`ipv4/conf/${where}/rp_filter`, String(value));
  }

  /** The node as aws-cni leaves it: forwarding, loose reverse path filter, each ENI's own way out. */
  async #setUpNode(): Promise<void> {
    const { primary, trunk } = this;
    const gateway = gatewayOf(this.subnet.ipv4);
    const prefix = prefixOf(this.subnet.ipv4);
    await this.#nodeSysctl("ipv4/ip_forward", "1");
    await this.#nodeSysctl("ipv6/conf/all/forwarding", "1");
    await mustExec(this.node, [
      "sh",
      "-ec",
      `cd /proc/sys/net; echo 2 > ipv4/conf/${primary.device}/rp_filter
       for d in ${primary.device} ${trunk.device}; do echo 0 > ipv6/conf/$d/accept_ra; done`,
    ]);
    await ipBatch(this.node, [
      `addr add ${primary.ipv4}/${prefix} dev ${primary.device}`,
      `addr add ${primary.ipv6}/128 dev ${primary.device} nodad`,
      `link set ${primary.device} up`,
      `route add default via ${gateway} dev ${primary.device}`,
      `route add default via ${gatewayV6} dev ${primary.device}`,
    ]);
    if (!this.#trunkUp) return;
    await ipBatch(this.node, [
      `link set ${trunk.device} up`,
      `addr add ${trunk.ipv4}/${prefix} dev ${trunk.device} noprefixroute`,
      `route add ${gateway} dev ${trunk.device} scope link table 2`,
      `route add default via ${gateway} dev ${trunk.device} table 2`,
    ]);
  }

  /** Makes a security group; without rules it lets nothing in. Everything may go out. */
  async createGroup(name: string, rules: readonly GroupRule[] = []): Promise<void> {
    if (!/^[a-z][a-z0-9-]{0,20}$/.test(name)) throw new Error(`not a group's name: ${name}`);
    await this.#nft(groupText(name) + rules.map((rule) => ruleText(name, rule)).join(""));
  }

  /** Adds inbound rules to a group that exists. */
  async allow(name: string, ...rules: readonly GroupRule[]): Promise<void> {
    await this.#nft(rules.map((rule) => ruleText(name, rule)).join(""));
  }

  /** Associates a branch with the trunk: from now on its VLAN leads somewhere. */
  async attachBranch(options: BranchOptions): Promise<Branch> {
    const branch = branchOf(options, this.subnet);
    if (options.on !== undefined) this.#trunkOf.set(branch.device, options.on.trunkPort);
    await this.#attach([branch]);
    return branch;
  }

  /** The same for many at once, for the price of little more than one. */
  async attachBranches(options: readonly BranchOptions[]): Promise<Branch[]> {
    const branches = options.map((one) => {
      const branch = branchOf(one, this.subnet);
      if (one.on !== undefined) this.#trunkOf.set(branch.device, one.on.trunkPort);
      return branch;
    });
    await this.#attach(branches);
    return branches;
  }

  async #attach(branches: readonly Branch[]): Promise<void> {
    for (const { subnet } of branches) await this.#addGateway(subnet);
    await this.#plug(
      branches,
      branches.map(
        (one) =>
          `link add link ${this.#trunkOf.get(one.device) ?? "trunk0"} name ${one.device} mtu ${vpcMtu} ${branchDevice(one)}`,
      ),
    );
  }

  /** Ends associations; frames with such a tag are then nobody's. */
  async detachBranch(...branches: readonly Branch[]): Promise<void> {
    await this.#unplug(branches);
  }

  /** Puts a machine into the VPC, in a namespace of its own. */
  async addHost(options: HostOptions): Promise<Host> {
    const { name, ipv4, ipv6, groups, subnet = this.subnet } = options;
    const number = (this.#hostCount += 1);
    const host: Host = {
      device: `host${number}`,
      mac: `02:00:00:01:00:${hex(number)}`,
      addresses: ipsOf({ ipv4, ipv6 }),
      groups,
      netns: `${this.netns}-${name}`,
      ipv4,
      ipv6,
    };
    await createNetns(host.netns);
    this.#hosts.set(host.netns, host);
    await this.#addGateway(subnet);
    await this.#plug(
      [host],
      [
        `link add ${host.device} mtu ${vpcMtu} type veth peer name eth0 address ${host.mac} mtu ${vpcMtu} netns ${host.netns}`,
      ],
    );
    await ipBatch(host.netns, [
      "link set eth0 up",
      ...(ipv4 === undefined
        ? []
        : [
            `addr add ${ipv4}/${prefixOf(subnet.ipv4)} dev eth0`,
            `route add default via ${gatewayOf(subnet.ipv4)}`,
          ]),
      ...(ipv6 === undefined
        ? []
        : [`addr add ${ipv6}/128 dev eth0 nodad`, `route add default via ${gatewayV6} dev eth0`]),
    ]);
    return host;
  }

  /** Puts a second node with a trunk into the VPC; its address is that of its primary ENI. */
  async addNode(options: OtherNodeOptions): Promise<OtherNode> {
    const number = (this.#hostCount += 1);
    const [device, trunkPort] = [`node${number}`, `trunk${number}`];
    const macOf = (last: string) => `02:00:00:00:${hex(number)}:${last}`;
    const node: OtherNode = {
      ...options,
      device,
      trunkPort,
      mac: macOf("10"),
      addresses: ipsOf(options),
      groups: [nodeGroup],
      netns: `${this.netns}-${options.name}`,
    };
    const { netns } = node;
    await createNetns(netns);
    this.#hosts.set(netns, node);
    // Nothing of its own is sent by the trunk; a branch's packets are told by their tag.
    const trunk: Plug = { device: trunkPort, mac: macOf("11"), addresses: [], groups: [nodeGroup] };
    await this.#plug(
      [node, trunk],
      (
        [
          [node, "eth0"],
          [trunk, "eth1"],
        ] as const
      ).map(
        ([plug, inside]) =>
          `link add ${plug.device} mtu ${vpcMtu} type veth peer name ${inside} address ${plug.mac} mtu ${vpcMtu} netns ${netns}`,
      ),
    );
    await this.#nft(strayText(trunk));
    await mustExec(netns, [
      "sh",
      "-ec",
      `cd /proc/sys/net; echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
       for w in default eth0 eth1; do echo 2 > ipv4/conf/$w/rp_filter; done
       for d in eth0 eth1; do echo 0 > ipv6/conf/$d/accept_ra; done`,
    ]);
    await ipBatch(netns, [
      `addr add ${options.ipv4}/${prefixOf(this.subnet.ipv4)} dev eth0`,
      `addr add ${options.ipv6}/128 dev eth0 nodad`,
      "link set eth0 up",
      "link set eth1 up",
      `route add default via ${gatewayOf(this.subnet.ipv4)} dev eth0`,
      `route add default via ${gatewayV6} dev eth0`,
    ]);
    return node;
  }

  /** Takes a machine away again. */
  async removeHost(host: Host): Promise<void> {
    await this.#unplug([host]);
    this.#hosts.delete(host.netns);
    await deleteNetns(host.netns);
  }

  /** Gives the node's primary ENI secondary addresses or prefixes, for its regular pods. */
  async assignSecondary(...addresses: readonly string[]): Promise<void> {
    const plug = this.#plugOf("node0");
    this.#plugs.set(plug.device, { ...plug, addresses: [...plug.addresses, ...addresses] });
    await this.#secondary("add", plug, addresses);
  }

  /** Takes secondary addresses back. */
  async unassignSecondary(...addresses: readonly string[]): Promise<void> {
    const plug = this.#plugOf("node0");
    this.#plugs.set(plug.device, {
      ...plug,
      addresses: plug.addresses.filter((one) => !addresses.includes(one)),
    });
    await this.#secondary("del", plug, addresses);
  }

  #secondary(verb: "add" | "del", plug: Plug, addresses: readonly string[]): Promise<unknown> {
    return this.#sh(
      batchText([
        ...addresses.map((address) => this.#deliver(verb, plug, address)),
        ...this.#othersAnswerFor(verb, plug.device, addresses),
      ]) +
        nftText(
          addresses.map((address) => addressText(verb === "add" ? "add" : "delete", plug, address)).join(""),
        ),
    );
  }

  /** The node's primary ENI as the VPC knows it, for {@link seen}. */
  get nodePlug(): Plug {
    return this.#plugOf("node0");
  }

  /** How many packets the VPC saw of one interface, and what became of them. */
  async seen(plug: Plug, filter: FlowFilter = {}): Promise<Seen> {
    const { stdout } = await mustExec(this.netns, ["nft", "-j", "list", "table", "inet", "vpc"]);
    return sumFlows(stdout, plug.device, filter);
  }

  /** Starts all counters afresh. */
  async forget(): Promise<void> {
    const sets = points.flatMap((point) =>
      [4, 6].flatMap((family) => [`${point}${family}`, `${point}${family}_other`]),
    );
    await this.#nft(sets.map((set) => `flush set inet vpc ${set}\n`).join(""));
  }

  /** Removes everything the VPC made, in the node's namespace too. */
  async close(): Promise<void> {
    // Devices first: the kernel takes a namespace's devices away only some time after its name.
    for (const device of this.#opened.splice(0)) {
      await exec(this.node, ["ip", "link", "del", device]);
    }
    for (const netns of [...this.#hosts.keys(), this.netns]) {
      await deleteNetns(netns);
    }
    this.#hosts.clear();
    this.#plugs.clear();
    for (const [name, value] of this.#nodeSysctls) {
      await mustExec(this.node, ["sh", "-c", `echo ${value} > /proc/sys/net/${name}`]);
    }
    this.#nodeSysctls.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #plugOf(device: string): Plug {
    const plug = this.#plugs.get(device);
    if (plug === undefined) throw new Error(`nothing is plugged into ${device}`);
    return plug;
  }

  /** Brings devices of the VPC up (made by `create`) and everything that belongs to them. */
  async #plug(plugs: readonly Plug[], create: readonly string[]): Promise<void> {
    const switches: string[] = [];
    const lines: string[] = [];
    let nft = "";
    for (const plug of plugs) {
      const { device, addresses } = plug;
      this.#plugs.set(device, plug);
      switches.push(
        `echo 1 > ipv4/conf/${device}/proxy_arp`,
        `echo 0 > ipv4/neigh/${device}/proxy_delay`,
        `echo 1 > ipv6/conf/${device}/proxy_ndp`,
        `echo 0 > ipv6/neigh/${device}/proxy_delay`,
        `echo 0 > ipv6/conf/${device}/accept_ra`,
      );
      lines.push(
        `link set ${device} addrgenmode none up`,
        `addr add ${gatewayV6}/64 dev ${device} nodad`,
        ...addresses.map((address) => this.#deliver("add", plug, address)),
        ...this.#othersAnswerFor("add", device, addresses),
        ...this.#answersForOthers(device),
      );
      nft += plugText("add", plug);
    }
    await this.#sh(
      [batchText(create), "cd /proc/sys/net", ...switches, batchText(lines), nftText(nft)].join("\n"),
    );
  }

  async #unplug(plugs: readonly Plug[]): Promise<void> {
    for (const { device } of plugs) this.#plugs.delete(device);
    await this.#sh(
      batchText(
        plugs.flatMap((plug) => [
          `link del ${plug.device}`,
          ...this.#othersAnswerFor("del", plug.device, plug.addresses),
        ]),
      ) + nftText(plugs.map((plug) => plugText("delete", plug)).join("")),
    );
  }

  /**
   * EC2 delivers by MAC and never asks: each address has a static neighbour. A prefix, and a secondary
   * address, goes to the interface's first address, whose neighbour is static already.
   */
  #deliver(verb: "add" | "del", { device, mac, addresses }: Plug, address: string): string {
    const v6 = isV6(address);
    const first = addresses.find((one) => isV6(one) === v6) ?? address;
    if (first !== address) return `route ${verb} ${asCidr(address)} via ${first} dev ${device} onlink`;
    return verb === "add"
      ? `route add ${asCidr(address)} dev ${device}\nneigh add ${address} lladdr ${mac} dev ${device} nud permanent`
      : `route del ${asCidr(address)} dev ${device}\nneigh del ${address} dev ${device}`;
  }

  /** The IPv6 twin of proxy_arp needs an entry for each address on each device that asks. */
  #othersAnswerFor(verb: "add" | "del", device: string, addresses: readonly string[]): string[] {
    const hosts = addresses.filter((address) => isV6(address) && !address.includes("/"));
    return [...this.#plugs.keys()]
      .filter((other) => other !== device)
      .flatMap((other) => hosts.map((address) => `neigh ${verb} proxy ${address} dev ${other}`));
  }

  #answersForOthers(device: string): string[] {
    return [...this.#plugs.values()]
      .filter((other) => other.device !== device)
      .flatMap((other) => other.addresses)
      .filter((address) => isV6(address) && !address.includes("/"))
      .map((address) => `neigh add proxy ${address} dev ${device}`);
  }

  async #addGateway(subnet: Subnet): Promise<void> {
    const gateway = gatewayOf(subnet.ipv4);
    if (this.#gateways.has(gateway)) return;
    this.#gateways.add(gateway);
    await ipBatch(this.netns, [`addr add ${gateway}/32 dev lo`]);
  }

  async #nodeSysctl(name: string, value: string): Promise<void> {
    const path = `/proc/sys/net/${name}`;
    const { stdout } = await mustExec(this.node, ["sh", "-ec", `cat ${path}; echo ${value} > ${path}`]);
    // Set once more: what it was at first is what it is to be again.
    if (!this.#nodeSysctls.has(name)) this.#nodeSysctls.set(name, stdout.trim());
  }

  #nft(text: string): Promise<unknown> {
    return mustExec(this.netns, ["nft", "-f", "-"], { input: text });
  }

  /** One process enters the namespace for a whole script: starting processes is what costs in the guest. */
  #sh(script: string): Promise<unknown> {
    return mustExec(this.netns, ["sh", "-e"], { input: script });
  }
}

/** What EC2 and the controller would make of the options; `home` is the subnet unless they name one. */
function branchOf(options: BranchOptions, home: Subnet): Branch {
  const { vlanId, ipv4, ipv6, groups } = options;
  const subnet = options.subnet ?? home;
  const mac = options.mac ?? `02:b1:00:00:${hex(vlanId >> 8)}:${hex(vlanId & 255)}`;
  const eniId = options.eniId ?? `eni-0b${vlanId.toString(16).padStart(15, "0")}`;
  return {
    device: options.on === undefined ? `br${vlanId}` : `${options.on.trunkPort}b${vlanId}`,
    mac,
    addresses: ipsOf({ ipv4, ipv6 }),
    groups,
    vlanId,
    eniId,
    ipv4,
    ipv6,
    subnet,
    // Every key, "" where there is nothing: as the controller writes it.
    annotation: JSON.stringify([
      {
        eniId,
        ifAddress: mac,
        privateIp: ipv4 ?? "",
        ipv6Addr: ipv6 ?? "",
        vlanId,
        subnetCidr: ipv4 === undefined ? "" : subnet.ipv4,
        subnetV6Cidr: ipv6 === undefined ? "" : subnet.ipv6,
        associationID: `trunk-assoc-${vlanId.toString(16).padStart(17, "0")}`,
      },
    ]),
  };
}

function batchText(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `ip -batch - <<'IP'\n${lines.join("\n")}\nIP\n`;
}

function nftText(text: string): string {
  return `nft -f - <<'NFT'\n${text}NFT\n`;
}

function ipsOf(eni: { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined }): string[] {
  return [eni.ipv4, eni.ipv6].filter((address) => address !== undefined).map(addressOf);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
