import { passGroups } from "./group-rules.ts";
import { type AclRefusal, refusalOf } from "./acl.ts";
import { routeTo } from "./routes.ts";
import type {
  End,
  Filters,
  Flow,
  GroupRule,
  Interface,
  Known,
  NetworkAcl,
  NetworkPolicy,
  Route,
  RouteTable,
} from "./facts.ts";
import type { Passage } from "./network-policy.ts";
import type { NodePlace, PodPlace } from "./places.ts";

/** What EC2 does with a connection between two interfaces: groups at both ends, and ACLs where it leaves a subnet. */

/** `isEgress`: on the way out of the interface or pod that decides. `isAnswer`: it is about the answers. */
interface Direction {
  readonly isEgress: boolean;
  readonly isAnswer: boolean;
}

export type Hop = Direction &
  (
    | {
        readonly kind: "group";
        readonly at: Interface;
        /** The rule that lets it pass. */
        readonly rule: GroupRule;
      }
    /** No rule of these groups does. */
    | { readonly kind: "no-rule"; readonly at: Interface; readonly flow: Flow }
    /** Answers pass the groups, which know the connection. */
    | { readonly kind: "tracked"; readonly at: Interface }
    | { readonly kind: "acl"; readonly acl: NetworkAcl }
    | ({ readonly kind: "refused-by-acl" } & AclRefusal)
    | { readonly kind: "route"; readonly at: Interface; readonly table: RouteTable; readonly route: Route }
    /** Undefined: there is none. Otherwise it is a blackhole, or leads to an internet gateway without a public address. */
    | {
        readonly kind: "no-route";
        readonly at: Interface;
        readonly table: RouteTable;
        readonly route: Route | undefined;
        readonly to: string;
      }
    /** A NetworkPolicy lets it pass, or none selects the pod (undefined). */
    | { readonly kind: "policy"; readonly pod: PodPlace; readonly policy: NetworkPolicy | undefined }
    /** These select the pod, and none of them lets it pass. */
    | {
        readonly kind: "refused-by-policy";
        readonly pod: PodPlace;
        readonly policies: readonly NetworkPolicy[];
        readonly passage: Passage;
      }
    /** It selects the pod, but nothing enforces it on a direct pod. */
    | { readonly kind: "unenforced-policy"; readonly pod: PodPlace; readonly policy: NetworkPolicy }
    /** The node drops what its own sockets have a part in (tcp_early_demux, udp_early_demux). */
    | { readonly kind: "early-demux"; readonly node: NodePlace; readonly protocol: "tcp" | "udp" }
    /** What decides could not be looked at. */
    | { readonly kind: "unknown"; readonly why: string }
  );

const ENDS = ["no-rule", "refused-by-acl", "no-route", "refused-by-policy", "early-demux"] as const;

/** A hop that ends the way. */
export type EndHop = Extract<Hop, { readonly kind: (typeof ENDS)[number] }>;

export function isEnd(hop: Hop): hop is EndHop {
  return ENDS.some((kind) => kind === hop.kind);
}

/**
 * What the packets meet on their way, in order: out by the source's groups, its subnet's route table and ACL, in by the
 * destination's. All of it, also after a hop that ends the way: each is to be mended.
 */
export function hopsThere(filters: Filters, flow: Flow): readonly Hop[] {
  const { from, to } = flow;
  const crosses = crossesSubnets(flow);
  const [out, into] = [
    { isEgress: true, isAnswer: false },
    { isEgress: false, isAnswer: false },
  ];
  return [
    ...groupHop(filters, flow, from.interface, true),
    ...(crosses ? routeHop(filters, from, to, out) : []),
    ...(crosses ? aclHop(filters, flow, from.interface, out) : []),
    ...(crosses ? aclHop(filters, flow, to.interface, into) : []),
    ...groupHop(filters, flow, to.interface, false),
  ];
}

/** The same for the answers, which the groups let pass as they know the connection. */
export function hopsBack(filters: Filters, flow: Flow): readonly Hop[] {
  const { from, to } = flow;
  const crosses = crossesSubnets(flow);
  const [out, into] = [
    { isEgress: true, isAnswer: true },
    { isEgress: false, isAnswer: true },
  ];
  return [
    ...trackedHop(to.interface, out),
    ...(crosses ? routeHop(filters, to, from, out) : []),
    ...(crosses ? aclHop(filters, flow, to.interface, out) : []),
    ...(crosses ? aclHop(filters, flow, from.interface, into) : []),
    ...trackedHop(from.interface, into),
  ];
}

/** Within a subnet neither route tables nor ACLs count. */
function crossesSubnets({ from, to }: Flow): boolean {
  const [own, other] = [from.interface, to.interface];
  return own.known && other.known && own.value?.subnet !== other.value?.subnet;
}

function trackedHop(own: Known<Interface | undefined>, direction: Direction): readonly Hop[] {
  if (!own.known || own.value === undefined) return [];
  return [{ kind: "tracked", at: own.value, ...direction }];
}

/** Outside of the VPC nobody's table is known. */
function routeHop(
  filters: Filters,
  from: End,
  { address, interface: theirs }: End,
  direction: Direction,
): readonly Hop[] {
  if (!from.interface.known || from.interface.value === undefined) return [];
  const at = from.interface.value;
  const isInVpc = theirs.known && theirs.value?.vpc === at.vpc;
  const routed = routeTo(filters, at, { address, isInVpc });
  switch (routed.goes) {
    case "on":
      return [{ kind: "route", at, table: routed.table, route: routed.route, ...direction }];
    case "nowhere":
      return [{ kind: "no-route", at, table: routed.table, route: routed.route, to: address, ...direction }];
    case "unknown":
      return [{ kind: "unknown", why: routed.why, ...direction }];
  }
}

function groupHop(
  filters: Filters,
  flow: Flow,
  own: Known<Interface | undefined>,
  isEgress: boolean,
): readonly Hop[] {
  if (!own.known) return [{ kind: "unknown", why: own.why, isEgress, isAnswer: false }];
  // Outside of the VPC nobody's groups decide.
  if (own.value === undefined) return [];
  const at = own.value;
  const passed = passGroups(filters, flow, at, isEgress);
  switch (passed.passes) {
    case "yes":
      return [{ kind: "group", isEgress, isAnswer: false, at, rule: passed.rule }];
    case "no":
      return [{ kind: "no-rule", isEgress, isAnswer: false, at, flow }];
    case "unknown":
      return [{ kind: "unknown", why: passed.why, isEgress, isAnswer: false }];
  }
}

function aclHop(
  { acls }: Filters,
  flow: Flow,
  own: Known<Interface | undefined>,
  direction: Direction,
): readonly Hop[] {
  if (!own.known || own.value === undefined) return [];
  const { subnet } = own.value;
  if (!acls.known) return [{ kind: "unknown", why: acls.why, ...direction }];
  const acl = acls.value.find(({ subnets }) => subnets.includes(subnet));
  if (acl === undefined)
    return [{ kind: "unknown", why: `no network ACL of ${subnet} was shown`, ...direction }];
  const refusal = refusalOf(acl, flow, direction);
  return [
    refusal === undefined ? { kind: "acl", acl, ...direction } : { kind: "refused-by-acl", ...refusal },
  ];
}
