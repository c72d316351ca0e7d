// The simulator's prefix lists and network ACLs: requests to EC2 on one side, packets between two subnets on the other.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { textAt } from "../../src/simulator/model/operation.ts";
import type { ParamTree } from "../../src/simulator/model/params.ts";
import type { Answer, Subnet } from "../../src/simulator/model/types.ts";
import type { Running } from "../../src/simulator/start.ts";
import { createBranchPod } from "../ground/branch-pod.ts";
import { Conversation } from "../ground/conversation.ts";
import { deleteNetns, exec } from "../ground/netns.ts";
import { eventually } from "../ground/run.ts";
import { startTrace } from "../ground/simulated-trace.ts";
import { startSimulatedVpc } from "../ground/simulated-vpc.ts";
import { settled, snapshot, type Snapshot } from "../ground/snapshot.ts";
import { connect, ping } from "../ground/traffic.ts";

/** Groups that allow everything, so that ACLs decide; and one that only lists let in. */
const WORLD = `
settings: { attachSeconds: 0, detachSeconds: 0, instanceSeconds: 0, throttling: false }
vpcs:
  - name: main
    cidr: 10.0.0.0/16
    ipv6: true
    subnets:
      - { name: here, cidr: 10.0.0.0/24, zone: us-east-1a, ipv6: true }
      - { name: there, cidr: 10.0.1.0/24, zone: us-east-1a, ipv6: true }
    groups:
      - name: open
        ingress: [{ protocol: "-1", cidr: 10.0.0.0/16 }, { protocol: "-1", cidr6: "::/0" }]
      - { name: listed }
    instances:
      - { name: a, type: m5.large, subnet: here, groups: [open] }
      - { name: b, type: m5.large, subnet: here, groups: [open] }
      - { name: c, type: m5.large, subnet: there, groups: [open] }
      - { name: d, type: m5.large, subnet: there, groups: [listed] }
`;
const PREFIX = "aclstest";
const PORT = 5432;
const FAMILIES = ["ipv4", "ipv6"] as const;

type Family = (typeof FAMILIES)[number];

