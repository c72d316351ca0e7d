import { parseDocument } from "yaml";
import { textAt as answerText } from "./model/operation.ts";
import type { ParamTree } from "./model/params.ts";
import { changeSettings } from "./model/settings.ts";
import type { World } from "./model/types.ts";
import { Maker } from "./world-maker.ts";
import { makeAcls, makePrefixLists, makeRouteTables, placeSubnet, prefixList } from "./world-network.ts";
import { flagAt, listAt, nameTag, numbered, objectAt, reference, textAt } from "./world-values.ts";

export const EXAMPLE = `# A world for \`branchline simulate --world FILE\`. Names are for references in this file, and become Name tags.
region: us-east-1
account: "123456789012"
# With keys, requests have to be signed with one of them.
keys: []
#  - { id: AKIAEXAMPLE, secret: example, account: "123456789012" }
settings:
  # From association until a branch carries packets, in seconds: drawn evenly between the two.
  carriesAfterSeconds: [0, 5]
prefixLists:
  - { name: offices, cidrs: [192.0.2.0/24, 198.51.100.0/24] }
vpcs:
  - name: main
    cidr: 10.0.0.0/16
    # A subnet may have one of each: acl: open, routeTable: private. Otherwise it has the VPC's own, which allows everything.
    acls:
      - name: open
        ingress:
          - { number: 100, action: allow, protocol: "-1", cidr: 0.0.0.0/0 }
        egress:
          - { number: 100, action: allow, protocol: "-1", cidr: 0.0.0.0/0 }
    routeTables:
      - { name: private, routes: [{ to: 0.0.0.0/0, via: nat-0123456789abcdef0 }] }
    subnets:
      - { name: nodes, cidr: 10.0.0.0/20, zone: us-east-1a }
    groups:
      - name: node
        ingress:
          - { protocol: "-1", cidr: 10.0.0.0/16 }
      - name: web
        ingress:
          - { protocol: tcp, ports: [80, 80], cidr: 0.0.0.0/0 }
          - { protocol: tcp, ports: [443, 443], list: offices }
      - name: database
        ingress:
          - { protocol: tcp, ports: [5432, 5432], group: web }
    instances:
      - { name: node-1, type: m5.large, subnet: nodes, groups: [node] }
      - { name: node-2, type: m5.xlarge, subnet: nodes, groups: [node] }
`;

const IMAGE = "ami-0123456789abcdef0";

/** Fills the world as the file says, through the API's own operations and so under their rules. Throws in one line. */
export function applyWorldFile(world: World, text: string, now: number): void {
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault !== undefined) throw new TypeError(fault.message.split("\n")[0]);
  // A file of a few lines must not unfold to gigabytes.
  const file = objectAt(document.toJS({ maxAliasCount: 100 }) ?? {}, "the file", [
    "region",
    "account",
    "keys",
    "settings",
    "prefixLists",
    "vpcs",
  ]);
  if (file["region"] !== undefined) {
    world.region = textAt(file, "region");
    world.zones = ["a", "b", "c"].map((letter) => `${world.region}${letter}`);
  }
  if (file["account"] !== undefined) world.account = textAt(file, "account");
  for (const value of listAt(file, "keys")) {
    const key = objectAt(value, "a key", ["id", "secret", "account"]);
    const account = key["account"] === undefined ? world.account : textAt(key, "account");
    world.keys[textAt(key, "id")] = { secret: textAt(key, "secret"), account };
  }
  changeSettings(world.settings, objectAt(file["settings"] ?? {}, "settings"));
  const { throttling, instanceSeconds, notFoundAfterCreateSeconds } = world.settings;
  // What a file says is there at the start: known, and its instances running.
  Object.assign(world.settings, { throttling: false, instanceSeconds: 0, notFoundAfterCreateSeconds: 0 });
  const maker = new Maker(world, now);
  const lists = makePrefixLists(maker, listAt(file, "prefixLists"));
  for (const vpc of listAt(file, "vpcs")) makeVpc(maker, vpc, lists);
  maker.settle();
  Object.assign(world.settings, { throttling, instanceSeconds, notFoundAfterCreateSeconds });
}

