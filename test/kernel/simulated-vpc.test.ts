// The simulator's data plane: requests to EC2 on one side, packets on the other.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { claimNamespaces } from "../../src/simulator/data-plane/claim.ts";
import {
  emptyNetwork,
  type AclRule,
  type GroupRule,
  type Network,
  type Port,
} from "../../src/simulator/data-plane/network.ts";
import { POINTS, flowSetsOf, totalSetOf } from "../../src/simulator/data-plane/base-table.ts";
import { VpcPlane } from "../../src/simulator/data-plane/vpc-plane.ts";
import { textAt } from "../../src/simulator/model/operation.ts";
import type { ParamTree } from "../../src/simulator/model/params.ts";
import { Random } from "../../src/simulator/model/random.ts";
import type { Answer } from "../../src/simulator/model/types.ts";
import type { Running } from "../../src/simulator/start.ts";
import { createBranchPod } from "../ground/branch-pod.ts";
import { Conversation } from "../ground/conversation.ts";
import { branchDevice, isMacvlan } from "../ground/macvlan/iproute.ts";
import { createNetns, deleteNetns, ipBatch, mustExec } from "../ground/netns.ts";
import { eventually, sleep } from "../ground/run.ts";
import { startTrace } from "../ground/simulated-trace.ts";
import { startSimulatedVpc } from "../ground/simulated-vpc.ts";
import { settled, snapshot, type Snapshot } from "../ground/snapshot.ts";
import { connect, ping } from "../ground/traffic.ts";

const WORLD = `
settings: { attachSeconds: 0, detachSeconds: 0, instanceSeconds: 0, throttling: false }
vpcs:
  - name: main
    cidr: 10.0.0.0/16
    ipv6: true
    subnets: [{ name: nodes, cidr: 10.0.0.0/24, zone: us-east-1a, ipv6: true }]
    groups:
      - { name: node, ingress: [{ protocol: icmp, ports: [-1, -1], cidr: 10.0.0.0/16 }] }
      - { name: client }
      - name: db
        ingress:
          - { protocol: tcp, ports: [5432, 5432], group: client }
          - { protocol: udp, ports: [5432, 5432], group: client }
      - { name: open, ingress: [{ protocol: tcp, ports: [5432, 5432], cidr: 0.0.0.0/0 }] }
      - { name: nothing }
    instances:
      - { name: a, type: m5.large, subnet: nodes, groups: [node] }
      - { name: b, type: m5.large, subnet: nodes, groups: [node] }
`;
const PORT = 5432;

let before: Snapshot;
let running: Running;
let groups: Map<string, string>;
let instances: string[];
let trunks: string[];

interface Pod {
  readonly netns: string;
  readonly eni: string;
  readonly association: string;
  readonly ipv4: string;
  readonly ipv6: string;
}
const namespaces: string[] = [];
const conversations: Conversation[] = [];

/** One request, and the time that the kernel needs to follow. */
async function ec2(action: string, tree: ParamTree): Promise<Answer> {
  const answer = running.simulator().execute(action, { Version: "2016-11-15", ...tree }, running.now());
  running.simulator().advance(running.now());
  await running.dataPlane?.ready();
  return answer;
}

const list = (...values: readonly string[]): ParamTree =>
  Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
const groupId = (name: string): string => groups.get(name) ?? name;
const node = (i: number): string => `simtest-${instances[i]}`;

async function createEni(name: string, options: ParamTree = {}): Promise<{ id: string; ipv4: string }> {
  const [subnet = ""] = running.simulator().world.subnets.keys();
  const tree = { SubnetId: subnet, SecurityGroupId: list(groupId(name)), Ipv6AddressCount: "1", ...options };
  const answer = await ec2("CreateNetworkInterface", tree);
  return {
    id: textAt(answer, "networkInterface", "networkInterfaceId"),
    ipv4: textAt(answer, "networkInterface", "privateIpAddress"),
  };
}

async function associate(eni: string, on: number, vlan: number): Promise<string> {
  const tree = { BranchInterfaceId: eni, TrunkInterfaceId: trunks[on] ?? "", VlanId: String(vlan) };
  return textAt(await ec2("AssociateTrunkInterface", tree), "interfaceAssociation", "associationId");
}

