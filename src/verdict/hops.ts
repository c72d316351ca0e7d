import { passGroups } from "./group-rules.ts";
import { type AclRefusal, refusalOf } from "./acl.ts";
import type {
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
        readonly flow: Flow;
      }
    /** It selects the pod, but nothing enforces it on a direct pod. */
    | { readonly kind: "unenforced-policy"; readonly pod: PodPlace; readonly policy: NetworkPolicy }
    /** The node drops what its own sockets have a part in (tcp_early_demux, udp_early_demux). */
    | { readonly kind: "early-demux"; readonly node: NodePlace; readonly protocol: "tcp" | "udp" }
    /** What decides could not be looked at. */
    | { readonly kind: "unknown"; readonly why: string }
  );

const ENDS: readonly Hop["kind"][] = [
  "no-rule",
  "refused-by-acl",
  "no-route",
  "refused-by-policy",
  "early-demux",
];

/** Whether a hop ends the way, or may end it. */
export function isEnd({ kind }: Hop): boolean {
  return ENDS.includes(kind);
}

/**
 * The hops in the order of the packets: out by the source's groups and its subnet's ACL, in by the destination's; then the
 * answers, if they take this way, which the groups let pass as they know connections. All of them, also after one that ends
 * the way: each is to be mended.
 */
export function hopsOf(filters: Filters, flow: Flow, answers: "vpc" | "node"): readonly Hop[] {
  const from = flow.from.interface;
  const to = flow.to.interface;
  const crosses = from.known && to.known && from.value?.subnet !== to.value?.subnet;
  const acl = (own: Known<Interface | undefined>, direction: Direction) =>
    crosses ? aclHop(filters, flow, own, direction) : [];
  return [
    ...groupHop(filters, flow, from, true),
    ...acl(from, { isEgress: true, isAnswer: false }),
    ...acl(to, { isEgress: false, isAnswer: false }),
    ...groupHop(filters, flow, to, false),
    ...(answers === "node"
      ? []
      : [
          ...trackedHop(to, true),
          ...acl(to, { isEgress: true, isAnswer: true }),
          ...acl(from, { isEgress: false, isAnswer: true }),
          ...trackedHop(from, false),
        ]),
  ];
}

function trackedHop(own: Known<Interface | undefined>, isEgress: boolean): readonly Hop[] {
  if (!own.known || own.value === undefined) return [];
  return [{ kind: "tracked", at: own.value, isEgress, isAnswer: true }];
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
