import { clusterFilters, trunkOf } from "../ec2/eni-tags.ts";
import { Ec2CallError } from "../ec2/error.ts";
import type { CallOptions, Ec2Port, Filters } from "../ec2/port.ts";
import type {
  Instance,
  NetworkAcl,
  NetworkInterface,
  PrefixList,
  RouteTable,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
  TrunkAssociation,
} from "../ec2/types.ts";
import { type Fact, type Gap, known, mapFact, unknown } from "./fact.ts";

/** Reading EC2: what it refuses is a fact. The kinds are those of src/ec2. */

export interface Ec2 {
  readonly port: Ec2Port;
  readonly region: string;
  readonly signal: AbortSignal;
}

const NO_CREDENTIALS =
  "no credentials for EC2: set them as for the AWS CLI, such as AWS_PROFILE, or give --no-ec2";

/** Values of a filter that one call takes. */
const MOST_VALUES = 200;
/** Calls under way at once: EC2 answers each after some 100 ms. */
const AT_ONCE = 8;
/** Prefix lists of which the entries are read: each is a call of its own. */
const MOST_LISTS = 100;

/** The trunks and branches of a cluster, by the tags that AWS's controller and ours give them. */
export function readClusterInterfaces(ec2: Ec2, cluster: string): Promise<Fact<readonly NetworkInterface[]>> {
  return asFact("network interfaces", ec2, ({ port }, options) =>
    port.interfaces(clusterFilters(cluster), options),
  );
}

/** Those that there are among them. */
export function readInterfaces(ec2: Ec2, ids: Iterable<string>): Promise<Fact<readonly NetworkInterface[]>> {
  return byValues("network interfaces", ec2, "network-interface-id", ids, (port, ...call) =>
    port.interfaces(...call),
  );
}

/** The one that has an address in a VPC; undefined: none has. */
export async function readInterfaceWith(
  ec2: Ec2,
  address: string,
  vpc: string,
): Promise<Fact<NetworkInterface | undefined>> {
  const name = address.includes(":") ? "ipv6-addresses.ipv6-address" : "addresses.private-ip-address";
  const filters = { [name]: [address], "vpc-id": [vpc] };
  const found = await asFact("network interfaces", ec2, ({ port }, options) =>
    port.interfaces(filters, options),
  );
  return mapFact(found, ([first]) => first);
}

/** What of many branches is worth keeping. */
export interface BranchInterface extends Pick<NetworkInterface, "id" | "groups"> {
  /** By its tags. */
  readonly trunk: string | undefined;
}

/** The same as readInterfaces, of as many as a cluster has branches. */
export function readBranches(ec2: Ec2, ids: Iterable<string>): Promise<Fact<readonly BranchInterface[]>> {
  return byValues(
    "network interfaces",
    ec2,
    "network-interface-id",
    ids,
    (port, ...call) => port.interfaces(...call),
    ({ id, groups, tags }) => ({ id, groups, trunk: trunkOf(tags) }),
  );
}

/** Those of a VPC that have one of these addresses of one family. An address out of an interface's prefix is none of them. */
export function readInterfacesAt(
  ec2: Ec2,
  addresses: readonly string[],
  vpc: string,
): Promise<Fact<readonly NetworkInterface[]>> {
  const [first = ""] = addresses;
  const filter = first.includes(":") ? "ipv6-addresses.ipv6-address" : "addresses.private-ip-address";
  return byValues("network interfaces", ec2, filter, addresses, (port, filters, options) =>
    port.interfaces({ ...filters, "vpc-id": [vpc] }, options),
  );
}

/** Those that there are among them. */
export function readInstances(ec2: Ec2, ids: Iterable<string>): Promise<Fact<readonly Instance[]>> {
  return byValues("instances", ec2, "instance-id", ids, (port, ...call) => port.findInstances(...call));
}

/** Those that there are among them. */
export function readGroups(ec2: Ec2, ids: Iterable<string>): Promise<Fact<readonly SecurityGroup[]>> {
  return byValues("security groups", ec2, "group-id", ids, (port, ...call) => port.groups(...call));
}

