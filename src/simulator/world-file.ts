import { parseDocument } from "yaml";
import { formatIp, ipBytes } from "../values/ip.ts";
import { prefixOf } from "./model/addresses.ts";
import { Ec2Error } from "./model/error.ts";
import { textAt as answerText } from "./model/operation.ts";
import type { ParamTree } from "./model/params.ts";
import { changeSettings } from "./model/settings.ts";
import { Simulator } from "./model/simulator.ts";
import type { Answer, World } from "./model/types.ts";

export const EXAMPLE = `# A world for \`branchline simulate --world FILE\`. Names are for references in this file, and become Name tags.
region: us-east-1
account: "123456789012"
# With keys, requests have to be signed with one of them.
keys: []
#  - { id: AKIAEXAMPLE, secret: example, account: "123456789012" }
settings:
  # From association until a branch carries packets, in seconds: drawn evenly between the two.
  carriesAfterSeconds: [0, 5]
vpcs:
  - name: main
    cidr: 10.0.0.0/16
    subnets:
      - { name: nodes, cidr: 10.0.0.0/20, zone: us-east-1a }
    groups:
      - name: node
        ingress:
          - { protocol: "-1", cidr: 10.0.0.0/16 }
      - name: web
        ingress:
          - { protocol: tcp, ports: [80, 80], cidr: 0.0.0.0/0 }
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
  for (const vpc of listAt(file, "vpcs")) makeVpc(maker, vpc);
  maker.settle();
  Object.assign(world.settings, { throttling, instanceSeconds, notFoundAfterCreateSeconds });
}

class Maker {
  private readonly simulator: Simulator;
  private readonly now: number;

  constructor(world: World, now: number) {
    this.simulator = new Simulator(world);
    this.now = now;
  }

  /** Does what is due by now. */
  settle(): void {
    this.simulator.advance(this.now);
  }

  /** The block of the VPC's next subnet: the first /64 that none has. */
  nextIpv6(vpc: string): string {
    const { vpcs, subnets } = this.simulator.world;
    const block = vpcs.get(vpc)?.ipv6Cidr;
    if (block === undefined) throw new TypeError(`a subnet has "ipv6: true", and its VPC has not`);
    const bytes = ipBytes(prefixOf(block).address);
    const taken = new Set([...subnets.values()].map(({ ipv6Cidr }) => ipv6Cidr));
    for (;;) {
      const cidr = `${formatIp(bytes)}/64`;
      if (!taken.has(cidr)) return cidr;
      bytes[7] = (bytes[7] ?? 0) + 1;
    }
  }

  call(action: string, what: string, tree: ParamTree): Answer {
    try {
      return this.simulator.execute(action, { Version: "2016-11-15", ...tree }, this.now);
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      throw new TypeError(`${what}: ${error.code}: ${error.message}`, { cause: error });
    }
  }
}

function makeVpc(maker: Maker, value: unknown): void {
  const vpc = objectAt(value, "a vpc", ["name", "cidr", "ipv6", "subnets", "groups", "instances"]);
  const name = textAt(vpc, "name");
  const answer = maker.call("CreateVpc", `vpc ${name}`, {
    CidrBlock: textAt(vpc, "cidr"),
    ...(flagAt(vpc, "ipv6") ? { AmazonProvidedIpv6CidrBlock: "true" } : {}),
    ...nameTag("vpc", name),
  });
  const vpcId = answerText(answer, "vpc", "vpcId");
  const subnets = new Map<string, string>();
  for (const one of listAt(vpc, "subnets")) {
    const subnet = objectAt(one, "a subnet", ["name", "cidr", "zone", "ipv6"]);
    const subnetName = textAt(subnet, "name");
    const made = maker.call("CreateSubnet", `subnet ${subnetName}`, {
      VpcId: vpcId,
      CidrBlock: textAt(subnet, "cidr"),
      ...(subnet["zone"] === undefined ? {} : { AvailabilityZone: textAt(subnet, "zone") }),
      ...ipv6Block(maker, vpcId, subnet),
      ...nameTag("subnet", subnetName),
    });
    subnets.set(subnetName, answerText(made, "subnet", "subnetId"));
  }
  const groups = makeGroups(maker, vpcId, listAt(vpc, "groups"));
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
function makeGroups(maker: Maker, vpcId: string, values: readonly unknown[]): Map<string, string> {
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
        const rule = objectAt(value, `a rule of ${name}`, ["protocol", "ports", "cidr", "cidr6", "group"]);
        maker.call(`AuthorizeSecurityGroup${action}`, `group ${name}`, {
          GroupId: ids.get(name) ?? "",
          IpPermissions: { "1": permission(rule, ids) },
        });
      }
    }
  }
  return ids;
}

function permission(rule: Record<string, unknown>, groups: ReadonlyMap<string, string>): ParamTree {
  const [from, to = from] = listAt(rule, "ports").map((port) => JSON.stringify(port));
  return {
    IpProtocol: textAt(rule, "protocol"),
    ...(from === undefined ? {} : { FromPort: from, ToPort: to ?? from }),
    ...(rule["cidr"] === undefined ? {} : { IpRanges: { "1": { CidrIp: textAt(rule, "cidr") } } }),
    ...(rule["cidr6"] === undefined ? {} : { Ipv6Ranges: { "1": { CidrIpv6: textAt(rule, "cidr6") } } }),
    ...(rule["group"] === undefined
      ? {}
      : { Groups: { "1": { GroupId: reference(groups, textAt(rule, "group"), "group") } } }),
  };
}

function reference(known: ReadonlyMap<string, string>, name: string, what: string): string {
  const id = known.get(name);
  if (id === undefined) throw new TypeError(`there is no ${what} "${name}" in this VPC`);
  return id;
}

function nameTag(type: string, name: string): ParamTree {
  return { TagSpecification: { "1": { ResourceType: type, Tag: { "1": { Key: "Name", Value: name } } } } };
}

function numbered(values: readonly string[]): ParamTree {
  return Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
}

function objectAt(value: unknown, what: string, names?: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} is a mapping, not ${JSON.stringify(value)}`);
  }
  const stranger = names === undefined ? undefined : Object.keys(value).find((name) => !names.includes(name));
  if (stranger !== undefined)
    throw new TypeError(`${what} has no "${stranger}"; it has ${names?.join(", ")}`);
  return value as Record<string, unknown>;
}

function flagAt(object: Record<string, unknown>, name: string): boolean {
  const value = object[name] ?? false;
  if (typeof value !== "boolean")
    throw new TypeError(`"${name}" is true or false, not ${JSON.stringify(value)}`);
  return value;
}

function textAt(object: Record<string, unknown>, name: string): string {
  const value = object[name];
  if (typeof value !== "string") throw new TypeError(`"${name}" is a text, not ${JSON.stringify(value)}`);
  return value;
}

function listAt(object: Record<string, unknown>, name: string): readonly unknown[] {
  const value = object[name] ?? [];
  if (!Array.isArray(value)) throw new TypeError(`"${name}" is a list, not ${JSON.stringify(value)}`);
  return value;
}
