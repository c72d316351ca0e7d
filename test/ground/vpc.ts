// A VPC on one machine for the tests: the simulator's data plane, with a node that is set up as aws-cni leaves it.
import { flowsOf, sumFlows, type FlowFilter, type Seen } from "../../src/simulator/data-plane/counters.ts";
import {
  MTU,
  ROUTER_V6,
  emptyNetwork,
  leaseLines,
  type Network,
  type GroupRule as PlaneRule,
  type Port,
} from "../../src/simulator/data-plane/network.ts";
import { VpcPlane } from "../../src/simulator/data-plane/vpc-plane.ts";
import { addressOf, gatewayOf, prefixOf } from "./address.ts";
import { branchDevice, strayText } from "./macvlan/iproute.ts";
import { ipBatch, ipJson, mustExec, type Netns } from "./netns.ts";
import { eventually } from "./run.ts";

/** The router's address for IPv6, the same in every subnet of EC2. */
export const gatewayV6 = ROUTER_V6;

/** Jumbo frames, as between instances of one VPC. */
export const vpcMtu = MTU;

/** One inbound rule of a security group. Without a port: every port. */
export type GroupRule = {
  readonly protocol?: "tcp" | "udp" | "icmp" | "all";
  readonly port?: number;
} & ({ readonly fromGroup: string } | { readonly fromCidr: string });

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
export interface Branch extends Port {
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
export interface Host extends Port {
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

/** What of the network the tests change, as a copy. */
interface Draft {
  readonly machines: Set<string>;
  readonly gateways: Set<string>;
  readonly groups: Map<string, readonly PlaneRule[]>;
  readonly ports: Map<string, Port>;
}

export class Vpc {
  readonly node: Netns;
  readonly netns: string;
  readonly subnet: Subnet;
  readonly primary: NodeEni;
  readonly trunk: NodeEni;
  readonly #trunkUp: boolean;
  readonly #reversePathFilter: ReversePathFilter;
  /** What the node's switches were before, to put back. */
  readonly #nodeSysctls = new Map<string, string>();
  #plane: VpcPlane | undefined;
  #hostCount = 0;

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
    this.#plane = await VpcPlane.open({
      netns: this.netns,
      branchType: branchDevice,
    });
    const { primary, trunk, node } = this;
    await this.#edit((draft) => {
      draft.groups.set(nodeGroup, anythingOut);
      draft.gateways.add(gatewayOf(this.subnet.ipv4));
      add(draft, portOf({ device: "node0", ...ipsOf(primary), mac: primary.mac }, node, primary.device));
      add(draft, portOf({ device: "trunk0", ...ipsOf(trunk), mac: trunk.mac }, node, trunk.device));
    });
    await this.#addStray("trunk0", trunk.mac);
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
      `link set ${primary.device} up`,
      ...ownAddresses(primary, this.subnet, primary.device),
    ]);
    // The kernel inserts the route of an address's own a moment after it has taken the address (addrconf_dad_work).
    await eventually("the node's own IPv6 address", async () => {
      const routes = ["ip", "-6", "route", "show", "table", "local", "dev", primary.device] as const;
      return (await mustExec(this.node, [...routes])).stdout.includes(primary.ipv6) ? true : undefined;
    });
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
    await this.#edit(({ groups }) => groups.set(name, [...anythingOut, ...rules.flatMap(planeRules)]));
  }

  /** Adds inbound rules to a group that exists. */
  async allow(name: string, ...rules: readonly GroupRule[]): Promise<void> {
    await this.#edit(({ groups }) =>
      groups.set(name, [...(groups.get(name) ?? []), ...rules.flatMap(planeRules)]),
    );
  }

  /** Associates a branch with the trunk: from now on its VLAN leads somewhere. */
  async attachBranch(options: BranchOptions): Promise<Branch> {
    const [branch] = await this.attachBranches([options]);
    if (branch === undefined) throw new Error("no branch");
    return branch;
  }

  /** The same for many at once, for the price of little more than one. */
  async attachBranches(options: readonly BranchOptions[]): Promise<Branch[]> {
    const branches = options.map((one) => branchOf(one, this.subnet));
    await this.#edit((draft) => {
      for (const branch of branches) {
        draft.gateways.add(gatewayOf(branch.subnet.ipv4));
        add(draft, branch);
      }
    });
    return branches;
  }

  /** Ends associations; frames with such a tag are then nobody's. */
  async detachBranch(...branches: readonly Branch[]): Promise<void> {
    await this.#edit(({ ports }) => {
      for (const { device } of branches) ports.delete(device);
    });
  }

  /** Puts a machine into the VPC, in a namespace of its own. */
  async addHost(options: HostOptions): Promise<Host> {
    const { name, ipv4, ipv6, groups, subnet = this.subnet } = options;
    const number = (this.#hostCount += 1);
    const netns = `${this.netns}-${name}`;
    const [device, mac] = [`host${number}`, `02:00:00:01:00:${hex(number)}`];
    const setUp = ["link set eth0 up", ...ownAddresses({ ipv4, ipv6 }, subnet, "eth0")];
    const port = portOf({ device, mac, ...ipsOf({ ipv4, ipv6 }), groups }, netns, "eth0", setUp);
    await this.#edit((draft) => {
      draft.machines.add(netns);
      draft.gateways.add(gatewayOf(subnet.ipv4));
      add(draft, port);
    });
    return { ...port, netns, ipv4, ipv6 };
  }

  /** Puts a second node with a trunk into the VPC; its address is that of its primary ENI. */
  async addNode(options: OtherNodeOptions): Promise<OtherNode> {
    const number = (this.#hostCount += 1);
    const [device, trunkPort] = [`node${number}`, `trunk${number}`];
    const macOf = (last: string) => `02:00:00:00:${hex(number)}:${last}`;
    const netns = `${this.netns}-${options.name}`;
    const primary = portOf({ device, mac: macOf("10"), ...ipsOf(options) }, netns, "eth0");
    await this.#edit((draft) => {
      draft.machines.add(netns);
      add(draft, primary);
      // Nothing of its own is sent by the trunk; a branch's packets are told by their tag.
      add(draft, portOf({ device: trunkPort, mac: macOf("11"), addresses: [] }, netns, "eth1"));
    });
    await this.#addStray(trunkPort, macOf("11"));
    await mustExec(netns, [
      "sh",
      "-ec",
      `cd /proc/sys/net; echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
       for w in default eth0 eth1; do echo 2 > ipv4/conf/$w/rp_filter; done
       for d in eth0 eth1; do echo 0 > ipv6/conf/$d/accept_ra; done`,
    ]);
    const up = ["link set eth0 up", "link set eth1 up"];
    await ipBatch(netns, [...up, ...ownAddresses(options, this.subnet, "eth0")]);
    return { ...primary, ...options, netns, trunkPort };
  }

  /** Takes a machine away again. */
  async removeHost(host: Host): Promise<void> {
    await this.#edit(({ ports, machines }) => {
      ports.delete(host.device);
      machines.delete(host.netns);
    });
  }

  /** Gives the node's primary ENI secondary addresses or prefixes, for its regular pods. */
  async assignSecondary(...addresses: readonly string[]): Promise<void> {
    await this.#edit(({ ports }) => {
      const port = this.nodePlug;
      ports.set(port.device, { ...port, addresses: [...port.addresses, ...addresses] });
    });
  }

  /** Takes secondary addresses back. */
  async unassignSecondary(...addresses: readonly string[]): Promise<void> {
    await this.#edit(({ ports }) => {
      const port = this.nodePlug;
      const kept = port.addresses.filter((one) => !addresses.includes(one));
      ports.set(port.device, { ...port, addresses: kept });
    });
  }

  /** The node's primary ENI as the VPC knows it, for {@link seen}. */
  get nodePlug(): Port {
    const port = this.#open().network.ports.get("node0");
    if (port === undefined) throw new Error("the node is not plugged in");
    return port;
  }

  /** How many packets the VPC saw of one interface, and what became of them. */
  async seen({ device }: Port, filter: FlowFilter = {}): Promise<Seen> {
    return sumFlows(flowsOf(await this.#open().flows()), device, filter);
  }

  /** Starts all counters afresh. */
  async forget(): Promise<void> {
    await this.#open().forget();
  }

  /** Removes everything the VPC made, in the node's namespace too. */
  async close(): Promise<void> {
    await this.#plane?.close();
    this.#plane = undefined;
    for (const [name, value] of this.#nodeSysctls) {
      await mustExec(this.node, ["sh", "-c", `echo ${value} > /proc/sys/net/${name}`]);
    }
    this.#nodeSysctls.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): VpcPlane {
    if (this.#plane === undefined) throw new Error("the VPC is not open");
    return this.#plane;
  }

  async #edit(change: (draft: Draft) => void): Promise<void> {
    const { machines, gateways, groups, ports, ...others } = this.#plane?.network ?? emptyNetwork;
    const draft = {
      machines: new Set(machines),
      gateways: new Set(gateways),
      groups: new Map(groups),
      ports: new Map(ports),
    };
    change(draft);
    await this.#open().apply({ ...others, ...draft } satisfies Network);
  }

  async #addStray(device: string, mac: string): Promise<void> {
    const text = strayText({ device, mac });
    if (text !== "") await this.#open().nft(text);
  }

  async #nodeSysctl(name: string, value: string): Promise<void> {
    const path = `/proc/sys/net/${name}`;
    const { stdout } = await mustExec(this.node, ["sh", "-ec", `cat ${path}; echo ${value} > ${path}`]);
    // Set once more: what it was at first is what it is to be again.
    if (!this.#nodeSysctls.has(name)) this.#nodeSysctls.set(name, stdout.trim());
  }
}