interface Machine {
  readonly netns: string;
  readonly eni: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

let before: Snapshot;
let running: Running;
let a: Machine;
let b: Machine;
let c: Machine;
let d: Machine;
let vpc: string;
let here: Subnet;
let there: Subnet;
const conversations: Conversation[] = [];
const namespaces: string[] = [];

/** One request, and the time that the kernel needs to follow. */
async function ec2(action: string, tree: ParamTree): Promise<Answer> {
  const answer = running.simulator().execute(action, { Version: "2016-11-15", ...tree }, running.now());
  running.simulator().advance(running.now());
  await running.dataPlane?.ready();
  return answer;
}

const list = (...values: readonly string[]): ParamTree =>
  Object.fromEntries(values.map((value, i) => [String(i + 1), value]));

interface Entry {
  readonly number: number;
  readonly action?: "allow" | "deny";
  /** "tcp 5432", "udp 1024-65535", "icmp 8/-1", or "-1". */
  readonly what?: string;
  readonly cidr?: string;
}

const NUMBERS: Readonly<Record<string, string>> = {
  tcp: "6",
  udp: "17",
  icmp: "1",
  icmpv6: "58",
  "-1": "-1",
};

function entryTree({ number, action = "allow", what = "-1", cidr = "0.0.0.0/0" }: Entry): ParamTree {
  const [protocol = "", detail = ""] = what.split(" ");
  const [first = "", last = first] = detail.split(/[-/](?=\S)/);
  const isIcmp = protocol.startsWith("icmp");
  return {
    RuleNumber: String(number),
    RuleAction: action,
    Protocol: NUMBERS[protocol] ?? protocol,
    [cidr.includes(":") ? "Ipv6CidrBlock" : "CidrBlock"]: cidr,
    ...(isIcmp ? { Icmp: { Type: detail.split("/")[0] ?? "", Code: detail.split("/")[1] ?? "" } } : {}),
    ...(detail === "" || isIcmp ? {} : { PortRange: { From: first, To: last } }),
  };
}

/** Gives a subnet an ACL with these entries, in the order in which they are said. */
async function acl(
  subnet: Subnet,
  { ingress = [], egress = [] }: { readonly ingress?: readonly Entry[]; readonly egress?: readonly Entry[] },
): Promise<string> {
  const id = textAt(await ec2("CreateNetworkAcl", { VpcId: vpc }), "networkAcl", "networkAclId");
  for (const [isEgress, entries] of [
    [false, ingress],
    [true, egress],
  ] as const) {
    for (const entry of entries)
      await ec2("CreateNetworkAclEntry", { NetworkAclId: id, Egress: String(isEgress), ...entryTree(entry) });
  }
  await ec2("ReplaceNetworkAclAssociation", { AssociationId: subnet.acl.association, NetworkAclId: id });
  return id;
}

const everything: readonly Entry[] = [{ number: 100 }, { number: 101, cidr: "::/0" }];

const reaches = async (from: Machine, to: Machine, family: Family = "ipv4", timeout = 1): Promise<string> =>
  (await connect(from.netns, to[family], { port: PORT, timeout })).reach;

async function serve(...on: readonly Machine[]): Promise<void> {
  for (const { netns } of on) conversations.push(await Conversation.serve(netns, PORT));
}

async function talk(from: Machine, to: Machine): Promise<Conversation> {
  const conversation = await Conversation.tcp(from.netns, to.ipv4, PORT);
  conversations.push(conversation);
  return conversation;
}

const seen = async ({ eni }: Machine) => (await running.dataPlane?.state())?.interfaces[eni];

function machines(): Machine[] {
  const { world } = running.simulator();
  return [...world.instances.keys()].map((instance) => {
    const eni = [...world.interfaces.values()].find(({ attachment }) => attachment?.instance === instance);
    return {
      netns: `${PREFIX}-${instance}`,
      eni: eni?.id ?? "",
      ipv4: eni?.addresses[0] ?? "",
      ipv6: eni?.ipv6[0] ?? "",
    };
  });
}

beforeAll(async () => {
  before = await snapshot();
  running = await startSimulatedVpc({ prefix: PREFIX, world: WORLD });
});

beforeEach(async () => {
  await fetch(`${running.control}/reset`, { method: "POST" });
  const { world } = running.simulator();
  [vpc = ""] = world.vpcs.keys();
  const [first, second] = world.subnets.values();
  if (first === undefined || second === undefined) throw new Error("there are two subnets");
  [here, there] = [first, second];
  // An instance of a world file has an address of IPv4 alone.
  for (const eni of world.interfaces.keys())
    await ec2("AssignIpv6Addresses", { NetworkInterfaceId: eni, Ipv6AddressCount: "1" });
  const [one, two, three, four] = machines();
  if (one === undefined || two === undefined || three === undefined || four === undefined)
    throw new Error("there are four instances");
  [a, b, c, d] = [one, two, three, four];
  for (const { netns, ipv6 } of [a, b, c, d]) {
    await exec(netns, ["ip", "addr", "add", `${ipv6}/128`, "dev", "eth0", "nodad"]);
    await exec(netns, ["ip", "route", "add", "default", "via", "fe80:ec2::1", "dev", "eth0"]);
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

describe("a network ACL", () => {
  test.each(FAMILIES)("lets everything pass unless it is told, over %s", async (family) => {
    await serve(c);
    expect(await reaches(a, c, family, 5)).toBe("reached");
    expect(await seen(a)).toMatchObject({ denied: 0 });
  });

  test.each(FAMILIES)("wants an entry for answers too, over %s", async (family) => {
    await serve(c);
    const cidr = family === "ipv4" ? "10.0.0.0/16" : "::/0";
    const id = await acl(there, { ingress: [{ number: 100, what: `tcp ${PORT}`, cidr }] });
    expect(await reaches(a, c, family)).toBe("timed out");
    // It came in, and the answer did not go out.
    expect((await seen(c))?.delivered).toBeGreaterThan(0);
    expect((await seen(c))?.denied).toBeGreaterThan(0);
    await ec2("CreateNetworkAclEntry", {
      NetworkAclId: id,
      Egress: "true",
      ...entryTree({ number: 100, what: "tcp 32768-60999", cidr }),
    });
    expect(await reaches(a, c, family, 5)).toBe("reached");
    // The other family has no entry.
    expect(await reaches(a, c, family === "ipv4" ? "ipv6" : "ipv4")).toBe("timed out");
  });

  test.each(FAMILIES)(
    "is asked nothing within a subnet, neighbour discovery included, over %s",
    async (family) => {
      await serve(b, c);
      await acl(here, {});
      expect(await reaches(a, b, family, 5)).toBe("reached");
      expect(await reaches(a, c, family)).toBe("timed out");
      expect(await seen(b)).toMatchObject({ denied: 0 });
    },
  );

  test("decides by its lowest number, in whichever order entries were made", async () => {
    await serve(c);
    const id = await acl(there, {
      ingress: [
        { number: 32_766 },
        { number: 90, action: "deny", what: `tcp ${PORT}`, cidr: `${a.ipv4}/32` },
      ],
      egress: everything,
    });
    expect(await reaches(a, c)).toBe("timed out");
    expect(await reaches(b, c, "ipv4", 5)).toBe("reached");
    await ec2("CreateNetworkAclEntry", {
      NetworkAclId: id,
      Egress: "false",
      ...entryTree({ number: 89, what: `tcp ${PORT}`, cidr: "10.0.0.0/24" }),
    });
    expect(await reaches(a, c, "ipv4", 5)).toBe("reached");
    await ec2("ReplaceNetworkAclEntry", {
      NetworkAclId: id,
      Egress: "false",
      ...entryTree({ number: 89, action: "deny" }),
    });
    expect(await reaches(b, c)).toBe("timed out");
    await ec2("DeleteNetworkAclEntry", { NetworkAclId: id, RuleNumber: "89", Egress: "false" });
    expect(await reaches(b, c, "ipv4", 5)).toBe("reached");
    const state = await running.dataPlane?.state();
    expect(state?.entries[`${id} ingress 32766`]).toBeGreaterThan(0);
  });

  test("cuts a connection that groups track, and lets it go on when it allows it again", async () => {
    await serve(c);
    const held = await talk(a, c);
    expect(await held.isAnswered()).toBe(true);
    const id = await acl(here, { ingress: everything });
    expect(await held.isAnswered(1000)).toBe(false);
    await ec2("CreateNetworkAclEntry", { NetworkAclId: id, Egress: "true", ...entryTree({ number: 1 }) });
    expect(await held.isAnswered(10_000)).toBe(true);
  });

  test("knows types and codes of ICMP, in both families", async () => {
    await acl(there, {
      ingress: [
        { number: 1, what: "icmp 8/0" },
        { number: 2, what: "icmpv6 128/-1", cidr: "::/0" },
      ],
      egress: [{ number: 1, what: "icmp 0/-1" }],
    });
    expect(await ping(a.netns, c.ipv4, 5)).toBe(true);
    // The answer, of type 129, has no entry.
    expect(await ping(a.netns, c.ipv6, 1)).toBe(false);
    expect(await ping(c.netns, a.ipv4, 1)).toBe(false);
    await acl(there, {
      ingress: [
        { number: 1, what: "icmp 8/1" },
        { number: 2, what: "icmpv6 -1/-1", cidr: "::/0" },
      ],
      egress: [{ number: 1 }, { number: 2, what: "icmpv6 129/0", cidr: "::/0" }],
    });
    // Of another code.
    expect(await ping(a.netns, c.ipv4, 1)).toBe(false);
    expect(await ping(a.netns, c.ipv6, 5)).toBe(true);
  });

  test("is asked about an error that a connection has led to", async () => {
    const refused = (from: Machine) =>
      connect(from.netns, c.ipv4, { port: 9, protocol: "udp", timeout: 1 }).then(({ reach }) => reach);
    expect(await refused(a)).toBe("refused");
    const id = await acl(there, {
      ingress: [{ number: 1, what: "udp 9" }],
      egress: [{ number: 1, what: "udp 1024-65535" }],
    });
    expect(await refused(a)).toBe("timed out");
    await ec2("CreateNetworkAclEntry", {
      NetworkAclId: id,
      Egress: "true",
      ...entryTree({ number: 2, what: "icmp 3/3" }),
    });
    expect(await refused(a)).toBe("refused");
  });

  test("is its subnet's, and that of a branch is the branch's subnet's, not its trunk's", async () => {
    const { world } = running.simulator();
    const [instance = ""] = world.instances.keys();
    const [open = ""] = [...world.groups.values()].filter(({ name }) => name === "open").map(({ id }) => id);
    const eni = async (subnet: Subnet, more: ParamTree = {}) =>
      textAt(
        await ec2("CreateNetworkInterface", { SubnetId: subnet.id, SecurityGroupId: list(open), ...more }),
        "networkInterface",
        "networkInterfaceId",
      );
    const trunk = await eni(here, { InterfaceType: "trunk" });
    await ec2("AttachNetworkInterface", {
      InstanceId: instance,
      NetworkInterfaceId: trunk,
      DeviceIndex: "1",
    });
    const id = await eni(there);
    await ec2("AssociateTrunkInterface", { BranchInterfaceId: id, TrunkInterfaceId: trunk, VlanId: "5" });
    const { mac = "", addresses: [ipv4 = ""] = [] } = world.interfaces.get(id) ?? {};
    const pod: Machine = { netns: `${PREFIX}-pod`, eni: id, ipv4, ipv6: "" };
    namespaces.push(pod.netns);
    await createBranchPod(a.netns, pod.netns, { mac, ipv4, ipv6: undefined }, "type vlan id 5");
    await serve(b, c);
    await acl(here, {});
    // Its node's subnet lets nothing in or out, and its own is another.
    expect(await reaches(pod, c, "ipv4", 5)).toBe("reached");
    expect(await reaches(pod, b)).toBe("timed out");
  });

  test("is said by a trace, with the entry that denied", async () => {
    const id = await acl(there, { ingress: [{ number: 7, action: "deny", what: "tcp 81" }] });
    const wanted = ["ingress entry 7", "egress entry 32767"].map(
      (by) => `acl: ${id} denies it by its ${by}\n`,
    );
    const said = await traced(wanted, async () => {
      await connect(a.netns, c.ipv4, { port: 81, timeout: 1 });
      await connect(c.netns, a.ipv4, { port: 82, timeout: 1 });
    });
    for (const line of wanted) expect(said).toContain(line);
  });
});

/** What `simulate trace` says of what is sent, until it has said all of that. */
async function traced(wanted: readonly string[], send: () => Promise<void>): Promise<string> {
  // A process of Node: seconds where the processor is emulated.
  using trace = await startTrace(["--namespace-prefix", PREFIX, "--protocol", "tcp"], 60_000);
  await send();
  // Who connects may have tried twice.
  const isSaid = () => (wanted.every((line) => trace.said().includes(line)) ? true : undefined);
  await eventually("the trace to say it", isSaid, 60_000);
  return trace.said();
}

describe("a prefix list", () => {
  const create = async (family: Family, ...cidrs: readonly string[]): Promise<string> => {
    const tree = {
      PrefixListName: "test",
      AddressFamily: family === "ipv4" ? "IPv4" : "IPv6",
      MaxEntries: "10",
      Entry: Object.fromEntries(cidrs.map((cidr, i) => [String(i + 1), { Cidr: cidr }])),
    };
    return textAt(await ec2("CreateManagedPrefixList", tree), "prefixList", "prefixListId");
  };
  const authorize = (group: string, direction: "Ingress" | "Egress", id: string) =>
    ec2(`AuthorizeSecurityGroup${direction}`, {
      GroupId: [...running.simulator().world.groups.values()].find(({ name }) => name === group)?.id ?? "",
      IpPermissions: {
        "1": {
          IpProtocol: "tcp",
          FromPort: String(PORT),
          ToPort: String(PORT),
          PrefixListIds: { "1": { PrefixListId: id } },
        },
      },
    });
  const modify = (id: string, added: readonly string[], removed: readonly string[]) =>
    ec2("ModifyManagedPrefixList", {
      PrefixListId: id,
      ...(added.length === 0
        ? {}
        : { AddEntry: Object.fromEntries(added.map((Cidr, i) => [String(i + 1), { Cidr }])) }),
      ...(removed.length === 0
        ? {}
        : { RemoveEntry: Object.fromEntries(removed.map((Cidr, i) => [String(i + 1), { Cidr }])) }),
    });

  test.each(FAMILIES)("lets in who is in it, and follows each change of it, over %s", async (family) => {
    const bits = family === "ipv4" ? 32 : 128;
    await serve(d);
    const id = await create(family, `${a[family]}/${bits}`);
    await authorize("listed", "Ingress", id);
    expect(await reaches(a, d, family, 5)).toBe("reached");
    expect(await reaches(b, d, family)).toBe("timed out");
    // Blocks within one another, which the kernel's sets do not take.
    const around = family === "ipv4" ? "10.0.0.0/16" : `${here.ipv6Cidr}`;
    await modify(id, [around, `${b[family]}/${bits}`], []);
    expect(await reaches(b, d, family, 5)).toBe("reached");
    await modify(id, [], [around, `${a[family]}/${bits}`]);
    expect(await reaches(b, d, family, 5)).toBe("reached");
    expect(await reaches(a, d, family)).toBe("timed out");
    await modify(id, [family === "ipv4" ? "0.0.0.0/0" : "::/0"], [`${b[family]}/${bits}`]);
    expect(await reaches(a, d, family, 5)).toBe("reached");
    await modify(id, [], [family === "ipv4" ? "0.0.0.0/0" : "::/0"]);
    expect(await reaches(b, d, family)).toBe("timed out");
    expect((await seen(d))?.refused).toBeGreaterThan(0);
  });

  test("that no longer has an address leaves its connections, as a revoked rule does", async () => {
    await serve(d);
    const id = await create("ipv4", `${a.ipv4}/32`);
    await authorize("listed", "Ingress", id);
    const held = await talk(a, d);
    expect(await held.isAnswered()).toBe(true);
    await modify(id, [], [`${a.ipv4}/32`]);
    expect(await reaches(a, d)).toBe("timed out");
    expect(await held.isAnswered()).toBe(true);
  });

  test("bounds what leaves as well", async () => {
    await serve(a, b);
    const listed = [...running.simulator().world.groups.values()].find(({ name }) => name === "listed");
    await ec2("RevokeSecurityGroupEgress", {
      GroupId: listed?.id ?? "",
      SecurityGroupRuleId: list(...(listed?.rules.filter(({ egress }) => egress).map(({ id }) => id) ?? [])),
    });
    await authorize("listed", "Egress", await create("ipv4", `${a.ipv4}/32`));
    expect(await reaches(d, a, "ipv4", 5)).toBe("reached");
    expect(await reaches(d, b)).toBe("timed out");
  });
});

test("what EC2 takes of odd entries and blocks, the kernel takes", async () => {
  const { world } = running.simulator();
  Object.assign(world.settings.quotas, { entriesPerNetworkAcl: 10_000, rulesPerGroup: 10_000 });
  const call = (action: string, tree: ParamTree) =>
    running.simulator().execute(action, { Version: "2016-11-15", ...tree }, running.now());
  const blocks = {
    CidrBlock: ["0.0.0.0/0", "10.0.0.5/8", "255.255.255.255/32", "224.0.0.0/4"],
    Ipv6CidrBlock: ["::/0", "::1/128", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "fe80::/10", "::/1"],
  };
  const protocols = [
    "-1",
    "0",
    "1",
    "4",
    "6",
    "17",
    "41",
    "43",
    "44",
    "50",
    "58",
    "132",
    "255",
    "UDP",
    "icmpv6",
    "006",
  ];
  const details: readonly ParamTree[] = [
    {},
    { PortRange: { From: "0", To: "0" } },
    { PortRange: { From: "0", To: "65535" } },
    { Icmp: { Type: "-1", Code: "-1" } },
    { Icmp: { Type: "255", Code: "255" } },
    { Icmp: { Type: "8", Code: "-1" } },
  ];
  const id = textAt(call("CreateNetworkAcl", { VpcId: vpc }), "networkAcl", "networkAclId");
  let number = 0;
  for (const [name, cidrs] of Object.entries(blocks))
    for (const cidr of cidrs)
      for (const Protocol of protocols)
        for (const detail of details) {
          const tree = { NetworkAclId: id, Egress: String(number % 3 === 0), RuleAction: "allow", Protocol };
          const entry = { ...tree, RuleNumber: String(number + 1), [name]: cidr, ...detail };
          if (isTaken(() => call("CreateNetworkAclEntry", entry))) number += 1;
        }
  expect(number).toBeGreaterThan(700);
  call("ReplaceNetworkAclAssociation", { AssociationId: there.acl.association, NetworkAclId: id });
  for (const [AddressFamily, cidrs] of [
    ["IPv4", blocks.CidrBlock],
    ["IPv4", ["0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/32", "255.255.255.255/32"]],
    ["IPv6", blocks.Ipv6CidrBlock],
    ["IPv6", ["::/1", "8000::/1", "::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"]],
    ["IPv6", []],
  ] as const) {
    const Entry = Object.fromEntries(cidrs.map((Cidr, i) => [String(i + 1), { Cidr }]));
    const wanted = { PrefixListName: "odd", AddressFamily, MaxEntries: "9", Entry };
    const PrefixListId = textAt(call("CreateManagedPrefixList", wanted), "prefixList", "prefixListId");
    for (const IpProtocol of ["tcp", "icmp", "icmpv6", "-1", "0", "255"]) {
      const ports = IpProtocol.startsWith("icmp")
        ? { FromPort: "-1", ToPort: "-1" }
        : { FromPort: "0", ToPort: "65535" };
      const permission = { IpProtocol, ...ports, PrefixListIds: { "1": { PrefixListId } } };
      const [group = ""] = world.groups.keys();
      call("AuthorizeSecurityGroupIngress", { GroupId: group, IpPermissions: { "1": permission } });
    }
  }
  await expect(running.dataPlane?.ready()).resolves.toBeUndefined();
});

/** Whether a request is not refused for want of ports or a type. */
function isTaken(send: () => unknown): boolean {
  try {
    send();
    return true;
  } catch (error) {
    if ((error as { readonly code?: string }).code === "MissingParameter") return false;
    throw error;
  }
}
