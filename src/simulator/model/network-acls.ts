import { familyOf, formatPrefix } from "../../values/ip.ts";
import { readCidr } from "./addresses.ts";
import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue, missing } from "./error.ts";
import { born, checkId, find, namedOrOwned, newId, notFound } from "./ids.ts";
import { DESCRIBE, DONE, textAt } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { tagSet, tagsFor } from "./tags.ts";
import type { AclEntry, Answer, Context, NetworkAcl, Subnet, Vpc, World } from "./types.ts";

const PAGE = { min: 5, max: 1000 };
/** Numbers that a request may name; what follows is EC2's own. */
const NUMBERS = { min: 1, max: 32_766 } as const;
/** Of the entries that deny what no other matches. */
const LAST = { 4: 32_767, 6: 32_768 } as const;
const EVERYWHERE = { 4: "0.0.0.0/0", 6: "::/0" } as const;
const TCP = "6";
const UDP = "17";
const ICMP = "1";
const ICMPV6 = "58";
const PROTOCOLS: Readonly<Record<string, string>> = { tcp: TCP, udp: UDP, icmp: ICMP, icmpv6: ICMPV6 };

const ENTRY = [
  "NetworkAclId",
  "RuleNumber",
  "Protocol",
  "RuleAction",
  "Egress",
  "CidrBlock",
  "Ipv6CidrBlock",
  "Icmp",
  "PortRange",
];
const ENTRY_REQUIRED = ["NetworkAclId", "RuleNumber", "Protocol", "RuleAction", "Egress"];

export const NETWORK_ACL_OPERATIONS: Operations = {
  CreateNetworkAcl: {
    parameters: ["VpcId", "TagSpecification", "ClientToken"],
    required: ["VpcId"],
    idempotent: true,
    run: createAcl,
    made: (answer) => textAt(answer, "networkAcl", "networkAclId"),
  },
  DeleteNetworkAcl: { parameters: ["NetworkAclId"], required: ["NetworkAclId"], run: deleteAcl },
  DescribeNetworkAcls: { parameters: [...DESCRIBE, "NetworkAclId"], run: describeAcls },
  CreateNetworkAclEntry: { parameters: ENTRY, required: ENTRY_REQUIRED, run: createEntry },
  ReplaceNetworkAclEntry: { parameters: ENTRY, required: ENTRY_REQUIRED, run: replaceEntry },
  DeleteNetworkAclEntry: {
    parameters: ["NetworkAclId", "RuleNumber", "Egress"],
    required: ["NetworkAclId", "RuleNumber", "Egress"],
    run: deleteEntry,
  },
  ReplaceNetworkAclAssociation: {
    parameters: ["AssociationId", "NetworkAclId"],
    required: ["AssociationId", "NetworkAclId"],
    run: replaceAssociation,
  },
};

function familiesOf({ ipv6Cidr }: Vpc): (4 | 6)[] {
  return ipv6Cidr === undefined ? [4] : [4, 6];
}

/** What every ACL ends with, in both directions. */
function lastEntries(vpc: Vpc): AclEntry[] {
  return everywhere(vpc, (family) => ({ number: LAST[family], allows: false }));
}

function everywhere(vpc: Vpc, which: (family: 4 | 6) => Pick<AclEntry, "number" | "allows">): AclEntry[] {
  return familiesOf(vpc).flatMap((family) =>
    [false, true].map((egress) => ({ ...which(family), egress, protocol: "-1", cidr: EVERYWHERE[family] })),
  );
}

/** The one that a VPC's subnets have from the start: it allows everything. */
export function createDefaultAcl(context: Context, vpc: Vpc): NetworkAcl {
  const entries = everywhere(vpc, (family) => ({ number: family === 4 ? 100 : 101, allows: true }));
  return addAcl(context, vpc, { isDefault: true, tags: [], entries: [...entries, ...lastEntries(vpc)] });
}

export function defaultAcl(world: World, vpc: string): NetworkAcl {
  for (const acl of world.networkAcls.values()) if (acl.vpc === vpc && acl.isDefault) return acl;
  throw new TypeError(`${vpc} has no default network ACL`);
}

