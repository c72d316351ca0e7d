// The cast in the simulated EC2, whose data plane makes it real: all by requests, as a controller and a person would.
import { Budgets } from "../../src/ec2/budget.ts";
import { Ec2Port } from "../../src/ec2/port.ts";
import { DataPlane } from "../../src/simulator/data-plane/data-plane.ts";
import { textAt } from "../../src/simulator/model/operation.ts";
import type { ParamTree } from "../../src/simulator/model/params.ts";
import type { Answer } from "../../src/simulator/model/types.ts";
import type { Running } from "../../src/simulator/start.ts";
import { startSimulatedVpc } from "../ground/simulated-vpc.ts";
import {
  groups,
  isOutside,
  lists,
  machines,
  nodes,
  pods,
  ruledSubnets,
  subnets,
  type MachineActor,
  type NodeActor,
} from "./cast.ts";

/** How its namespaces' names begin. */
export const PREFIX = "vw";

const FILE = `
settings: { attachSeconds: 0, detachSeconds: 0, instanceSeconds: 0, throttling: false }
prefixLists:
${Object.entries(lists)
  .map(
    ([name, family]) =>
      `  - { name: ${name}, cidrs: [${family === 4 ? "192.0.2.1/32" : "2001:db8::1/128"}], maxEntries: 8 }`,
  )
  .join("\n")}
vpcs:
  - name: main
    cidr: 10.0.0.0/16
    ipv6: true
    acls: [${ruledSubnets.map((name) => `{ name: ${name} }`).join(", ")}]
    subnets:
${Object.entries(subnets)
  .map(
    ([name, cidr]) =>
      `      - { name: ${name}, cidr: ${cidr}, zone: us-east-1a, ipv6: true${ruledSubnets.some((one) => one === name) ? `, acl: ${name}` : ""} }`,
  )
  .join("\n")}
    groups:
${groups.map((name) => `      - { name: ${name} }`).join("\n")}
      - name: everything
        ingress: [{ protocol: "-1", cidr: 0.0.0.0/0 }, { protocol: "-1", cidr6: "::/0" }]
`;

/** An interface of the cast, with its addresses. */
export interface Eni {
  readonly id: string;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface BranchEni extends Eni {
  readonly vlan: number;
  readonly association: string;
}

export class Cloud {
  readonly running: Running;
  readonly port: Ec2Port;
  readonly vpc: string;
  /** Ids by name. */
  readonly subnets: ReadonlyMap<string, string>;
  readonly groups: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, string>;
  readonly acls: ReadonlyMap<string, string>;
  /** IPv6 blocks of the subnets, by name. */
  readonly ipv6Blocks: ReadonlyMap<string, string>;
  /** Primary interfaces of nodes and machines. */
  readonly primaries = new Map<string, Eni>();
  /** Instances of nodes and machines. */
  readonly instances = new Map<string, string>();
  readonly branches = new Map<string, BranchEni>();
  /** Addresses that pods have of their nodes' interfaces. */
  readonly secondaries = new Map<string, { readonly ipv4: string; readonly ipv6: string }>();

  private constructor(running: Running) {
    this.running = running;
    const { world } = running.simulator();
    const [vpc = ""] = world.vpcs.keys();
    this.vpc = vpc;
    const named = (all: ReadonlyMap<string, { id: string; tags: { key: string; value: string }[] }>) =>
      new Map(
        [...all.values()].map(({ id, tags }) => [tags.find(({ key }) => key === "Name")?.value ?? "", id]),
      );
    this.subnets = named(world.subnets);
    this.groups = named(world.groups);
    this.lists = named(world.prefixLists);
    this.acls = named(world.networkAcls);
    this.ipv6Blocks = new Map(
      [...this.subnets].map(([name, id]) => [name, world.subnets.get(id)?.ipv6Cidr ?? ""]),
    );
    // A client that never waits for its own budget.
    let time = 0;
    const clock = { now: () => (time += 60_000), sleep: () => Promise.resolve() };
    this.port = new Ec2Port({
      budgets: new Budgets(clock),
      region: "us-east-1",
      endpoint: running.ec2,
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
    });
  }

  /** `Plane`: the simulator's data plane, unless it is another's turn (planted-worlds.test.ts). */
  static async open(Plane: typeof DataPlane = DataPlane): Promise<Cloud> {
    const running = await startSimulatedVpc({ prefix: PREFIX, world: FILE, Plane });
    const cloud = new Cloud(running);
    for (const machine of [...nodes, ...machines]) cloud.#launch(machine);
    for (const node of nodes) cloud.#plugTrunk(node);
    for (const pod of pods) cloud.#secondary(pod.name, pod.node);
    await cloud.settled();
    return cloud;
  }