const anythingOut: readonly PlaneRule[] = ["0.0.0.0/0", "::/0"].map((cidr) => ({
  id: "out",
  egress: true,
  protocol: "-1",
  peer: { cidr },
}));

function planeRules(rule: GroupRule): PlaneRule[] {
  const { protocol = "tcp", port } = rule;
  const protocols = { tcp: ["tcp"], udp: ["udp"], icmp: ["icmp", "icmpv6"], all: ["-1"] }[protocol];
  return protocols.map((one) => ({
    id: "in",
    egress: false,
    protocol: one,
    ...(port === undefined ? {} : { from: port, to: port }),
    peer: "fromGroup" in rule ? { group: rule.fromGroup } : { cidr: rule.fromCidr },
  }));
}

function add({ ports }: Draft, port: Port): void {
  ports.set(port.device, port);
}

type PortOptions = Pick<Port, "device" | "mac" | "addresses"> & Partial<Pick<Port, "groups">>;

/** An interface of a machine, in the node's group unless others are named. */
function portOf(options: PortOptions, netns: Netns, inside: string, setUp: readonly string[] = []): Port {
  const cable = { kind: "veth", netns, device: inside, setUp } as const;
  return { eni: `eni-${options.device}`, groups: [nodeGroup], isChecked: true, ...options, cable };
}

