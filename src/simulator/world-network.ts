import { textAt as answerText } from "./model/operation.ts";
import type { ParamTree } from "./model/params.ts";
import type { Maker } from "./world-maker.ts";
import { listAt, nameTag, objectAt, reference, textAt, wordAt } from "./world-values.ts";

/** Prefix lists, network ACLs and route tables of a world file. */

export function makePrefixLists(maker: Maker, values: readonly unknown[]): Map<string, string> {
  const ids = new Map<string, string>();
  for (const value of values) {
    const list = objectAt(value, "a prefix list", ["name", "cidrs", "maxEntries"]);
    const name = textAt(list, "name");
    const cidrs = listAt(list, "cidrs").map(String);
    const made = maker.call("CreateManagedPrefixList", `prefix list ${name}`, {
      PrefixListName: name,
      AddressFamily: cidrs.some((cidr) => cidr.includes(":")) ? "IPv6" : "IPv4",
      MaxEntries:
        list["maxEntries"] === undefined ? String(Math.max(1, cidrs.length)) : wordAt(list, "maxEntries"),
      Entry: Object.fromEntries(cidrs.map((cidr, i) => [String(i + 1), { Cidr: cidr }])),
      ...nameTag("prefix-list", name),
    });
    ids.set(name, answerText(made, "prefixList", "prefixListId"));
  }
  return ids;
}

export function makeAcls(maker: Maker, vpcId: string, values: readonly unknown[]): Map<string, string> {
  const ids = new Map<string, string>();
  for (const value of values) {
    const acl = objectAt(value, "an ACL", ["name", "ingress", "egress"]);
    const name = textAt(acl, "name");
    const made = maker.call("CreateNetworkAcl", `ACL ${name}`, {
      VpcId: vpcId,
      ...nameTag("network-acl", name),
    });
    const id = answerText(made, "networkAcl", "networkAclId");
    ids.set(name, id);
    for (const direction of ["ingress", "egress"] as const) {
      for (const one of listAt(acl, direction)) {
        const entry = objectAt(one, `an entry of ${name}`, [
          "number",
          "action",
          "protocol",
          "ports",
          "icmp",
          "cidr",
          "cidr6",
        ]);
        maker.call("CreateNetworkAclEntry", `ACL ${name}`, {
          NetworkAclId: id,
          Egress: String(direction === "egress"),
          ...aclEntry(entry),
        });
      }
    }
  }
  return ids;
}

function aclEntry(entry: Record<string, unknown>): ParamTree {
  const [from, to = from] = listAt(entry, "ports").map((port) => JSON.stringify(port));
  const [type, code = "-1"] = listAt(entry, "icmp").map((number) => JSON.stringify(number));
  return {
    RuleNumber: wordAt(entry, "number"),
    RuleAction: textAt(entry, "action"),
    Protocol: textAt(entry, "protocol"),
    ...(from === undefined ? {} : { PortRange: { From: from, To: to ?? from } }),
    ...(type === undefined ? {} : { Icmp: { Type: type, Code: code } }),
    ...(entry["cidr"] === undefined ? {} : { CidrBlock: textAt(entry, "cidr") }),
    ...(entry["cidr6"] === undefined ? {} : { Ipv6CidrBlock: textAt(entry, "cidr6") }),
  };
}

export function makeRouteTables(
  maker: Maker,
  vpcId: string,
  values: readonly unknown[],
  lists: ReadonlyMap<string, string>,
): Map<string, string> {
  const ids = new Map<string, string>();
  for (const value of values) {
    const table = objectAt(value, "a route table", ["name", "routes"]);
    const name = textAt(table, "name");
    const made = maker.call("CreateRouteTable", `route table ${name}`, {
      VpcId: vpcId,
      ...nameTag("route-table", name),
    });
    const id = answerText(made, "routeTable", "routeTableId");
    ids.set(name, id);
    for (const one of listAt(table, "routes")) {
      const route = objectAt(one, `a route of ${name}`, ["to", "list", "via"]);
      maker.call("CreateRoute", `route table ${name}`, {
        RouteTableId: id,
        ...destination(route, lists),
        ...via(textAt(route, "via")),
      });
    }
  }
  return ids;
}

function destination(route: Record<string, unknown>, lists: ReadonlyMap<string, string>): ParamTree {
  if (route["list"] !== undefined)
    return { DestinationPrefixListId: prefixList(lists, textAt(route, "list")) };
  const to = textAt(route, "to");
  return { [to.includes(":") ? "DestinationIpv6CidrBlock" : "DestinationCidrBlock"]: to };
}

/** Instances and interfaces are made later than route tables: a file's routes lead to gateways. */
function via(id: string): ParamTree {
  const names = {
    nat: "NatGatewayId",
    eigw: "EgressOnlyInternetGatewayId",
    tgw: "TransitGatewayId",
    pcx: "VpcPeeringConnectionId",
  };
  const prefix = id.split("-")[0] ?? "";
  return { [Object.hasOwn(names, prefix) ? names[prefix as keyof typeof names] : "GatewayId"]: id };
}

export function placeSubnet(
  maker: Maker,
  id: string,
  subnet: Record<string, unknown>,
  known: { readonly acls: ReadonlyMap<string, string>; readonly tables: ReadonlyMap<string, string> },
): void {
  if (subnet["acl"] !== undefined) {
    maker.call("ReplaceNetworkAclAssociation", `subnet ${textAt(subnet, "name")}`, {
      AssociationId: maker.aclAssociation(id),
      NetworkAclId: reference(known.acls, textAt(subnet, "acl"), "ACL"),
    });
  }
  if (subnet["routeTable"] !== undefined) {
    maker.call("AssociateRouteTable", `subnet ${textAt(subnet, "name")}`, {
      RouteTableId: reference(known.tables, textAt(subnet, "routeTable"), "route table"),
      SubnetId: id,
    });
  }
}

export function prefixList(known: ReadonlyMap<string, string>, name: string): string {
  const id = known.get(name);
  if (id === undefined) throw new TypeError(`there is no prefix list "${name}"`);
  return id;
}