/** A namespace that owns the branch of a VLAN id of a node. */
async function podOf(eni: string, on: number, vlan: number): Promise<string> {
  const netns = `simtest-pod-${namespaces.length}`;
  namespaces.push(netns);
  const {
    mac = "",
    addresses: [ipv4 = ""] = [],
    ipv6 = [],
  } = running.simulator().world.interfaces.get(eni) ?? {};
  await createBranchPod(node(on), netns, { mac, ipv4, ipv6: ipv6[0] }, `type vlan id ${vlan}`);
  return netns;
}

/** An interface in a group, carried to a node as a VLAN, in a pod of its own. */
async function pod(group: string, on: number, vlan: number, options: ParamTree = {}): Promise<Pod> {
  const { id, ipv4 } = await createEni(group, options);
  const association = await associate(id, on, vlan);
  const netns = await podOf(id, on, vlan);
  const ipv6 = running.simulator().world.interfaces.get(id)?.ipv6[0] ?? "";
  return { netns, eni: id, association, ipv4, ipv6 };
}

async function remove({ netns, eni, association }: Pod): Promise<void> {
  await deleteNetns(netns);
  await ec2("DisassociateTrunkInterface", { AssociationId: association });
  await ec2("DeleteNetworkInterface", { NetworkInterfaceId: eni });
}

async function serve(netns: string): Promise<void> {
  conversations.push(await Conversation.serve(netns, PORT));
}

async function talk(from: string, to: string): Promise<Conversation> {
  const conversation = await Conversation.tcp(from, to, PORT);
  conversations.push(conversation);
  return conversation;
}

async function udp(from: string, to: string, own: number): Promise<Conversation> {
  const conversation = await Conversation.udp(from, to, PORT, own);
  conversations.push(conversation);
  return conversation;
}

/** The permission of db, as a request has it. */
const fromClient = (protocol: string): ParamTree => ({
  IpPermissions: {
    "1": {
      IpProtocol: protocol,
      FromPort: String(PORT),
      ToPort: String(PORT),
      Groups: { "1": { GroupId: groupId("client") } },
    },
  },
});

type Family = "ipv4" | "ipv6";

const reaches = async (from: Pod, to: Pod, family: Family = "ipv4", timeout = 1): Promise<string> =>
  (await connect(from.netns, to[family], { port: PORT, timeout })).reach;

/** The same where it is to be reached: the first packet of a new device may be lost. */
const reachesSoon = (from: Pod, to: Pod, family?: Family): Promise<string> => reaches(from, to, family, 5);

beforeAll(async () => {
  before = await snapshot();
  running = await startSimulatedVpc({ prefix: "simtest", world: WORLD });
});

beforeEach(async () => {
  await fetch(`${running.control}/reset`, { method: "POST" });
  const { world } = running.simulator();
  groups = new Map([...world.groups.values()].map(({ name, id }) => [name, id]));
  instances = [...world.instances.keys()];
  trunks = [];
  for (const instance of instances) {
    const { id } = await createEni("node", { InterfaceType: "trunk" });
    await ec2("AttachNetworkInterface", { InstanceId: instance, NetworkInterfaceId: id, DeviceIndex: "1" });
    trunks.push(id);
  }
});

afterEach(async () => {
  for (const conversation of conversations.splice(0)) await conversation.close();
  for (const name of namespaces.splice(0)) await deleteNetns(name);
});

afterAll(async () => {
  await running.stop();
  await settled(undefined, before);
});

