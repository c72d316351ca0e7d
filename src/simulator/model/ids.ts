import { Ec2Error } from "./error.ts";
import type { Context, World } from "./types.ts";

/** Ids as EC2 makes them: a prefix and 17 hexadecimal digits. */
export function newId(world: World, prefix: string): string {
  return `${prefix}-0${world.random.hex(16)}`;
}

const FAMILIES = {
  vpc: ["vpc", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "vpc ID"],
  subnet: ["subnet", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "subnet ID"],
  group: ["sg", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "security group"],
  rule: [
    "sgr",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidSecurityGroupRuleId.Malformed",
    "security group rule ID",
  ],
  interface: [
    "eni",
    "InvalidNetworkInterfaceID.NotFound",
    "InvalidNetworkInterfaceID.Malformed",
    "networkInterface ID",
  ],
  attachment: [
    "eni-attach",
    "InvalidAttachmentID.NotFound",
    "InvalidAttachmentID.Malformed",
    "attachment ID",
  ],
  instance: ["i", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "instance ID"],
  association: [
    "trunk-assoc",
    "InvalidAssociationID.NotFound",
    "InvalidAssociationID.Malformed",
    "association ID",
  ],
  prefixList: ["pl", "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed", "prefix list ID"],
  networkAcl: ["acl", "InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed", "networkAcl ID"],
  aclAssociation: [
    "aclassoc",
    "InvalidAssociationID.NotFound",
    "InvalidAssociationID.Malformed",
    "association ID",
  ],
  routeTable: ["rtb", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed", "routeTable ID"],
  routeTableAssociation: [
    "rtbassoc",
    "InvalidAssociationID.NotFound",
    "InvalidAssociationID.Malformed",
    "association ID",
  ],
} as const;

export type Kind = keyof typeof FAMILIES;

const KINDS = new Map<string, Kind>(
  Object.entries(FAMILIES).map(([kind, [prefix]]) => [prefix, kind as Kind]),
);

/** What an id is of, by its prefix. */
export function kindOf(id: string): Kind | undefined {
  return KINDS.get(id.replace(/-[0-9a-f]+$/, ""));
}

export function notFoundCode(kind: Kind): string {
  return FAMILIES[kind][1];
}

export function notFound(kind: Kind, id: string, code?: string): Ec2Error {
  return new Ec2Error(code ?? notFoundCode(kind), `The ${FAMILIES[kind][3]} '${id}' does not exist`);
}

/** Throws unless the text looks like an id of that kind: 8 or 17 hexadecimal digits after the prefix. */
export function checkId(kind: Kind, id: string): void {
  const [prefix, , code, name] = FAMILIES[kind];
  if (!new RegExp(`^${prefix}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(id)) {
    throw new Ec2Error(code, `Invalid id: "${id}" (expecting "${prefix}-..." for the ${name})`);
  }
}

interface Thing {
  readonly owner: string;
  readonly knownAt: number;
}

/** When something that is made now was made, and from when on calls know of it. */
export function born({ world, now }: Pick<Context, "world" | "now">): {
  readonly createdAt: number;
  readonly knownAt: number;
} {
  return { createdAt: now, knownAt: now + world.settings.notFoundAfterCreateSeconds * 1000 };
}

/** Whether no call knows of it yet. */
export function isYoung({ knownAt }: Pick<Thing, "knownAt">, { now }: Pick<Context, "now">): boolean {
  return now < knownAt;
}

/** The thing with that id, owned by the account. */
export function find<T extends Thing>(
  map: ReadonlyMap<string, T>,
  kind: Kind,
  id: string,
  context: Context,
): T {
  checkId(kind, id);
  const found = map.get(id);
  if (found === undefined || found.owner !== context.account || isYoung(found, context))
    throw notFound(kind, id);
  return found;
}

/** What a describe begins with: the things with those ids, or without any id all that the account owns. */
export function namedOrOwned<T extends Thing>(
  map: ReadonlyMap<string, T>,
  kind: Kind,
  ids: readonly string[],
  context: Context,
): T[] {
  if (ids.length > 0) return ids.map((id) => find(map, kind, id, context));
  return [...map.values()].filter((one) => one.owner === context.account && !isYoung(one, context));
}

/** A locally administered address that no interface has. */
export function newMac(world: World): string {
  for (;;) {
    const digits = `02${world.random.hex(10)}`;
    const mac = digits.replace(/(..)(?=.)/g, "$1:");
    if (!world.macs.has(mac)) return mac;
  }
}
