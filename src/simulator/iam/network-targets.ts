import type { Params } from "../model/params.ts";
import type { Tag, World } from "../model/types.ts";

/** A resource as its ARN has it, with tags and network. */
export interface NamedResource {
  readonly type: string;
  readonly id: string;
  /** Undefined when it is not there. */
  readonly known: { readonly tags: readonly Tag[]; readonly vpc?: string } | undefined;
}

/** What a call makes, by the type in its ARN, and what it names. */
export interface NetworkResources {
  readonly makes?: string;
  readonly names: readonly NamedResource[];
}

/** Of the calls for prefix lists, network ACLs and route tables; undefined for any other. */
export function networkResources(action: string, params: Params, world: World): NetworkResources | undefined {
  const at = (name: string) => params.text(name) ?? "";
  const vpc = () => ({ type: "vpc", id: at("VpcId"), known: world.vpcs.get(at("VpcId")) });
  const list = () => ({
    type: "prefix-list",
    id: at("PrefixListId"),
    known: world.prefixLists.get(at("PrefixListId")),
  });
  const acl = () => ({
    type: "network-acl",
    id: at("NetworkAclId"),
    known: world.networkAcls.get(at("NetworkAclId")),
  });
  const table = (id = at("RouteTableId")) => ({ type: "route-table", id, known: world.routeTables.get(id) });
  const subnet = (id: string) => ({ type: "subnet", id, known: world.subnets.get(id) });
  const associated = () =>
    [...world.subnets.values()].find(({ acl: one, routeTable }) =>
      [one.association, routeTable?.association].includes(at("AssociationId")),
    );
  switch (action) {
    case "CreateManagedPrefixList":
      return { makes: "prefix-list", names: [] };
    case "ModifyManagedPrefixList":
    case "DeleteManagedPrefixList":
    case "GetManagedPrefixListEntries":
      return { names: [list()] };
    case "CreateNetworkAcl":
      return { makes: "network-acl", names: [vpc()] };
    case "DeleteNetworkAcl":
    case "CreateNetworkAclEntry":
    case "ReplaceNetworkAclEntry":
    case "DeleteNetworkAclEntry":
      return { names: [acl()] };
    case "ReplaceNetworkAclAssociation":
      return { names: [acl(), subnet(associated()?.id ?? "")] };
    case "CreateRouteTable":
      return { makes: "route-table", names: [vpc()] };
    case "DeleteRouteTable":
    case "CreateRoute":
    case "DeleteRoute":
      return { names: [table()] };
    case "AssociateRouteTable":
      return { names: [table(), subnet(at("SubnetId"))] };
    case "DisassociateRouteTable": {
      const { id = "", routeTable } = associated() ?? {};
      return { names: [table(routeTable?.id), subnet(id)] };
    }
    default:
      return undefined;
  }
}