describe("groups", () => {
  let client: Pod;
  let db: Pod;
  let stranger: Pod;
  beforeEach(async () => {
    client = await pod("client", 0, 5);
    // The same VLAN id on another trunk is another branch.
    db = await pod("db", 1, 5);
    stranger = await pod("nothing", 0, 6);
    await serve(db.netns);
  });

  test.each(["ipv4", "ipv6"] as const)("let in whom their rules name, over %s", async (family) => {
    expect(await reachesSoon(client, db, family)).toBe("reached");
    expect(await reaches(stranger, db, family)).toBe("timed out");
    expect(await reaches(db, client, family)).toBe("timed out");
    const state = await running.dataPlane?.state();
    expect(state?.interfaces[db.eni]?.refused).toBeGreaterThan(0);
    expect(state?.interfaces[stranger.eni]).toMatchObject({ refused: 0, withheld: 0, spoofed: 0 });
    const rules = running.simulator().world.groups.get(groupId("db"))?.rules ?? [];
    const rule = rules.find(({ egress, protocol }) => !egress && protocol === "tcp")?.id ?? "";
    expect(state?.rules[rule]).toBeGreaterThan(0);
  });

  test("a revoked rule stops new connections and leaves those that are tracked; authorized again it opens", async () => {
    const held = await talk(client.netns, db.ipv4);
    expect(await held.isAnswered()).toBe(true);
    await ec2("RevokeSecurityGroupIngress", { GroupId: groupId("db"), ...fromClient("tcp") });
    expect(await reaches(client, db)).toBe("timed out");
    expect(await held.isAnswered()).toBe(true);
    await ec2("AuthorizeSecurityGroupIngress", { GroupId: groupId("db"), ...fromClient("tcp") });
    expect(await reachesSoon(client, db)).toBe("reached");
  });

  test("so does a change of the interface's groups", async () => {
    const held = await talk(client.netns, db.ipv4);
    await ec2("ModifyNetworkInterfaceAttribute", {
      NetworkInterfaceId: client.eni,
      SecurityGroupId: list(groupId("nothing")),
    });
    expect(await reaches(client, db)).toBe("timed out");
    expect(await held.isAnswered()).toBe(true);
    await ec2("ModifyNetworkInterfaceAttribute", {
      NetworkInterfaceId: stranger.eni,
      SecurityGroupId: list(groupId("nothing"), groupId("client")),
    });
    expect(await reachesSoon(stranger, db)).toBe("reached");
  });

  test("what all may send and be answered is not tracked: it ends with its rule", async () => {
    const open = await pod("open", 1, 7);
    await serve(open.netns);
    const held = await talk(client.netns, open.ipv4);
    expect(await held.isAnswered()).toBe(true);
    const permission = {
      IpPermissions: {
        "1": {
          IpProtocol: "tcp",
          FromPort: String(PORT),
          ToPort: String(PORT),
          IpRanges: { "1": { CidrIp: "0.0.0.0/0" } },
        },
      },
    };
    await ec2("RevokeSecurityGroupIngress", { GroupId: groupId("open"), ...permission });
    expect(await held.isAnswered(1000)).toBe(false);
  });

  test("without a rule for what leaves, nothing new leaves, and answers do", async () => {
    const everything = {
      IpPermissions: { "1": { IpProtocol: "-1", IpRanges: { "1": { CidrIp: "0.0.0.0/0" } } } },
    };
    await ec2("RevokeSecurityGroupEgress", { GroupId: groupId("db"), ...everything });
    expect(await reachesSoon(client, db)).toBe("reached");
    await ec2("RevokeSecurityGroupEgress", { GroupId: groupId("client"), ...everything });
    expect(await reaches(client, db)).toBe("timed out");
    const state = await running.dataPlane?.state();
    expect(state?.interfaces[client.eni]?.withheld).toBeGreaterThan(0);
  });
});