function addAcl(
  context: Context,
  vpc: Vpc,
  more: Pick<NetworkAcl, "isDefault" | "tags" | "entries">,
): NetworkAcl {
  const { world, account, effect } = context;
  const id = newId(world, "acl");
  const acl: NetworkAcl = { id, owner: account, ...born(context), vpc: vpc.id, ...more };
  world.networkAcls.set(id, acl);
  effect("network-acl-created", id, vpc.id);
  return acl;
}

function createAcl(params: Params, context: Context): Answer {
  const { world } = context;
  const vpc = find(world.vpcs, "vpc", params.required("VpcId"), context);
  const tags = tagsFor(params, "network-acl");
  const siblings = [...world.networkAcls.values()].filter((acl) => acl.vpc === vpc.id);
  if (siblings.length >= world.settings.quotas.networkAclsPerVpc) {
    throw new Ec2Error("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.");
  }
  const acl = addAcl(context, vpc, { isDefault: false, tags, entries: lastEntries(vpc) });
  return { networkAcl: aclView(world, acl), clientToken: params.text("ClientToken") };
}

function deleteAcl(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const acl = find(world.networkAcls, "networkAcl", params.required("NetworkAclId"), context);
  if (acl.isDefault)
    throw new Ec2Error("InvalidParameterValue", `cannot delete default network ACL ${acl.id}`);
  if (subnetsOf(world, acl).length > 0) {
    throw new Ec2Error(
      "DependencyViolation",
      `The networkAcl '${acl.id}' has dependencies and cannot be deleted.`,
    );
  }
  world.networkAcls.delete(acl.id);
  effect("network-acl-deleted", acl.id, acl.vpc);
  return DONE;
}

function createEntry(params: Params, context: Context): Answer {
  const { world } = context;
  const { acl, entry } = readEntry(params, context);
  if (numbered(acl, entry) !== undefined) {
    throw new Ec2Error(
      "NetworkAclEntryAlreadyExists",
      `The network acl entry identified by ${entry.number} already exists.`,
    );
  }
  checkRoom(world, [...acl.entries, entry], entry);
  return setEntries(context, acl, [...acl.entries, entry]);
}

function replaceEntry(params: Params, context: Context): Answer {
  const { world } = context;
  const { acl, entry } = readEntry(params, context);
  const old = numbered(acl, entry);
  if (old === undefined) throw noEntry(entry);
  const entries = acl.entries.map((one) => (one === old ? entry : one));
  checkRoom(world, entries, entry);
  return setEntries(context, acl, entries);
}

function deleteEntry(params: Params, context: Context): Answer {
  const { world } = context;
  const acl = find(world.networkAcls, "networkAcl", params.required("NetworkAclId"), context);
  const wanted = readPlace(params);
  const old = numbered(acl, wanted);
  if (old === undefined) throw noEntry(wanted);
  return setEntries(
    context,
    acl,
    acl.entries.filter((one) => one !== old),
  );
}

function setEntries({ effect }: Context, acl: NetworkAcl, entries: AclEntry[]): Answer {
  acl.entries = entries;
  effect("network-acl-changed", acl.id, acl.vpc);
  return DONE;
}

type Place = Pick<AclEntry, "number" | "egress">;

/** The entry at the place: a number is of one direction, whatever the family. */
function numbered({ entries }: NetworkAcl, { number, egress }: Place): AclEntry | undefined {
  return entries.find((one) => one.number === number && one.egress === egress);
}

function noEntry({ number, egress }: Place): Ec2Error {
  return new Ec2Error(
    "InvalidNetworkAclEntry.NotFound",
    `The ${egress ? "egress" : "ingress"} network acl entry identified by ${number} does not exist.`,
  );
}

/** EC2 counts each direction and family by itself, the last entry included. */
function checkRoom(world: World, entries: readonly AclEntry[], { egress, cidr }: AclEntry): void {
  const family = familyOf(cidr);
  const count = entries.filter((one) => one.egress === egress && familyOf(one.cidr) === family).length;
  const most = world.settings.quotas.entriesPerNetworkAcl;
  if (count > most) {
    throw new Ec2Error(
      "NetworkAclEntryLimitExceeded",
      `The maximum number of network acl entries has been reached: ${most}`,
    );
  }
}

