import { canonicalIp, formatPrefix } from "../../values/ip.ts";
import { readCidr } from "./addresses.ts";
import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue, missing } from "./error.ts";
import { born, checkId, find, isYoung, namedOrOwned, newId, notFound } from "./ids.ts";
import { DESCRIBE } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { rulesCounted } from "./prefix-lists.ts";
import { tagSet, tagsFor } from "./tags.ts";
import type { Answer, Context, Group, Rule, Vpc, World } from "./types.ts";

const PAGE = { min: 5, max: 1000 };
/** Of a group's name and description. */
const NAME = /^[\w .\-:/()#,@[\]+=&;{}!$*]{1,255}$/;
const RULES = [
  "GroupId",
  "GroupName",
  "IpPermissions",
  "IpProtocol",
  "FromPort",
  "ToPort",
  "CidrIp",
  "SecurityGroupRuleId",
  "TagSpecification",
];

export const GROUP_OPERATIONS: Operations = {
  CreateSecurityGroup: {
    parameters: ["GroupName", "GroupDescription", "VpcId", "TagSpecification"],
    required: ["GroupName", "GroupDescription"],
    run: createGroup,
  },
  DeleteSecurityGroup: { parameters: ["GroupId", "GroupName"], run: deleteGroup },
  DescribeSecurityGroups: { parameters: [...DESCRIBE, "GroupId", "GroupName"], run: describeGroups },
  DescribeSecurityGroupRules: { parameters: [...DESCRIBE, "SecurityGroupRuleId"], run: describeRules },
  AuthorizeSecurityGroupIngress: {
    parameters: RULES,
    run: (params, context) => authorize(params, context, false),
  },
  AuthorizeSecurityGroupEgress: {
    parameters: RULES,
    run: (params, context) => authorize(params, context, true),
  },
  RevokeSecurityGroupIngress: { parameters: RULES, run: (params, context) => revoke(params, context, false) },
  RevokeSecurityGroupEgress: { parameters: RULES, run: (params, context) => revoke(params, context, true) },
};

/** All traffic may leave, as for every new group; over IPv6 when the VPC has a block of it. */
function allowAllOut(world: World, vpc: Vpc): Rule[] {
  const rule = () => ({ id: newId(world, "sgr"), egress: true, protocol: "-1", tags: [] });
  return [
    { ...rule(), cidrIpv4: "0.0.0.0/0" },
    ...(vpc.ipv6Cidr === undefined ? [] : [{ ...rule(), cidrIpv6: "::/0" }]),
  ];
}

export function createDefaultGroup({ world, account, now, effect }: Context, vpc: Vpc): Group {
  const id = newId(world, "sg");
  const fromItself: Rule = { id: newId(world, "sgr"), egress: false, protocol: "-1", group: id, tags: [] };
  const group: Group = {
    id,
    owner: account,
    ...born({ world, now }),
    tags: [],
    vpc: vpc.id,
    name: "default",
    description: "default VPC security group",
    rules: [fromItself, ...allowAllOut(world, vpc)],
  };
  world.groups.set(id, group);
  effect("group-created", id, vpc.id);
  return group;
}

export function defaultGroup(world: World, vpc: string): Group {
  for (const group of world.groups.values()) if (group.vpc === vpc && group.name === "default") return group;
  throw new TypeError(`${vpc} has no default group`);
}

/** The groups that an interface in that VPC is to have: known, of its VPC, no more than the quota. */
export function checkGroups(context: Context, ids: readonly string[], vpc: string): string[] {
  const { world, account } = context;
  const wanted = [...new Set(ids)];
  for (const id of wanted) {
    checkId("group", id);
    const group = world.groups.get(id);
    if (group === undefined || group.owner !== account || isYoung(group, context))
      throw notFound("group", id, world.settings.unknownGroupCode);
    if (group.vpc !== vpc) {
      throw new Ec2Error(
        "InvalidParameterValue",
        `You have specified two resources that belong to different networks: '${id}' is of ${group.vpc}, not of ${vpc}`,
      );
    }
  }
  const most = world.settings.quotas.groupsPerInterface;
  if (wanted.length > most) {
    throw new Ec2Error(
      "SecurityGroupsPerInterfaceLimitExceeded",
      `The maximum number of security groups per interface has been reached: ${wanted.length} of ${most}`,
    );
  }
  return wanted;
}

function createGroup(params: Params, context: Context): Answer {
  const { world, account, now, effect } = context;
  const name = params.required("GroupName");
  const description = params.required("GroupDescription");
  if (params.text("VpcId") === undefined)
    throw new Ec2Error("VPCIdNotSpecified", "No default VPC for this user");
  const vpc = find(world.vpcs, "vpc", params.required("VpcId"), context);
  if (name === "default")
    throw new Ec2Error("InvalidGroup.Reserved", "The security group 'default' is reserved");
  if (name.startsWith("sg-") || !NAME.test(name)) {
    throw invalidValue(name, "GroupName", "Group names may not be in the format sg-*.");
  }
  if (!NAME.test(description)) {
    throw invalidValue(description, "GroupDescription", "Invalid security group description.");
  }
  const siblings = [...world.groups.values()].filter((group) => group.vpc === vpc.id);
  if (siblings.some((group) => group.name === name)) {
    throw new Ec2Error(
      "InvalidGroup.Duplicate",
      `The security group '${name}' already exists for VPC '${vpc.id}'`,
    );
  }
  const tags = tagsFor(params, "security-group");
  if (siblings.length >= world.settings.quotas.groupsPerVpc) {
    throw new Ec2Error(
      "SecurityGroupLimitExceeded",
      "The maximum number of security groups has been reached.",
    );
  }
  const id = newId(world, "sg");
  world.groups.set(id, {
    id,
    owner: account,
    ...born({ world, now }),
    tags,
    vpc: vpc.id,
    name,
    description,
    rules: allowAllOut(world, vpc),
  });
  effect("group-created", id, vpc.id);
  return { return: true, groupId: id, tagSet: tagSet(tags) };
}

function readGroup(params: Params, context: Context): Group {
  const { world } = context;
  const id = params.text("GroupId");
  if (id !== undefined) return find(world.groups, "group", id, context);
  const name = params.text("GroupName");
  if (name === undefined) throw missing("GroupId");
  // A name alone means a group of the default VPC, and there is none.
  throw new Ec2Error("InvalidGroup.NotFound", `The security group '${name}' does not exist in default VPC`);
}

function deleteGroup(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const group = readGroup(params, context);
  if (group.name === "default") {
    throw new Ec2Error(
      "CannotDelete",
      "the specified group: the default group of a VPC cannot be deleted by a user",
    );
  }
  const isUsed = [...world.interfaces.values()].some(({ groups }) => groups.includes(group.id));
  const isNamed = [...world.groups.values()].some(
    (other) => other.id !== group.id && other.rules.some((rule) => rule.group === group.id),
  );
  if (isUsed || isNamed) {
    throw new Ec2Error("DependencyViolation", `resource ${group.id} has a dependent object`);
  }
  world.groups.delete(group.id);
  effect("group-deleted", group.id, group.vpc);
  return { return: true, groupId: group.id };
}

function describeGroups(params: Params, context: Context): Answer {
  const { world } = context;
  const ids = params.list("GroupId");
  const names = params.list("GroupName");
  if (names.length > 0) {
    throw new Ec2Error(
      "InvalidGroup.NotFound",
      `The security group '${names[0]}' does not exist in default VPC`,
    );
  }
  const all = namedOrOwned(world.groups, "group", ids, context);
  const found = filtered(all, params, {
    "group-id": ({ id }) => [id],
    "group-name": ({ name }) => [name],
    "vpc-id": ({ vpc }) => [vpc],
    description: ({ description }) => [description],
    "owner-id": ({ owner }) => [owner],
    "ip-permission.cidr": peers(false, "cidrIpv4"),
    "ip-permission.group-id": peers(false, "group"),
    "egress.ip-permission.cidr": peers(true, "cidrIpv4"),
    "egress.ip-permission.group-id": peers(true, "group"),
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "GroupId" });
  return {
    securityGroupInfo: shown.map((group) => ({
      ownerId: group.owner,
      groupId: group.id,
      groupName: group.name,
      groupDescription: group.description,
      vpcId: group.vpc,
      ipPermissions: permissions(group, false),
      ipPermissionsEgress: permissions(group, true),
      tagSet: tagSet(group.tags),
    })),
    ...next,
  };
}

/** For a filter: the other side of a group's rules of one direction. */
function peers(egress: boolean, kind: "cidrIpv4" | "group"): (group: Group) => (string | undefined)[] {
  return ({ rules }) => rules.filter((rule) => rule.egress === egress).map((rule) => rule[kind]);
}

/** Rules of one protocol and ports are one permission with all their sources. */
function permissions(group: Group, egress: boolean): Answer[] {
  const together = Map.groupBy(
    group.rules.filter((rule) => rule.egress === egress),
    ({ protocol, from, to }) => `${protocol} ${from} ${to}`,
  );
  return [...together.values()].flatMap((rules) => {
    const [first] = rules;
    if (first === undefined) return [];
    const having = (key: "cidrIpv4" | "cidrIpv6" | "group" | "prefixList", shown: string) =>
      rules
        .filter((rule) => rule[key] !== undefined)
        .map((rule) => ({
          ...(key === "group" ? { userId: group.owner } : {}),
          [shown]: rule[key],
          description: rule.description,
        }));
    return [
      {
        ipProtocol: first.protocol,
        fromPort: first.from,
        toPort: first.to,
        ipRanges: having("cidrIpv4", "cidrIp"),
        ipv6Ranges: having("cidrIpv6", "cidrIpv6"),
        groups: having("group", "groupId"),
        prefixListIds: having("prefixList", "prefixListId"),
      },
    ];
  });
}

interface ShownRule extends Rule {
  readonly of: Group;
}

function describeRules(params: Params, context: Context): Answer {
  const { world, account } = context;
  const all: ShownRule[] = [...world.groups.values()]
    .filter((group) => group.owner === account && !isYoung(group, context))
    .flatMap((of) => of.rules.map((rule) => ({ ...rule, of })));
  const ids = params.list("SecurityGroupRuleId");
  const wanted = ids.map((id) => {
    checkId("rule", id);
    const rule = all.find((one) => one.id === id);
    if (rule === undefined) throw notFound("rule", id);
    return rule;
  });
  const found = filtered(ids.length > 0 ? wanted : all, params, {
    "group-id": ({ of }) => [of.id],
    "security-group-rule-id": ({ id }) => [id],
  });
  const { page: shown, next } = page(found, params, PAGE);
  return { securityGroupRuleSet: shown.map((rule) => ruleView(rule, rule.of)), ...next };
}

/** Ports of all traffic are -1 in this form. */
function ruleView(rule: Rule, group: Group): Answer {
  return {
    securityGroupRuleId: rule.id,
    groupId: group.id,
    groupOwnerId: group.owner,
    isEgress: rule.egress,
    ipProtocol: rule.protocol,
    fromPort: rule.from ?? -1,
    toPort: rule.to ?? -1,
    cidrIpv4: rule.cidrIpv4,
    cidrIpv6: rule.cidrIpv6,
    prefixListId: rule.prefixList,
    referencedGroupInfo: rule.group === undefined ? undefined : { groupId: rule.group, userId: group.owner },
    description: rule.description,
    tagSet: tagSet(rule.tags),
  };
}

type Draft = Omit<Rule, "id" | "tags">;

function authorize(params: Params, context: Context, egress: boolean): Answer {
  const { world, effect } = context;
  const group = readGroup(params, context);
  const drafts = readRules(params, context, group, egress);
  const tags = tagsFor(params, "security-group-rule");
  const seen = new Set(group.rules.map(sameness));
  for (const draft of drafts) {
    if (seen.has(sameness(draft))) {
      throw new Ec2Error(
        "InvalidPermission.Duplicate",
        `the specified rule "${describeRule(draft)}" already exists`,
      );
    }
    seen.add(sameness(draft));
  }
  const most = world.settings.quotas.rulesPerGroup;
  if (rulesCounted([...group.rules, ...drafts], egress, world) > most) {
    throw new Ec2Error(
      "RulesPerSecurityGroupLimitExceeded",
      `The maximum number of rules per security group has been reached: ${most}`,
    );
  }
  const made = drafts.map((draft): Rule => ({ ...draft, id: newId(world, "sgr"), tags: [...tags] }));
  group.rules = [...group.rules, ...made];
  effect("rules-changed", group.id);
  return { return: true, securityGroupRuleSet: made.map((rule) => ruleView(rule, group)) };
}

function revoke(params: Params, context: Context, egress: boolean): Answer {
  const { effect } = context;
  const group = readGroup(params, context);
  const ids = params.list("SecurityGroupRuleId");
  const gone =
    ids.length > 0
      ? ids.map((id) => {
          checkId("rule", id);
          const rule = group.rules.find((one) => one.id === id && one.egress === egress);
          if (rule === undefined) throw notFound("rule", id);
          return rule;
        })
      : readRules(params, context, group, egress).map((draft) => {
          const rule = group.rules.find((one) => sameness(one) === sameness(draft));
          if (rule === undefined) {
            throw new Ec2Error(
              "InvalidPermission.NotFound",
              `The specified rule does not exist in this security group: ${describeRule(draft)}`,
            );
          }
          return rule;
        });
  group.rules = group.rules.filter((rule) => !gone.includes(rule));
  effect("rules-changed", group.id);
  return { return: true, revokedSecurityGroupRuleSet: gone.map((rule) => ruleView(rule, group)) };
}

function sameness(rule: Draft): string {
  const { egress, protocol, from, to, cidrIpv4, cidrIpv6, group, prefixList } = rule;
  return [egress, protocol, from, to, cidrIpv4, cidrIpv6, group, prefixList].join(" ");
}

function describeRule(rule: Draft): string {
  const peer = rule.cidrIpv4 ?? rule.cidrIpv6 ?? rule.group ?? rule.prefixList ?? "";
  return `peer: ${peer}, ${rule.protocol}, from port: ${rule.from ?? -1}, to port: ${rule.to ?? -1}, ALLOW`;
}

function readRules(params: Params, context: Context, group: Group, egress: boolean): Draft[] {
  const permissionsIn = params.structures("IpPermissions");
  // One rule in flat form, as older clients send it.
  const drafts =
    permissionsIn.length === 0 && params.has("IpProtocol")
      ? [{ egress, ...readPorts(params), cidrIpv4: cidr(params.required("CidrIp"), 4) }]
      : permissionsIn.flatMap((permission) => readPermission(permission, context, group, egress));
  if (drafts.length === 0) throw missing("ipPermissions");
  return drafts;
}

function readPermission(permission: Params, context: Context, group: Group, egress: boolean): Draft[] {
  const { world } = context;
  const base = { egress, ...readPorts(permission) };
  const note = (source: Params) => {
    const description = source.text("Description");
    return description === undefined ? {} : { description };
  };
  const drafts: Draft[] = [
    ...permission
      .structures("IpRanges")
      .map((range) => ({ ...base, cidrIpv4: cidr(range.required("CidrIp"), 4), ...note(range) })),
    ...permission
      .structures("Ipv6Ranges")
      .map((range) => ({ ...base, cidrIpv6: cidr(range.required("CidrIpv6"), 6), ...note(range) })),
    ...permission.structures("PrefixListIds").map((list) => ({
      ...base,
      prefixList: find(world.prefixLists, "prefixList", list.required("PrefixListId"), context).id,
      ...note(list),
    })),
    ...permission.structures("Groups").map((pair) => {
      const other = find(world.groups, "group", pair.required("GroupId"), context);
      if (other.vpc !== group.vpc) {
        throw new Ec2Error(
          "InvalidGroup.NotFound",
          `You have specified two resources that belong to different networks.`,
        );
      }
      return { ...base, group: other.id, ...note(pair) };
    }),
  ];
  if (drafts.length === 0) {
    throw new Ec2Error(
      "MissingParameter",
      "No source or destination specified: a range, group or prefix list",
    );
  }
  return drafts;
}

/** EC2 stores the block with its host bits cleared. */
function cidr(text: string, family: 4 | 6): string {
  const name = family === 4 ? "cidrIp" : "cidrIpv6";
  // A bare address is refused.
  if (canonicalIp(text) !== undefined) throw invalidValue(text, name, "CIDR block is malformed.");
  return formatPrefix(readCidr(text, name, family));
}

const NUMBERS: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6" };

function readPorts(params: Params): { protocol: string; from?: number; to?: number } {
  const given = params.required("IpProtocol").toLowerCase();
  const text = /^\d{1,3}$/.test(given) ? String(Number(given)) : given;
  const protocol = NUMBERS[text] ?? (text === "all" ? "-1" : text);
  const isName = ["tcp", "udp", "icmp", "icmpv6", "-1"].includes(protocol);
  if (!isName && !(/^\d{1,3}$/.test(protocol) && Number(protocol) < 256)) {
    throw invalidValue(text, "ipProtocol", "Unsupported IP protocol.");
  }
  if (!isName || protocol === "-1") return { protocol };
  const from = params.integer("FromPort");
  const to = params.integer("ToPort");
  if (protocol === "icmpv6" && from === undefined && to === undefined) return { protocol, from: -1, to: -1 };
  if (from === undefined || to === undefined) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Must specify both from and to ports with ${protocol.toUpperCase()}.`,
    );
  }
  const isIcmp = protocol.startsWith("icmp");
  const highest = isIcmp ? 255 : 65535;
  const lowest = isIcmp ? -1 : 0;
  for (const port of [from, to]) {
    if (port < lowest || port > highest) throw invalidValue(port, "port", `Invalid ${protocol} port.`);
  }
  if (isIcmp && from === -1 && to !== -1)
    throw invalidValue(to, "toPort", "The code of all ICMP types is -1.");
  if (!isIcmp && from > to)
    throw new Ec2Error("InvalidParameterValue", `Invalid TCP/UDP port range (${from}:${to})`);
  return { protocol, from, to };
}