function makeVpc(maker: Maker, value: unknown, lists: ReadonlyMap<string, string>): void {
  const vpc = objectAt(value, "a vpc", [
    "name",
    "cidr",
    "ipv6",
    "acls",
    "routeTables",
    "subnets",
    "groups",
    "instances",
  ]);
  const name = textAt(vpc, "name");
  const answer = maker.call("CreateVpc", `vpc ${name}`, {
    CidrBlock: textAt(vpc, "cidr"),
    ...(flagAt(vpc, "ipv6") ? { AmazonProvidedIpv6CidrBlock: "true" } : {}),
    ...nameTag("vpc", name),
  });
  const vpcId = answerText(answer, "vpc", "vpcId");
  const acls = makeAcls(maker, vpcId, listAt(vpc, "acls"));
  const tables = makeRouteTables(maker, vpcId, listAt(vpc, "routeTables"), lists);
  const subnets = new Map<string, string>();
  for (const one of listAt(vpc, "subnets")) {
    const subnet = objectAt(one, "a subnet", ["name", "cidr", "zone", "ipv6", "acl", "routeTable"]);
    const subnetName = textAt(subnet, "name");
    const made = maker.call("CreateSubnet", `subnet ${subnetName}`, {
      VpcId: vpcId,
      CidrBlock: textAt(subnet, "cidr"),
      ...(subnet["zone"] === undefined ? {} : { AvailabilityZone: textAt(subnet, "zone") }),
      ...ipv6Block(maker, vpcId, subnet),
      ...nameTag("subnet", subnetName),
    });
    const subnetId = answerText(made, "subnet", "subnetId");
    subnets.set(subnetName, subnetId);
    placeSubnet(maker, subnetId, subnet, { acls, tables });
  }
  const groups = makeGroups(maker, vpcId, listAt(vpc, "groups"), lists);
  for (const one of listAt(vpc, "instances")) {
    const instance = objectAt(one, "an instance", ["name", "type", "subnet", "groups"]);
    const instanceName = textAt(instance, "name");
    const wanted = listAt(instance, "groups").map((group) => reference(groups, String(group), "group"));
    maker.call("RunInstances", `instance ${instanceName}`, {
      ImageId: IMAGE,
      MinCount: "1",
      MaxCount: "1",
      InstanceType: textAt(instance, "type"),
      SubnetId: reference(subnets, textAt(instance, "subnet"), "subnet"),
      ...(wanted.length === 0 ? {} : { SecurityGroupId: numbered(wanted) }),
      ...nameTag("instance", instanceName),
    });
  }
}

/** `ipv6` of a subnet: a block, or whether it is to have the next one. */
function ipv6Block(maker: Maker, vpc: string, subnet: Record<string, unknown>): ParamTree {
  if (typeof subnet["ipv6"] === "string") return { Ipv6CidrBlock: subnet["ipv6"] };
  return flagAt(subnet, "ipv6") ? { Ipv6CidrBlock: maker.nextIpv6(vpc) } : {};
}

/** All groups first: rules may name any of them. */
function makeGroups(
  maker: Maker,
  vpcId: string,
  values: readonly unknown[],
  lists: ReadonlyMap<string, string>,
): Map<string, string> {
  const ids = new Map<string, string>();
  const groups = values.map((value) =>
    objectAt(value, "a group", ["name", "description", "ingress", "egress"]),
  );
  for (const group of groups) {
    const name = textAt(group, "name");
    const description = group["description"] === undefined ? name : textAt(group, "description");
    const made = maker.call("CreateSecurityGroup", `group ${name}`, {
      VpcId: vpcId,
      GroupName: name,
      GroupDescription: description,
      ...nameTag("security-group", name),
    });
    ids.set(name, answerText(made, "groupId"));
  }
  for (const group of groups) {
    const name = textAt(group, "name");
    for (const [key, action] of Object.entries({ ingress: "Ingress", egress: "Egress" })) {
      for (const value of listAt(group, key)) {
        const rule = objectAt(value, `a rule of ${name}`, [
          "protocol",
          "ports",
          "cidr",
          "cidr6",
          "group",
          "list",
        ]);
        maker.call(`AuthorizeSecurityGroup${action}`, `group ${name}`, {
          GroupId: ids.get(name) ?? "",
          IpPermissions: { "1": permission(rule, ids, lists) },
        });
      }
    }
  }
  return ids;
}

function permission(
  rule: Record<string, unknown>,
  groups: ReadonlyMap<string, string>,
  lists: ReadonlyMap<string, string>,
): ParamTree {
  const [from, to = from] = listAt(rule, "ports").map((port) => JSON.stringify(port));
  return {
    IpProtocol: textAt(rule, "protocol"),
    ...(from === undefined ? {} : { FromPort: from, ToPort: to ?? from }),
    ...(rule["cidr"] === undefined ? {} : { IpRanges: { "1": { CidrIp: textAt(rule, "cidr") } } }),
    ...(rule["cidr6"] === undefined ? {} : { Ipv6Ranges: { "1": { CidrIpv6: textAt(rule, "cidr6") } } }),
    ...(rule["group"] === undefined
      ? {}
      : { Groups: { "1": { GroupId: reference(groups, textAt(rule, "group"), "group") } } }),
    ...(rule["list"] === undefined
      ? {}
      : { PrefixListIds: { "1": { PrefixListId: prefixList(lists, textAt(rule, "list")) } } }),
  };
}