function readPlace(params: Params): Place {
  const number = params.integer("RuleNumber") ?? 0;
  if (number < NUMBERS.min || number > NUMBERS.max)
    throw invalidValue(number, "ruleNumber", `It is a number from ${NUMBERS.min} to ${NUMBERS.max}.`);
  const egress = params.flag("Egress");
  if (egress === undefined) throw missing("egress");
  return { number, egress };
}

function readEntry(params: Params, context: Context): { readonly acl: NetworkAcl; readonly entry: AclEntry } {
  const acl = find(context.world.networkAcls, "networkAcl", params.required("NetworkAclId"), context);
  const place = readPlace(params);
  const action = params.required("RuleAction");
  if (action !== "allow" && action !== "deny")
    throw invalidValue(action, "ruleAction", "It is allow or deny.");
  const cidr = readBlock(params);
  const protocol = readProtocol(params.required("Protocol"));
  const entry = { ...place, allows: action === "allow", protocol, cidr };
  return { acl, entry: { ...entry, ...readPorts(params, protocol, familyOf(cidr)) } };
}

function readBlock(params: Params): string {
  const ipv4 = params.text("CidrBlock");
  const ipv6 = params.text("Ipv6CidrBlock");
  if (ipv4 !== undefined && ipv6 !== undefined) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "The parameter cidrBlock cannot be used with the parameter ipv6CidrBlock",
    );
  }
  if (ipv4 !== undefined) return formatPrefix(readCidr(ipv4, "cidrBlock", 4));
  if (ipv6 !== undefined) return formatPrefix(readCidr(ipv6, "ipv6CidrBlock", 6));
  throw missing("cidrBlock");
}

/** An IANA number as text, or "-1" for all. */
function readProtocol(given: string): string {
  const text = Object.hasOwn(PROTOCOLS, given.toLowerCase()) ? (PROTOCOLS[given.toLowerCase()] ?? "") : given;
  if (text === "-1") return text;
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255)
    throw invalidValue(given, "protocol", "Invalid protocol.");
  return String(Number(text));
}

/** Ports of TCP and UDP, type and code of ICMP; for any other protocol both are ignored, as EC2 says. */
function readPorts(params: Params, protocol: string, family: 4 | 6): Pick<AclEntry, "ports" | "icmp"> {
  if (protocol === TCP || protocol === UDP) {
    const range = params.structure("PortRange");
    const [from, to] = [range?.integer("From"), range?.integer("To")];
    if (from === undefined || to === undefined) throw missing("portRange");
    for (const port of [from, to])
      if (port < 0 || port > 65_535) throw invalidValue(port, "portRange", "It is a port from 0 to 65535.");
    if (from > to) throw invalidValue(`${from}-${to}`, "portRange", "The first port is the lower one.");
    return { ports: { from, to } };
  }
  // With an IPv4 block, ICMPv6 stands for all of it.
  if (protocol === ICMP || (protocol === ICMPV6 && family === 6)) {
    const given = params.structure("Icmp");
    const [type, code] = [given?.integer("Type"), given?.integer("Code")];
    if (type === undefined || code === undefined) throw missing("icmpTypeCode");
    for (const one of [type, code])
      if (one < -1 || one > 255) throw invalidValue(one, "icmpTypeCode", "It is a number from -1 to 255.");
    if (type === -1 && code !== -1)
      throw invalidValue(code, "icmpTypeCode.code", "The code of all types is -1.");
    return { icmp: { type, code } };
  }
  return {};
}

