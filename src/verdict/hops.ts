import { passGroups } from "./group-rules.ts";
import { type AclRefusal, refusalOf } from "./acl.ts";
import type { Filters, Flow, GroupRule, Interface, Known, NetworkAcl } from "./facts.ts";

/** What EC2 does with a connection between two interfaces: groups at both ends, and ACLs where it leaves a subnet. */

export type Hop =
  /** The rule that lets it pass. */
  | { readonly kind: "group"; readonly isEgress: boolean; readonly at: Interface; readonly rule: GroupRule }
  /** No rule of these groups does. */
  | { readonly kind: "no-rule"; readonly isEgress: boolean; readonly at: Interface; readonly flow: Flow }
  | { readonly kind: "acl"; readonly isEgress: boolean; readonly isAnswer: boolean; readonly acl: NetworkAcl }
  | ({ readonly kind: "refused-by-acl" } & AclRefusal)
  /** What decides could not be looked at. */
  | { readonly kind: "unknown"; readonly why: string; readonly isEgress: boolean };

/** Whether a hop ends the way, or may end it. */
export function isEnd({ kind }: Hop): boolean {
  return kind === "no-rule" || kind === "refused-by-acl";
}

/**
 * The hops in the order of the packets: out by the source's groups and its subnet's ACL, in by the destination's; then the
 * answers by the ACLs only, as groups know connections. All of them, also after one that ends the way: each is to be
 * mended.
 */
export function hopsOf(filters: Filters, flow: Flow): readonly Hop[] {
  const from = flow.from.interface;
  const to = flow.to.interface;
  const crosses = from.known && to.known && from.value?.subnet !== to.value?.subnet;
  return [
    ...groupHop(filters, flow, from, true),
    ...(crosses ? aclHop(filters, flow, from, { isEgress: true, isAnswer: false }) : []),
    ...(crosses ? aclHop(filters, flow, to, { isEgress: false, isAnswer: false }) : []),
    ...groupHop(filters, flow, to, false),
    ...(crosses ? aclHop(filters, flow, to, { isEgress: true, isAnswer: true }) : []),
    ...(crosses ? aclHop(filters, flow, from, { isEgress: false, isAnswer: true }) : []),
  ];
}

function groupHop(
  filters: Filters,
  flow: Flow,
  own: Known<Interface | undefined>,
  isEgress: boolean,
): readonly Hop[] {
  if (!own.known) return [{ kind: "unknown", why: own.why, isEgress }];
  // Outside of the VPC nobody's groups decide.
  if (own.value === undefined) return [];
  const at = own.value;
  const passed = passGroups(filters, flow, at, isEgress);
  switch (passed.passes) {
    case "yes":
      return [{ kind: "group", isEgress, at, rule: passed.rule }];
    case "no":
      return [{ kind: "no-rule", isEgress, at, flow }];
    case "unknown":
      return [{ kind: "unknown", why: passed.why, isEgress }];
  }
}

function aclHop(
  { acls }: Filters,
  flow: Flow,
  own: Known<Interface | undefined>,
  direction: { readonly isEgress: boolean; readonly isAnswer: boolean },
): readonly Hop[] {
  const { isEgress } = direction;
  if (!own.known || own.value === undefined) return [];
  const { subnet } = own.value;
  if (!acls.known) return [{ kind: "unknown", why: acls.why, isEgress }];
  const acl = acls.value.find(({ subnets }) => subnets.includes(subnet));
  if (acl === undefined) return [{ kind: "unknown", why: `no network ACL of ${subnet} was shown`, isEgress }];
  const refusal = refusalOf(acl, flow, direction);
  return [
    refusal === undefined ? { kind: "acl", acl, ...direction } : { kind: "refused-by-acl", ...refusal },
  ];
}