/** Those that there are among them. */
export function readSubnets(ec2: Ec2, ids: Iterable<string>): Promise<Fact<readonly Subnet[]>> {
  return byValues("subnets", ec2, "subnet-id", ids, (port, ...call) => port.subnets(...call));
}

export function readRules(ec2: Ec2, groups: Iterable<string>): Promise<Fact<readonly SecurityGroupRule[]>> {
  return byValues("security group rules", ec2, "group-id", groups, (port, ...call) => port.rules(...call));
}

export function readAssociations(ec2: Ec2): Promise<Fact<readonly TrunkAssociation[]>> {
  return asFact("trunk interface associations", ec2, ({ port }, options) => port.associations(options));
}

/** Of the VPC. */
export function readNetworkAcls(ec2: Ec2, vpc: string): Promise<Fact<readonly NetworkAcl[]>> {
  const filters = { "vpc-id": [vpc] };
  return asFact("network ACLs", ec2, ({ port }, options) => port.networkAcls(filters, options));
}

/** Of the VPC. */
export function readRouteTables(ec2: Ec2, vpc: string): Promise<Fact<readonly RouteTable[]>> {
  const filters = { "vpc-id": [vpc] };
  return asFact("route tables", ec2, ({ port }, options) => port.routeTables(filters, options));
}

export type PrefixListFact = PrefixList & { readonly cidrs: Fact<readonly string[]> };

/** Those that there are among them, with their entries. */
export async function readPrefixLists(
  ec2: Ec2,
  ids: Iterable<string>,
): Promise<Fact<readonly PrefixListFact[]>> {
  const lists = await byValues("prefix lists", ec2, "prefix-list-id", ids, (port, ...call) =>
    port.prefixLists(...call),
  );
  if (!lists.known) return lists;
  const withEntries: PrefixListFact[] = [];
  for (const [index, list] of lists.value.entries()) {
    const cidrs =
      index < MOST_LISTS
        ? await asFact("prefix list entries", ec2, ({ port }, options) =>
            port.prefixListEntries(list.id, options),
          )
        : unknown({
            what: "prefix list entries",
            reason: "skipped",
            message: `there are more than ${MOST_LISTS}`,
          });
    withEntries.push({ ...list, cidrs });
  }
  return known(withEntries);
}

type Read<T> = (port: Ec2Port, filters: Filters, options: CallOptions) => Promise<T[]>;

/** In calls of so many values, several at once. Without any there is nothing to ask. `keep`: what is kept of each thing. */
function byValues<T, K = T>(
  what: string,
  ec2: Ec2,
  filter: string,
  values: Iterable<string>,
  read: Read<T>,
  keep: (found: T) => K = (found) => found as unknown as K,
): Promise<Fact<readonly K[]>> {
  const all = [...new Set(values)];
  const parts = Array.from({ length: Math.ceil(all.length / MOST_VALUES) }, (_, i) =>
    all.slice(i * MOST_VALUES, (i + 1) * MOST_VALUES),
  );
  return asFact(what, ec2, async ({ port }, options) => {
    const found: K[] = [];
    const ask = async () => {
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        for (const one of await read(port, { [filter]: part }, options)) found.push(keep(one));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    return found;
  });
}

async function asFact<T>(
  what: string,
  ec2: Ec2,
  read: (ec2: Ec2, options: CallOptions) => Promise<T>,
): Promise<Fact<T>> {
  try {
    return known(await read(ec2, { signal: ec2.signal, priority: "waiting" }));
  } catch (error) {
    return unknown(gapOf(what, error));
  }
}

function gapOf(what: string, error: unknown): Gap {
  if (!(error instanceof Ec2CallError)) throw error;
  const { code, action, message } = error;
  if (code === "UnauthorizedOperation")
    return { what, reason: "denied", message, permission: `ec2:${action}` };
  if (code === "CredentialsProviderError") return { what, reason: "failed", message: NO_CREDENTIALS };
  return { what, reason: "failed", message };
}