function replaceAssociation(params: Params, context: Context): Answer {
  const { world, account, effect } = context;
  const association = params.required("AssociationId");
  checkId("aclAssociation", association);
  const subnet = [...world.subnets.values()].find(
    (one) => one.owner === account && one.acl.association === association,
  );
  if (subnet === undefined) throw notFound("aclAssociation", association);
  const acl = find(world.networkAcls, "networkAcl", params.required("NetworkAclId"), context);
  if (acl.vpc !== subnet.vpc) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `You have specified two resources that belong to different networks: '${acl.id}' is of ${acl.vpc}, not of ${subnet.vpc}`,
    );
  }
  subnet.acl = { id: acl.id, association: newId(world, "aclassoc") };
  effect("network-acl-associated", subnet.id, acl.id);
  return { newAssociationId: subnet.acl.association };
}

function subnetsOf(world: World, acl: NetworkAcl): Subnet[] {
  return [...world.subnets.values()].filter((subnet) => subnet.acl.id === acl.id);
}

function describeAcls(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.networkAcls, "networkAcl", params.list("NetworkAclId"), context);
  const entries =
    (value: (entry: AclEntry) => string | number | boolean | undefined) =>
    (acl: NetworkAcl): (string | undefined)[] =>
      acl.entries.map((entry) => {
        const found = value(entry);
        return found === undefined ? undefined : String(found);
      });
  const found = filtered(all, params, {
    "network-acl-id": ({ id }) => [id],
    "vpc-id": ({ vpc }) => [vpc],
    "owner-id": ({ owner }) => [owner],
    default: ({ isDefault }) => [String(isDefault)],
    "association.association-id": (acl) => subnetsOf(world, acl).map((subnet) => subnet.acl.association),
    "association.network-acl-id": (acl) => subnetsOf(world, acl).map((subnet) => subnet.acl.id),
    "association.subnet-id": (acl) => subnetsOf(world, acl).map(({ id }) => id),
    "entry.cidr": entries(({ cidr }) => (familyOf(cidr) === 4 ? cidr : undefined)),
    "entry.ipv6-cidr": entries(({ cidr }) => (familyOf(cidr) === 6 ? cidr : undefined)),
    "entry.egress": entries(({ egress }) => egress),
    "entry.icmp.code": entries(({ icmp }) => icmp?.code),
    "entry.icmp.type": entries(({ icmp }) => icmp?.type),
    "entry.port-range.from": entries(({ ports }) => ports?.from),
    "entry.port-range.to": entries(({ ports }) => ports?.to),
    "entry.protocol": ({ entries: list }) => list.flatMap(({ protocol }) => namesOf(protocol)),
    "entry.rule-action": entries(actionOf),
    "entry.rule-number": entries(({ number }) => number),
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "NetworkAclId" });
  return { networkAclSet: shown.map((acl) => aclView(world, acl)), ...next };
}

/** What a filter may call a protocol. */
function namesOf(protocol: string): string[] {
  const name = Object.keys(PROTOCOLS).find((one) => PROTOCOLS[one] === protocol);
  return name === undefined ? [protocol] : [protocol, name];
}

function actionOf({ allows }: AclEntry): string {
  return allows ? "allow" : "deny";
}

function aclView(world: World, acl: NetworkAcl): Answer {
  return {
    networkAclId: acl.id,
    vpcId: acl.vpc,
    ownerId: acl.owner,
    default: acl.isDefault,
    entrySet: acl.entries.toSorted(byDirectionAndNumber).map((entry) => ({
      ruleNumber: entry.number,
      protocol: entry.protocol,
      ruleAction: actionOf(entry),
      egress: entry.egress,
      [familyOf(entry.cidr) === 4 ? "cidrBlock" : "ipv6CidrBlock"]: entry.cidr,
      icmpTypeCode: entry.icmp === undefined ? undefined : { code: entry.icmp.code, type: entry.icmp.type },
      portRange: entry.ports === undefined ? undefined : { from: entry.ports.from, to: entry.ports.to },
    })),
    associationSet: subnetsOf(world, acl).map((subnet) => ({
      networkAclAssociationId: subnet.acl.association,
      networkAclId: acl.id,
      subnetId: subnet.id,
    })),
    tagSet: tagSet(acl.tags),
  };
}

function byDirectionAndNumber(a: AclEntry, b: AclEntry): number {
  return Number(b.egress) - Number(a.egress) || a.number - b.number;
}