describe("an interface's connections", () => {
  let db: Pod;
  beforeEach(async () => {
    db = await pod("db", 1, 5);
    await serve(db.netns);
  });

  test("are tracked on when another pod gets the interface, though its groups allow nothing by then", async () => {
    const first = await pod("client", 0, 5);
    expect(await (await udp(first.netns, db.ipv4, 4000)).isAnswered()).toBe(true);
    await ec2("ModifyNetworkInterfaceAttribute", {
      NetworkInterfaceId: first.eni,
      SecurityGroupId: list(groupId("nothing")),
    });
    await deleteNetns(first.netns);
    await ec2("DisassociateTrunkInterface", { AssociationId: first.association });
    await associate(first.eni, 0, 9);
    const second = await podOf(first.eni, 0, 9);
    expect(await (await udp(second, db.ipv4, 4000)).isAnswered()).toBe(true);
    expect(await (await udp(second, db.ipv4, 4001)).isAnswered(1000)).toBe(false);
  });

  test("are nothing to another interface that gets the address", async () => {
    const first = await pod("client", 0, 5);
    expect(await (await udp(first.netns, db.ipv4, 4000)).isAnswered()).toBe(true);
    await remove(first);
    const second = await pod("nothing", 0, 5, { PrivateIpAddress: first.ipv4 });
    expect(second.ipv4).toBe(first.ipv4);
    expect(await (await udp(second.netns, db.ipv4, 4000)).isAnswered(1000)).toBe(false);
  });

  test("are tracked for as long as either interface says", async () => {
    const first = await pod("client", 0, 5, {
      ConnectionTrackingSpecification: { TcpEstablishedTimeout: "77" },
    });
    const other = await pod("client", 0, 6);
    expect(await (await talk(first.netns, db.ipv4)).isAnswered()).toBe(true);
    expect(await (await talk(other.netns, db.ipv4)).isAnswered()).toBe(true);
    const vpc = `simtest-${[...running.simulator().world.vpcs.keys()][0]}`;
    const seconds = async (from: string) => {
      const { stdout } = await mustExec(vpc, ["conntrack", "-L", "-p", "tcp", "--orig-src", from]);
      return Number(/^tcp\s+6 (\d+) ESTABLISHED/.exec(stdout)?.[1]);
    };
    expect(await seconds(first.ipv4)).toBeLessThanOrEqual(77);
    expect(await seconds(first.ipv4)).toBeGreaterThan(60);
    expect(await seconds(other.ipv4)).toBeGreaterThan(400_000);
    // Of two times the shorter counts, for connections from then on.
    await ec2("ModifyNetworkInterfaceAttribute", {
      NetworkInterfaceId: db.eni,
      ConnectionTrackingSpecification: { TcpEstablishedTimeout: "177" },
    });
    await mustExec(vpc, ["conntrack", "-F"]);
    expect(await (await talk(first.netns, db.ipv4)).isAnswered()).toBe(true);
    expect(await (await talk(other.netns, db.ipv4)).isAnswered()).toBe(true);
    expect(await seconds(first.ipv4)).toBeLessThanOrEqual(77);
    expect(await seconds(other.ipv4)).toBeLessThanOrEqual(177);
    expect(await seconds(other.ipv4)).toBeGreaterThan(77);
  });
});

describe("prefixes", () => {
  let client: Pod;
  let db: Pod;
  beforeEach(async () => {
    client = await pod("client", 0, 5);
    db = await pod("db", 1, 5);
    await serve(db.netns);
  });

  /** The pod, by addresses of two prefixes that its interface gets. */
  async function prefixed(of: Pod): Promise<Pod> {
    const id = { NetworkInterfaceId: of.eni };
    await ec2("AssignPrivateIpAddresses", { ...id, Ipv4PrefixCount: "1" });
    await ec2("AssignIpv6Addresses", { ...id, Ipv6PrefixCount: "1" });
    const { ipv4Prefixes: [first = ""] = [], ipv6Prefixes: [second = ""] = [] } =
      running.simulator().world.interfaces.get(of.eni) ?? {};
    const [network = "", last] = first.replace("/28", "").split(/\.(?=\d+$)/);
    const addresses = { ipv4: `${network}.${Number(last) + 3}`, ipv6: second.replace("::/80", "::3") };
    await own(of.netns, addresses);
    return { ...of, ...addresses };
  }

  /** Gives a pod addresses that it sends from. */
  async function own(netns: string, { ipv4, ipv6 }: Pick<Pod, Family>): Promise<void> {
    await ipBatch(netns, [
      `addr add ${ipv4}/32 dev eth0`,
      `addr add ${ipv6}/128 dev eth0 nodad`,
      `route replace 10.0.0.0/24 dev eth0 src ${ipv4}`,
      `route replace default via fe80:ec2::1 dev eth0 src ${ipv6}`,
    ]);
  }

  const spoofed = async ({ eni }: Pod) => (await running.dataPlane?.state())?.interfaces[eni]?.spoofed;

  test.each(["ipv4", "ipv6"] as const)("are the interface's own, over %s", async (family) => {
    const [from, to] = [await prefixed(client), await prefixed(db)];
    expect(await reachesSoon(from, to, family)).toBe("reached");
    expect(await spoofed(from)).toBe(0);
    const { ipv4Prefixes = [], ipv6Prefixes = [] } = running.simulator().world.interfaces.get(from.eni) ?? {};
    const id = { NetworkInterfaceId: from.eni };
    await ec2("UnassignPrivateIpAddresses", { ...id, Ipv4Prefix: list(...ipv4Prefixes) });
    await ec2("UnassignIpv6Addresses", { ...id, Ipv6Prefix: list(...ipv6Prefixes) });
    expect(await reaches(from, to, family)).toBe("timed out");
    expect(await spoofed(from)).toBeGreaterThan(0);
  });

  test("may be all that an interface has of IPv6", async () => {
    const to = await prefixed(db);
    await ec2("UnassignIpv6Addresses", { NetworkInterfaceId: db.eni, Ipv6Addresses: list(db.ipv6) });
    expect(await reachesSoon(client, to, "ipv6")).toBe("reached");
  });

  test("take no connections along to another interface", async () => {
    const from = await prefixed(client);
    expect(await (await udp(from.netns, db.ipv4, 4000)).isAnswered()).toBe(true);
    const [prefix = ""] = running.simulator().world.interfaces.get(from.eni)?.ipv4Prefixes ?? [];
    await remove(client);
    const next = await pod("nothing", 0, 5, { Ipv4Prefix: { "1": { Ipv4Prefix: prefix } } });
    await own(next.netns, from);
    expect(await (await udp(next.netns, db.ipv4, 4000)).isAnswered(1000)).toBe(false);
  });
});

