import type { Filters, GroupRule, Interface, NetworkAcl, Peer, RouteTable } from "../../src/verdict/facts.ts";
import type { AddressPlace, Attachment, NodePlace, PodPlace } from "../../src/verdict/places.ts";

/** A small VPC for tables: interfaces by name, rules as text. */

export function eni(name: string, groups: string, subnet = "subnet-a"): Interface {
  return { id: `eni-${name}`, groups: groups.split(" "), subnet, vpc: "vpc-1" };
}

/** Such as `sg-web in tcp 80 sg-lb`, `sg-web out -1 0.0.0.0/0`, `sg-web in tcp 80-90 pl-1`, `sg-web in icmp 8 10.0.0.0/8`, with a code `8/0`. */
export function rule(text: string): GroupRule {
  const [group = "", direction, protocol = "", ...rest] = text.split(" ");
  const [ports, peer = ""] = rest.length === 2 ? rest : [undefined, rest[0]];
  const isIcmp = protocol.startsWith("icmp");
  const [from, to] = (ports ?? "").split(isIcmp ? "/" : "-");
  const last = to ?? (isIcmp ? undefined : from);
  return {
    id: `sgr-${text.replaceAll(" ", "_")}`,
    group,
    isEgress: direction === "out",
    protocol,
    fromPort: ports === undefined ? undefined : Number(from),
    toPort: ports === undefined || last === undefined ? undefined : Number(last),
    peer: peerOf(peer),
  };
}

function peerOf(text: string): Peer {
  if (text.startsWith("sg-")) return { kind: "group", id: text };
  return text.startsWith("pl-") ? { kind: "prefix-list", id: text } : { kind: "cidr", cidr: text };
}

const OPEN: NetworkAcl = {
  id: "acl-open",
  subnets: ["subnet-a", "subnet-b"],
  entries: [true, false].flatMap((isEgress) =>
    ["0.0.0.0/0", "::/0"].map((cidr, i) => ({
      number: 100 + i,
      isEgress,
      allows: true,
      protocol: "-1",
      cidr,
      fromPort: undefined,
      toPort: undefined,
    })),
  ),
};

const ROUTES: RouteTable = {
  id: "rtb-main",
  vpc: "vpc-1",
  isMain: true,
  subnets: [],
  routes: [
    { destination: "10.0.0.0/16", target: "local", isActive: true },
    { destination: "fd00::/56", target: "local", isActive: true },
    { destination: "0.0.0.0/0", target: "nat-1", isActive: true },
    { destination: "::/0", target: "eigw-1", isActive: true },
  ],
};

export function filters(rules: readonly string[], acls: readonly NetworkAcl[] = [OPEN]): Filters {
  return {
    rules: { known: true, value: rules.map(rule) },
    prefixLists: new Map([
      ["pl-1", { known: true, value: ["10.0.1.0/24", "10.0.2.0/24"] }],
      ["pl-secret", { known: false, why: "no permission for ec2:GetManagedPrefixListEntries" }],
    ]),
    acls: { known: true, value: acls },
    routeTables: { known: true, value: [ROUTES] },
    policies: undefined,
  };
}

export function node(name = "n1", doesNat = true): NodePlace {
  return {
    kind: "node",
    name,
    end: { address: name === "n1" ? "10.0.0.4" : "10.0.0.5", interface: known(eni(name, "sg-node")) },
    doesNat,
    earlyDemux: known({ tcp: false, udp: false }),
  };
}

export function pod(name: string, attachment: Attachment, on = node(), groups = `sg-${name}`): PodPlace {
  const hasBranch = attachment !== "none";
  const number = 20 + (name.codePointAt(0) ?? 0);
  const primary = { address: `10.0.0.${number}`, interface: on.end.interface };
  return {
    kind: "pod",
    name: `shop/${name}`,
    attachment,
    end: hasBranch
      ? { address: `10.0.1.${number}`, interface: known(eni(name, groups, "subnet-b")) }
      : primary,
    host0: attachment === "direct" ? primary : undefined,
    node: on,
    labels: { app: name },
  };
}

export function machine(groups = "sg-db", address = "10.0.2.9", subnet = "subnet-b"): AddressPlace {
  return {
    kind: "address",
    name: "db.example.com",
    end: { address, interface: known(eni("db", groups, subnet)) },
    isInVpc: true,
  };
}

export function internet(address = "203.0.113.9"): AddressPlace {
  return {
    kind: "address",
    name: "example.com",
    end: { address, interface: known(undefined) },
    isInVpc: false,
  };
}

export function known<T>(value: T): { readonly known: true; readonly value: T } {
  return { known: true, value };
}
