import type { Api } from "../facts/api.ts";
import { type Ec2, readNetworkAcls, readPrefixLists, readRouteTables, readRules } from "../facts/ec2.ts";
import { type Fact, type Gap, known, mapFact, skipped } from "../facts/fact.ts";
import { readNamespaceLabels } from "../facts/namespaces.ts";
import { type NetworkPolicyFact, readNetworkPolicies } from "../facts/network-policies.ts";
import type { RouteTable, SecurityGroupRule } from "../ec2/types.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { Filters, Interface, Known, NetworkPolicy, Policies } from "../verdict/facts.ts";
import type { Place } from "../verdict/places.ts";
import { enforcementIn } from "../facts/enforcement.ts";
import type { PodFacts } from "./facts.ts";
import { asKnown } from "./places.ts";

/** What decides on paths: rules, route tables, ACLs, prefix lists and NetworkPolicies, as far as these paths meet them. */

/** With the facts themselves, for what could not be looked at. */
export interface LookedAtFilters {
  readonly filters: Filters;
  readonly facts: readonly Fact<unknown>[];
}

export async function lookAtFilters(
  api: Api,
  ec2: Fact<Ec2>,
  facts: PodFacts,
  {
    places,
    routeTables,
  }: { readonly places: readonly Place[]; readonly routeTables: Fact<readonly RouteTable[]> },
): Promise<LookedAtFilters> {
  const interfaces = places.flatMap(interfacesOf);
  const groups = interfaces.flatMap((one) => one.groups);
  const crosses = crossesSubnets(places);
  const vpc = interfaces[0]?.vpc;
  const [rules, acls, policies] = await Promise.all([
    ec2.known && groups.length > 0 ? readRules(ec2.value, groups) : notAsked(ec2, "security group rules"),
    ec2.known && crosses && vpc !== undefined
      ? readNetworkAcls(ec2.value, vpc)
      : notAsked(ec2, "network ACLs"),
    readPolicies(api, facts, places),
  ]);
  const lists = listsIn(rules, crosses ? routeTables : notAsked(ec2, "route tables"));
  const prefixLists = ec2.known && lists.size > 0 ? await readPrefixLists(ec2.value, lists) : known([]);
  return {
    filters: {
      rules: asKnown(rules),
      prefixLists: new Map(
        prefixLists.known
          ? prefixLists.value.map(({ id, cidrs }) => [id, asKnown(cidrs)] as const)
          : [...lists].map((id) => [id, asKnown(prefixLists)] as const),
      ) as Filters["prefixLists"],
      acls: asKnown(acls),
      routeTables: asKnown(routeTables),
      policies: policies && asKnown(policies),
    },
    facts: [
      rules,
      ...(crosses ? [acls, routeTables] : []),
      prefixLists,
      ...(prefixLists.known ? prefixLists.value.map(({ cidrs }) => cidrs) : []),
      ...(policies === undefined ? [] : [policies]),
    ],
  };
}

function notAsked(ec2: Fact<Ec2>, what: string): { readonly known: false; readonly gap: Gap } {
  return ec2.known ? skipped(what, `no path here meets ${what}`) : ec2;
}

function interfacesOf(place: Place): readonly Interface[] {
  const ends =
    place.kind === "node-local"
      ? []
      : place.kind === "pod"
        ? [place.end, place.node.end, ...(place.host0 === undefined ? [] : [place.host0])]
        : [place.end];
  return ends.flatMap(({ interface: one }) => (one.known && one.value !== undefined ? [one.value] : []));
}

/** Within one subnet neither route tables nor ACLs count. */
export function crossesSubnets(places: readonly Place[]): boolean {
  const interfaces = places.flatMap(interfacesOf);
  const leaves = places.some((place) => place.kind === "address" && !isKnownInterface(place.end.interface));
  return leaves || new Set(interfaces.map(({ subnet }) => subnet)).size > 1;
}

function isKnownInterface(one: Known<Interface | undefined>): boolean {
  return one.known && one.value !== undefined;
}

function listsIn(
  rules: Fact<readonly SecurityGroupRule[]>,
  tables: Fact<readonly RouteTable[]>,
): ReadonlySet<string> {
  const ofRules = (rules.known ? rules.value : []).flatMap(({ peer }) =>
    peer.kind === "prefix-list" ? [peer.id] : [],
  );
  const ofRoutes = (tables.known ? tables.value : []).flatMap(({ routes }) =>
    routes.flatMap(({ destination }) => (destination.startsWith("pl-") ? [destination] : [])),
  );
  return new Set([...ofRules, ...ofRoutes]);
}

/** Of the VPC, once for all paths, where one of them leaves a subnet or the VPC. */
export function lookAtRouteTables(ec2: Fact<Ec2>, vpc: Fact<string>): Promise<Fact<readonly RouteTable[]>> {
  if (!ec2.known) return Promise.resolve(ec2);
  return vpc.known ? readRouteTables(ec2.value, vpc.value) : Promise.resolve(vpc);
}

/** What is routed within a VPC is of it. */
export function cidrsIn(tables: Fact<readonly RouteTable[]>): Fact<readonly string[]> {
  return mapFact(tables, (all) => [
    ...new Set(
      all.flatMap(({ routes }) =>
        routes.flatMap(({ destination, target }) => (target === "local" ? [destination] : [])),
      ),
    ),
  ]);
}

/** Undefined: nothing enforces them. */
async function readPolicies(
  api: Api,
  { daemonSets, settings, pod, networkPolicies }: PodFacts,
  places: readonly Place[],
): Promise<Fact<Policies> | undefined> {
  if (!daemonSets.known) return daemonSets;
  if (enforcementIn(daemonSets.value, settings.known ? settings.value : undefined) === undefined)
    return undefined;
  const namespaces = [
    ...new Set(places.flatMap((place) => (place.kind === "pod" ? (place.name.split("/")[0] ?? "") : []))),
  ];
  const policies: NetworkPolicy[] = [];
  const labels = new Map<string, Labels>();
  for (const namespace of namespaces) {
    const [own, its] = await Promise.all([
      namespace === pod.namespace ? networkPolicies : readNetworkPolicies(api, namespace),
      readNamespaceLabels(api, namespace),
    ]);
    if (!own.known) return own;
    if (!its.known) return its;
    policies.push(...own.value.map(policyOf));
    labels.set(namespace, its.value ?? {});
  }
  return known({ policies, namespaces: labels });
}

function policyOf({ types, ...policy }: NetworkPolicyFact): NetworkPolicy {
  return { ...policy, types: types.filter((type) => type === "Ingress" || type === "Egress") };
}