test("a stream of UDP is tracked for 180 s, or for what its interface says", async () => {
  const db = await pod("db", 1, 5);
  await serve(db.netns);
  const usual = await pod("client", 0, 5);
  const short = await pod("client", 0, 6, {
    ConnectionTrackingSpecification: { UdpTimeout: "30", UdpStreamTimeout: "77" },
  });
  const flows = [await udp(usual.netns, db.ipv4, 4000), await udp(short.netns, db.ipv4, 4000)];
  // A stream, for the kernel, is what goes on for two seconds.
  for (let i = 0; i < 3; i += 1) {
    for (const flow of flows) expect(await flow.isAnswered(5000)).toBe(true);
    await sleep(1100);
  }
  const vpc = `simtest-${[...running.simulator().world.vpcs.keys()][0]}`;
  const seconds = async (from: string) => {
    const { stdout } = await mustExec(vpc, ["conntrack", "-L", "-p", "udp", "--orig-src", from]);
    return Number(/^udp\s+17 (\d+) /.exec(stdout)?.[1]);
  };
  expect(await seconds(usual.ipv4)).toBeGreaterThan(120);
  expect(await seconds(usual.ipv4)).toBeLessThanOrEqual(180);
  expect(await seconds(short.ipv4)).toBeGreaterThan(30);
  expect(await seconds(short.ipv4)).toBeLessThanOrEqual(77);
});

test("a foreign source address is dropped and counted, unless the interface is not checked", async () => {
  const client = await pod("client", 0, 5);
  const db = await pod("db", 1, 5);
  await ipBatch(client.netns, ["addr add 10.0.0.200/32 dev eth0"]);
  const foreign = () => mustExec(client.netns, ["sh", "-c", `ping -c 1 -W 1 -I 10.0.0.200 ${db.ipv4} || :`]);
  await foreign();
  const seen = async () => (await running.dataPlane?.state())?.interfaces[client.eni];
  expect(await seen()).toMatchObject({ spoofed: 1 });
  await ec2("ModifyNetworkInterfaceAttribute", {
    NetworkInterfaceId: client.eni,
    SourceDestCheck: { Value: "false" },
  });
  await foreign();
  expect(await seen()).toMatchObject({ spoofed: 1 });
});

test("a branch carries packets only after the time that the settings say", async () => {
  running.simulator().world.settings.carriesAfterSeconds = [60, 60];
  const late = await pod("node", 0, 5);
  expect(await ping(late.netns, "10.0.0.4", 1)).toBe(false);
  await fetch(`${running.control}/advance`, { method: "POST", body: '{"seconds":61}' });
  await running.dataPlane?.ready();
  // A device that is new is without a queue until the kernel has come round to it: the first packets are lost.
  await eventually(
    "packets of the branch",
    async () => ((await ping(late.netns, "10.0.0.4", 1)) ? true : undefined),
    20_000,
  );
});

test("a disassociated branch is silent, and a stopped instance is gone until it starts again", async () => {
  const client = await pod("client", 0, 5);
  const db = await pod("db", 1, 5);
  await serve(db.netns);
  expect(await reachesSoon(client, db)).toBe("reached");
  await ec2("DisassociateTrunkInterface", { AssociationId: client.association });
  expect(await reaches(client, db)).not.toBe("reached");
  const [first = "", second = ""] = instances;
  await ec2("StopInstances", { InstanceId: list(first) });
  expect((await running.dataPlane?.state())?.namespaces).not.toHaveProperty(first);
  expect((await running.dataPlane?.state())?.namespaces).toHaveProperty(second, node(1));
  await ec2("StartInstances", { InstanceId: list(first) });
  await eventually(
    "packets of the instance",
    async () => ((await ping(node(0), "10.0.0.5", 1)) ? true : undefined),
    20_000,
  );
});

