import { familyOf } from "../../values/ip.ts";
import type { AclRule, Network, Port } from "./network.ts";
import type { NftSet } from "./table.ts";

/**
 * Network ACLs as a part of the VPC's table. A packet between two subnets passes the one's ACL outwards and the other's
 * inwards; it is asked about each packet, answers too. The chains of an ACL return what an entry allows.
 */
export interface AclTable {
  readonly sets: ReadonlyMap<string, NftSet>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/** Each with its entries' `egress`, the map that leads to a subnet's chain, and the other end's side of a packet. */
const SIDES = [
  { egress: true, map: "leaving", chain: "leave", direction: "egress", peer: "oifname", address: "daddr" },
  { egress: false, map: "entering", chain: "enter", direction: "ingress", peer: "iifname", address: "saddr" },
] as const;

type Side = (typeof SIDES)[number];

export function aclTableOf({ acls, subnets, ports }: Pick<Network, "acls" | "subnets" | "ports">): AclTable {
  const sets = new Map<string, NftSet>();
  const chains = new Map<string, readonly string[]>();
  const bySubnet = Map.groupBy(ports.values(), ({ subnetId = "" }) => subnetId);
  const guarded = [...subnets].flatMap(([subnet, acl]) => {
    const rules = acls.get(acl);
    const inside = bySubnet.get(subnet) ?? [];
    return rules === undefined || inside.length === 0 ? [] : [{ subnet, acl, rules, inside }];
  });
  for (const { subnet, inside } of guarded)
    sets.set(`ports_${subnet}`, { kind: "set", type: "type ifname", elements: new Set(inside.map(quoted)) });
  for (const side of SIDES) {
    const elements = guarded.flatMap(({ subnet, inside }) =>
      inside.map((port) => `${quoted(port)} : jump ${side.chain}_${subnet}`),
    );
    sets.set(side.map, { kind: "map", type: "type ifname : verdict", elements: new Set(elements) });
    for (const { subnet, acl, rules } of guarded) {
      chains.set(`${side.chain}_${subnet}`, [
        `${side.peer} @ports_${subnet} return`,
        `goto ${side.direction}_${acl}`,
      ]);
      chains.set(`${side.direction}_${acl}`, aclLines(acl, rules, side));
    }
  }
  return { sets, chains };
}

function quoted({ device }: Port): string {
  return `"${device}"`;
}

/** By ascending number; EC2's own last entries are among them, and what would pass them all is denied as well. */
function aclLines(acl: string, rules: readonly AclRule[], side: Side): string[] {
  const said = (what: number | string) => `comment "${acl} ${side.direction} ${what}"`;
  const lines = rules
    .filter(({ egress }) => egress === side.egress)
    .toSorted((a, b) => a.number - b.number)
    .map((rule) => {
      const family = familyOf(rule.cidr);
      const whom = `${family === 4 ? "ip" : "ip6"} ${side.address} ${rule.cidr}`;
      const verdict = rule.allows ? "return" : "goto denied";
      return [whom, ...matchOf(rule, family), "counter", verdict, said(rule.number)].join(" ");
    });
  return [...lines, `counter goto denied ${said("*")}`];
}

/** Ports are the destination's, also of a packet that is an answer. */
function matchOf({ protocol, ports, icmp }: AclRule, family: 4 | 6): string[] {
  if (protocol === "-1") return [];
  if (ports !== undefined) {
    const { from, to } = ports;
    return [`${protocol === "6" ? "tcp" : "udp"} dport ${from === to ? from : `${from}-${to}`}`];
  }
  const match = [`meta l4proto ${protocol}`];
  if (icmp === undefined || icmp.type < 0) return match;
  // ICMP over IPv6 is a protocol like any other to nftables, which has no words for its header.
  const name = family === 4 && protocol === "1" ? "icmp" : family === 6 && protocol === "58" ? "icmpv6" : "";
  const type = name === "" ? `@th,0,8 ${icmp.type}` : `${name} type ${icmp.type}`;
  const code = name === "" ? `@th,8,8 ${icmp.code}` : `${name} code ${icmp.code}`;
  return [...(name === "" ? match : []), type, ...(icmp.code < 0 ? [] : [code])];
}