  async close(): Promise<void> {
    this.port.close();
    await this.running.stop();
  }

  /** One request; what it changes is real once `settled` resolves. */
  ec2(action: string, tree: ParamTree): Answer {
    const { running } = this;
    const answer = running.simulator().execute(action, { Version: "2016-11-15", ...tree }, running.now());
    running.simulator().advance(running.now());
    return answer;
  }

  async settled(): Promise<void> {
    await this.running.dataPlane?.ready();
  }

  /** The namespace of a node or machine. */
  netnsOf(name: string): string {
    return `${PREFIX}-${this.instances.get(name) ?? ""}`;
  }

  get vpcNetns(): string {
    return `${PREFIX}-${this.vpc}`;
  }

  #launch(of: NodeActor | MachineActor): void {
    const subnet = of.kind === "node" ? "nodes" : of.subnet;
    const group = isOutside(of) ? "everything" : (groups[0] ?? "");
    const answer = this.ec2("RunInstances", {
      ImageId: "ami-0123456789abcdef0",
      MinCount: "1",
      MaxCount: "1",
      InstanceType: "m5.4xlarge",
      SubnetId: this.subnets.get(subnet) ?? "",
      SecurityGroupId: numbered([this.groups.get(group) ?? ""]),
      Ipv6AddressCount: "1",
    });
    const id = textAt(answer, "instancesSet", "0", "instanceId");
    this.instances.set(of.name, id);
    const eni = [...this.running.simulator().world.interfaces.values()].find(
      ({ attachment }) => attachment?.instance === id && attachment.deviceIndex === 0,
    );
    this.primaries.set(of.name, this.#eni(eni?.id ?? ""));
  }

  #plugTrunk({ name }: NodeActor): void {
    const trunk = this.#createEni("nodes", { InterfaceType: "trunk" });
    this.ec2("AttachNetworkInterface", {
      InstanceId: this.instances.get(name) ?? "",
      NetworkInterfaceId: trunk,
      DeviceIndex: "1",
    });
    for (const [i, pod] of pods
      .filter(({ node, attachment }) => node === name && attachment !== "none")
      .entries()) {
      const id = this.#createEni(pod.subnet, { Ipv6AddressCount: "1" });
      // Every trunk counts for itself.
      const vlan = i + 1;
      const tree = { BranchInterfaceId: id, TrunkInterfaceId: trunk, VlanId: String(vlan) };
      const answer = this.ec2("AssociateTrunkInterface", tree);
      const association = textAt(answer, "interfaceAssociation", "associationId");
      this.branches.set(pod.name, { ...this.#eni(id), vlan, association });
    }
  }

  #secondary(name: string, node: string): void {
    const { id } = this.primaries.get(node) ?? { id: "" };
    const { world } = this.running.simulator();
    const before = new Set(world.interfaces.get(id)?.addresses);
    const before6 = new Set(world.interfaces.get(id)?.ipv6);
    this.ec2("AssignPrivateIpAddresses", { NetworkInterfaceId: id, SecondaryPrivateIpAddressCount: "1" });
    this.ec2("AssignIpv6Addresses", { NetworkInterfaceId: id, Ipv6AddressCount: "1" });
    const now = world.interfaces.get(id);
    this.secondaries.set(name, {
      ipv4: now?.addresses.find((one) => !before.has(one)) ?? "",
      ipv6: now?.ipv6.find((one) => !before6.has(one)) ?? "",
    });
  }

  #createEni(subnet: string, more: ParamTree): string {
    const answer = this.ec2("CreateNetworkInterface", {
      SubnetId: this.subnets.get(subnet) ?? "",
      SecurityGroupId: numbered([this.groups.get(groups[0] ?? "") ?? ""]),
      ...more,
    });
    return textAt(answer, "networkInterface", "networkInterfaceId");
  }

  #eni(id: string): Eni {
    const eni = this.running.simulator().world.interfaces.get(id);
    if (eni === undefined) throw new Error(`no interface ${id}`);
    return { id, mac: eni.mac, ipv4: eni.addresses[0] ?? "", ipv6: eni.ipv6[0] ?? "" };
  }
}

/** A list as a request has it. */
export function numbered(values: readonly string[]): ParamTree {
  return Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
}