test("a reset leaves nothing of the world before", async () => {
  await ipBatch(node(0), ["link add left0 type veth peer name left1"]);
  await fetch(`${running.control}/reset`, { method: "POST" });
  await running.dataPlane?.ready();
  const { stdout } = await mustExec(node(0), ["ip", "-br", "link"]);
  expect(stdout).not.toContain("left0");
});

test("a trace says which groups were asked of a packet, and by which rule it passed", async () => {
  const client = await pod("client", 0, 5);
  const db = await pod("db", 1, 5);
  await serve(db.netns);
  using trace = await startTrace(["--namespace-prefix", "simtest", "--to", db.ipv4, "--count", "2"]);
  expect((await connect(client.netns, db.ipv4, { port: 81, timeout: 1 })).reach).toBe("timed out");
  expect(await reachesSoon(client, db)).toBe("reached");
  expect(await trace.ended).toEqual([0, null]);
  const said = trace.said();
  expect(said).toContain(`${client.ipv4}:`);
  expect(said).toContain(`sent by ${client.eni}`);
  expect(said).toContain(`in:  none of ${groupId("db")} allows it`);
  expect(said).toContain(`out: ${groupId("client")} allows it by sgr-`);
});

test("what a killed simulator has left goes at the next start, and nobody else's; two do not share a prefix", async () => {
  const [left, other] = ["claimed-i-0123456789abcdef0", "claimed-by-hand"] as const;
  await createNetns(left);
  await createNetns(other);
  namespaces.push(other);
  await claimNamespaces("claimed");
  const { stdout } = await mustExec(undefined, ["ip", "netns", "list"]);
  expect(stdout).toContain(other);
  expect(stdout).not.toContain(left);
  await expect(claimNamespaces("claimed")).rejects.toThrow("another simulator has the namespaces claimed-…");
});

// Fewer where the processor is emulated.
test("many changes one by one lead where one change leads", async () => {
  const options = { netns: "simtest-vpc", branchType: branchDevice };
  const random = new Random(20);
  let network = emptyNetwork;
  const first = await VpcPlane.open(options);
  let shown: string[];
  let empty: string[];
  try {
    for (let step = 0; step < (isMacvlan ? 25 : 8) || network.ports.size <= 3; step += 1) {
      expect(step).toBeLessThan(50);
      network = randomNetwork(random);
      await first.apply(network);
    }
    shown = await shownOf(first.netns);
    await first.apply(emptyNetwork);
    empty = await shownOf(first.netns);
  } finally {
    await first.close();
  }
  const second = await VpcPlane.open(options);
  try {
    expect(empty).toEqual(await shownOf(second.netns));
    await second.apply(network);
    expect(shown).toEqual(await shownOf(second.netns));
  } finally {
    await second.close();
  }
});