/** `ip -batch`: a machine's own address and its way out, in each family it has. */
function ownAddresses(
  { ipv4, ipv6 }: { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined },
  { ipv4: subnet }: Subnet,
  device: string,
): string[] {
  const leaseOf = (address: string) => ({ address, length: prefixOf(subnet), router: gatewayOf(subnet) });
  return leaseLines(device, ipv4 === undefined ? undefined : leaseOf(ipv4), ipv6);
}

/** What EC2 and the controller would make of the options; `home` is the subnet unless they name one. */
function branchOf(options: BranchOptions, home: Subnet): Branch {
  const { vlanId, ipv4, ipv6, groups } = options;
  const subnet = options.subnet ?? home;
  const mac = options.mac ?? `02:b1:00:00:${hex(vlanId >> 8)}:${hex(vlanId & 255)}`;
  const eniId = options.eniId ?? `eni-0b${vlanId.toString(16).padStart(15, "0")}`;
  return {
    eni: eniId,
    device: options.on === undefined ? `br${vlanId}` : `${options.on.trunkPort}b${vlanId}`,
    mac,
    ...ipsOf({ ipv4, ipv6 }),
    groups,
    isChecked: true,
    cable: { kind: "branch", trunk: options.on?.trunkPort ?? "trunk0", vlanId },
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

function ipsOf(eni: { readonly ipv4?: string | undefined; readonly ipv6?: string | undefined }): {
  readonly addresses: readonly string[];
} {
  return {
    addresses: [eni.ipv4, eni.ipv6].filter((address) => address !== undefined).map(addressOf),
  };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