/** Some of three instances with a trunk each, some of six branches, in some of three groups with some rules. */
function randomNetwork(random: Random): Network {
  const some = (most: number): number[] =>
    Array.from({ length: most }, (_, i) => i).filter(() => random.next() < 0.6);
  const port = (device: string, number: number, cable: Port["cable"]): Port => ({
    eni: `eni-${device}`,
    device,
    mac: `02:00:00:00:0${Math.floor(random.next() * 2)}:0${number}`,
    addresses: [
      `10.0.0.1${number}`,
      `2001:db8::1${number}`,
      ...some(2).map((i) => `10.0.${i + 1}.${number * 16}/28`),
    ],
    groups: some(3).map((i) => `sg-${i}`),
    subnetId: `subnet-${Math.floor(random.next() * 3)}`,
    isChecked: random.next() < 0.8,
    ...(random.next() < 0.3 ? { tcpSeconds: 60 + number } : {}),
    ...(random.next() < 0.6 ? { udpSeconds: [30, 60 + number] } : {}),
    cable,
  });
  const nodes = some(3);
  const ports = [
    ...nodes.map((i) =>
      port(`trunk${i}`, i, {
        kind: "veth",
        netns: `simtest-m${i}`,
        device: "eth1",
        setUp: ["link set eth1 up"],
      }),
    ),
    ...some(6).flatMap((i) => {
      const trunk = nodes[i % 3];
      return trunk === undefined
        ? []
        : [port(`br${i}`, i + 3, { kind: "branch", trunk: `trunk${trunk}`, vlanId: i + 1 })];
    }),
  ];
  const peers: GroupRule["peer"][] = [
    { cidr: "10.0.0.0/8" },
    { cidr: "0.0.0.0/0" },
    { cidr: "::/0" },
    { group: "sg-0" },
    { group: "sg-1" },
    { list: "pl-0" },
    { list: "pl-1" },
  ];
  return {
    machines: new Set(nodes.map((i) => `simtest-m${i}`)),
    gateways: new Set(some(3).map((i) => `10.0.${i}.1`)),
    groups: new Map(
      some(3).map((group) => [
        `sg-${group}`,
        some(4).map((i): GroupRule => {
          const peer = peers[Math.floor(random.next() * peers.length)] ?? { group: "sg-0" };
          return {
            id: `sgr-${i}`,
            egress: random.next() < 0.5,
            protocol: random.next() < 0.5 ? "tcp" : "-1",
            peer,
          };
        }),
      ]),
    ),
    prefixLists: new Map(
      some(2).map((i) => {
        const blocks =
          i === 0
            ? ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.7/32"]
            : ["::/0", "2001:db8::/32", "fd00::1/128"];
        return [
          `pl-${i}`,
          { family: i === 0 ? 4 : 6, cidrs: some(blocks.length).map((j) => blocks[j] ?? "") },
        ];
      }),
    ),
    subnets: new Map(some(3).map((i) => [`subnet-${i}`, `acl-${Math.floor(random.next() * 2)}`])),
    acls: new Map(some(2).map((i) => [`acl-${i}`, some(6).map((number) => randomEntry(random, number + 1))])),
    ports: new Map(ports.map((one) => [one.device, one])),
  };
}

function randomEntry(random: Random, number: number): AclRule {
  const [protocol, cidr, more] = pickOne<readonly [string, string, Partial<AclRule>]>(random, [
    ["-1", "0.0.0.0/0", {}],
    ["6", "10.0.0.0/8", { ports: { from: 80, to: 90 } }],
    ["17", "::/0", { ports: { from: 53, to: 53 } }],
    ["1", "10.0.0.0/8", { icmp: { type: 8, code: -1 } }],
    ["58", "::/0", { icmp: { type: 1, code: 4 } }],
    ["58", "10.0.0.0/8", {}],
    ["1", "::/0", { icmp: { type: 3, code: 4 } }],
    ["47", "10.0.0.0/8", {}],
  ]);
  return { number, egress: random.next() < 0.5, allows: random.next() < 0.5, protocol, cidr, ...more };
}

function pickOne<T>(random: Random, all: readonly [T, ...T[]]): T {
  return all[Math.floor(random.next() * all.length)] ?? all[0];
}

/** All that can differ, without numbers and MACs of devices, handles and counts. */
async function shownOf(netns: string): Promise<string[]> {
  const rules = JSON.parse(
    (await mustExec(netns, ["nft", "-j", "list", "ruleset"])).stdout,
    (key, value: unknown) => {
      if (key === "handle" || key === "counter") return undefined;
      // Elements come in the kernel's order.
      return key === "elem" && Array.isArray(value)
        ? value.map((one) => JSON.stringify(one)).toSorted()
        : value;
    },
  ) as { nftables: { set?: { name: string } }[] };
  const counters = POINTS.flatMap((point) => [totalSetOf(point), ...flowSetsOf(point)]);
  const kept = rules.nftables.filter(({ set }) => set === undefined || !counters.includes(set.name));
  const { stdout } = await mustExec(netns, [
    "sh",
    "-ec",
    "ip -br link; ip -br addr; ip route; ip -6 route; ip neigh show nud permanent; ip neigh show proxy; ip -6 neigh show proxy",
  ]);
  // A device's addresses come in the order in which they were added.
  const devices = stdout.split("\n").map((line) =>
    line
      .replace(/@\S+| [0-9a-f:]{17} (?=<)/g, "")
      .split(" ")
      .toSorted()
      .join(" "),
  );
  return [...kept.map((one) => JSON.stringify(one)), ...devices].toSorted();
}
