import { familyOf, formatPrefix } from "../../values/ip.ts";
import { prefixOf, readCidr, within } from "./addresses.ts";
import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue, missing } from "./error.ts";
import { born, checkId, find, namedOrOwned, newId, notFound } from "./ids.ts";
import { interfacesOf } from "./later.ts";
import { DESCRIBE, DONE, textAt } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { tagSet, tagsFor } from "./tags.ts";
import type {
  Answer,
  Context,
  Interface,
  Route,
  RouteTable,
  RouteTarget,
  Subnet,
  Vpc,
  World,
} from "./types.ts";

const PAGE = { min: 5, max: 100 };

/** Parameters that name a destination, and what they are in an answer. */
const DESTINATIONS = {
  DestinationCidrBlock: "destinationCidrBlock",
  DestinationIpv6CidrBlock: "destinationIpv6CidrBlock",
  DestinationPrefixListId: "destinationPrefixListId",
} as const;

/** Gateways are not simulated: a route may name any id that looks like one. What it is in an answer, by parameter. */
const GATEWAYS: Readonly<
  Record<string, { readonly shown: string; readonly prefixes: string; readonly code: string }>
> = {
  GatewayId: { shown: "gatewayId", prefixes: "igw|vgw|vpce", code: "InvalidGatewayID.NotFound" },
  NatGatewayId: { shown: "natGatewayId", prefixes: "nat", code: "InvalidNatGatewayID.NotFound" },
  EgressOnlyInternetGatewayId: {
    shown: "egressOnlyInternetGatewayId",
    prefixes: "eigw",
    code: "InvalidGatewayID.NotFound",
  },
  TransitGatewayId: {
    shown: "transitGatewayId",
    prefixes: "tgw",
    code: "InvalidTransitGatewayID.NotFound",
  },
  VpcPeeringConnectionId: {
    shown: "vpcPeeringConnectionId",
    prefixes: "pcx",
    code: "InvalidVpcPeeringConnectionID.NotFound",
  },
};

export const ROUTE_TABLE_OPERATIONS: Operations = {
  CreateRouteTable: {
    parameters: ["VpcId", "TagSpecification", "ClientToken"],
    required: ["VpcId"],
    idempotent: true,
    run: createTable,
    made: (answer) => textAt(answer, "routeTable", "routeTableId"),
  },
  DeleteRouteTable: { parameters: ["RouteTableId"], required: ["RouteTableId"], run: deleteTable },
  DescribeRouteTables: { parameters: [...DESCRIBE, "RouteTableId"], run: describeTables },
  AssociateRouteTable: {
    parameters: ["RouteTableId", "SubnetId"],
    required: ["RouteTableId", "SubnetId"],
    run: associate,
  },
  DisassociateRouteTable: {
    parameters: ["AssociationId"],
    required: ["AssociationId"],
    run: disassociate,
  },
  CreateRoute: {
    parameters: [
      "RouteTableId",
      ...Object.keys(DESTINATIONS),
      ...Object.keys(GATEWAYS),
      "InstanceId",
      "NetworkInterfaceId",
    ],
    required: ["RouteTableId"],
    run: createRoute,
  },
  DeleteRoute: {
    parameters: ["RouteTableId", ...Object.keys(DESTINATIONS)],
    required: ["RouteTableId"],
    run: deleteRoute,
  },
};

/** The one of the VPC's subnets that have no other. */
export function createMainTable(context: Context, vpc: Vpc): RouteTable {
  return addTable(context, vpc, { main: newId(context.world, "rtbassoc"), tags: [] });
}

function addTable(context: Context, vpc: Vpc, more: Pick<RouteTable, "main" | "tags">): RouteTable {
  const { world, account, effect } = context;
  const local = [vpc.cidr, ...(vpc.ipv6Cidr === undefined ? [] : [vpc.ipv6Cidr])];
  const table: RouteTable = {
    id: newId(world, "rtb"),
    owner: account,
    ...born(context),
    vpc: vpc.id,
    ...more,
    routes: local.map((destination) => ({ destination, target: { kind: "local" } })),
  };
  world.routeTables.set(table.id, table);
  effect("route-table-created", table.id, vpc.id);
  return table;
}

function createTable(params: Params, context: Context): Answer {
  const { world } = context;
  const vpc = find(world.vpcs, "vpc", params.required("VpcId"), context);
  const tags = tagsFor(params, "route-table");
  const siblings = [...world.routeTables.values()].filter((table) => table.vpc === vpc.id);
  if (siblings.length >= world.settings.quotas.routeTablesPerVpc) {
    throw new Ec2Error("RouteTableLimitExceeded", "The maximum number of route tables has been reached.");
  }
  const table = addTable(context, vpc, { tags });
  return { routeTable: tableView(world, table), clientToken: params.text("ClientToken") };
}

function deleteTable(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const table = find(world.routeTables, "routeTable", params.required("RouteTableId"), context);
  if (table.main !== undefined || subnetsOf(world, table).length > 0) {
    throw new Ec2Error(
      "DependencyViolation",
      `The routeTable '${table.id}' has dependencies and cannot be deleted.`,
    );
  }
  world.routeTables.delete(table.id);
  effect("route-table-deleted", table.id, table.vpc);
  return DONE;
}

function associate(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const table = find(world.routeTables, "routeTable", params.required("RouteTableId"), context);
  const subnet = find(world.subnets, "subnet", params.required("SubnetId"), context);
  if (subnet.vpc !== table.vpc) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `You have specified two resources that belong to different networks: route table ${table.id} and subnet ${subnet.id}`,
    );
  }
  if (subnet.routeTable !== undefined && subnet.routeTable.id !== table.id) {
    throw new Ec2Error(
      "Resource.AlreadyAssociated",
      `the specified association for route table ${table.id} conflicts with an existing association`,
    );
  }
  subnet.routeTable ??= { id: table.id, association: newId(world, "rtbassoc") };
  effect("route-table-changed", table.id, subnet.id);
  return { associationId: subnet.routeTable.association, associationState: { state: "associated" } };
}

function disassociate(params: Params, context: Context): Answer {
  const { world, account, effect } = context;
  const id = params.required("AssociationId");
  checkId("routeTableAssociation", id);
  const isMain = [...world.routeTables.values()].some(({ owner, main }) => owner === account && main === id);
  if (isMain) {
    throw new Ec2Error("InvalidParameterValue", `cannot disassociate the main route table association ${id}`);
  }
  const subnet = [...world.subnets.values()].find(
    ({ owner, routeTable }) => owner === account && routeTable?.association === id,
  );
  if (subnet?.routeTable === undefined) throw notFound("routeTableAssociation", id);
  effect("route-table-changed", subnet.routeTable.id, subnet.id);
  delete subnet.routeTable;
  return DONE;
}

function createRoute(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const table = find(world.routeTables, "routeTable", params.required("RouteTableId"), context);
  const destination = readDestination(params, context);
  const target = readTarget(params, context, table);
  if (table.routes.some((route) => route.destination === destination)) {
    throw new Ec2Error("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
  }
  checkInside(world, table, destination, target);
  const most = world.settings.quotas.routesPerTable;
  const routes = [...table.routes, { destination, target }];
  if (routesCounted(world, routes) > most)
    throw new Ec2Error("RouteLimitExceeded", `The maximum number of routes has been reached: ${most}`);
  table.routes = routes;
  effect("route-table-changed", table.id, table.vpc);
  return DONE;
}

/** A route to a prefix list counts as many as the list may have entries. */
function routesCounted({ prefixLists }: World, routes: readonly Route[]): number {
  return routes.reduce((sum, { destination }) => sum + (prefixLists.get(destination)?.maxEntries ?? 1), 0);
}

function deleteRoute(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const table = find(world.routeTables, "routeTable", params.required("RouteTableId"), context);
  const destination = readDestination(params, context);
  const route = table.routes.find((one) => one.destination === destination);
  if (route === undefined) {
    throw new Ec2Error(
      "InvalidRoute.NotFound",
      `no route with destination ${destination} in route table ${table.id}`,
    );
  }
  if (route.target.kind === "local") {
    throw new Ec2Error(
      "InvalidParameterValue",
      `cannot remove local route ${destination} in route table ${table.id}`,
    );
  }
  table.routes = table.routes.filter((one) => one !== route);
  effect("route-table-changed", table.id, table.vpc);
  return DONE;
}

/** The one parameter of several that the request has. */
function only(
  params: Params,
  names: readonly string[],
  what: string,
): readonly [name: string, value: string] {
  const given = names.filter((name) => params.has(name));
  const [name] = given;
  if (name === undefined) throw missing(what);
  if (given.length > 1) {
    throw new Ec2Error("InvalidParameterCombination", `${given.join(" and ")} cannot be used together`);
  }
  return [name, params.required(name)];
}

function readDestination(params: Params, context: Context): string {
  const [name, value] = only(params, Object.keys(DESTINATIONS), "destinationCidrBlock");
  if (name === "DestinationPrefixListId")
    return find(context.world.prefixLists, "prefixList", value, context).id;
  const family = name === "DestinationCidrBlock" ? 4 : 6;
  return formatPrefix(readCidr(value, DESTINATIONS[name as keyof typeof DESTINATIONS], family));
}

function readTarget(params: Params, context: Context, table: RouteTable): RouteTarget {
  const names = [...Object.keys(GATEWAYS), "InstanceId", "NetworkInterfaceId"];
  const [name, id] = only(params, names, "gatewayId");
  const gateway = GATEWAYS[name];
  if (gateway !== undefined) {
    if (!new RegExp(`^(${gateway.prefixes})-([0-9a-f]{8}|[0-9a-f]{17})$`).test(id))
      throw new Ec2Error(gateway.code, `The gateway ID '${id}' does not exist`);
    return { kind: "gateway", id, shown: gateway.shown };
  }
  const eni =
    name === "InstanceId"
      ? soleInterface(context, id)
      : find(context.world.interfaces, "interface", id, context);
  if (eni.vpc !== table.vpc) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `You have specified two resources that belong to different networks: '${id}' is of ${eni.vpc}, not of ${table.vpc}`,
    );
  }
  return { kind: "interface", id: eni.id };
}

function soleInterface(context: Context, id: string): Interface {
  const instance = find(context.world.instances, "instance", id, context);
  const [eni, ...others] = interfacesOf(context.world, instance.id);
  if (eni !== undefined && others.length === 0) return eni;
  throw new Ec2Error(
    "InvalidInstanceID",
    eni === undefined
      ? `There is no interface attached to instance '${id}'.`
      : `There are multiple interfaces attached to instance '${id}'. Please specify an interface ID for the operation instead.`,
  );
}

/** What is inside the VPC goes to an interface, or is left to the local route. */
function checkInside({ vpcs }: World, table: RouteTable, destination: string, target: RouteTarget): void {
  if (target.kind === "interface" || !destination.includes("/")) return;
  const { cidr, ipv6Cidr } = vpcs.get(table.vpc) ?? { cidr: "" };
  const blocks = [cidr, ...(ipv6Cidr === undefined ? [] : [ipv6Cidr])];
  const isInside = blocks.some(
    (block) => familyOf(block) === familyOf(destination) && within(block, prefixOf(destination)),
  );
  if (isInside) {
    throw invalidValue(
      destination,
      "destinationCidrBlock",
      "It is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance.",
    );
  }
}

function subnetsOf(world: World, table: RouteTable): Subnet[] {
  return [...world.subnets.values()].filter(({ routeTable }) => routeTable?.id === table.id);
}

function describeTables(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.routeTables, "routeTable", params.list("RouteTableId"), context);
  const shownRoutes =
    (name: string) =>
    (table: RouteTable): (string | undefined)[] =>
      table.routes.map((route) => {
        const value = routeView(world, route)[name];
        return typeof value === "string" ? value : undefined;
      });
  const found = filtered(all, params, {
    "route-table-id": ({ id }) => [id],
    "vpc-id": ({ vpc }) => [vpc],
    "owner-id": ({ owner }) => [owner],
    "association.main": ({ main }) => [String(main !== undefined)],
    "association.route-table-id": (table) => (associationsOf(world, table).length > 0 ? [table.id] : []),
    "association.route-table-association-id": (table) =>
      associationsOf(world, table).map(({ association }) => association),
    "association.subnet-id": (table) => associationsOf(world, table).map(({ subnet }) => subnet),
    "route.destination-cidr-block": shownRoutes("destinationCidrBlock"),
    "route.destination-ipv6-cidr-block": shownRoutes("destinationIpv6CidrBlock"),
    "route.destination-prefix-list-id": shownRoutes("destinationPrefixListId"),
    "route.egress-only-internet-gateway-id": shownRoutes("egressOnlyInternetGatewayId"),
    "route.gateway-id": shownRoutes("gatewayId"),
    "route.instance-id": shownRoutes("instanceId"),
    "route.nat-gateway-id": shownRoutes("natGatewayId"),
    "route.origin": shownRoutes("origin"),
    "route.state": shownRoutes("state"),
    "route.transit-gateway-id": shownRoutes("transitGatewayId"),
    "route.vpc-peering-connection-id": shownRoutes("vpcPeeringConnectionId"),
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "RouteTableId" });
  return { routeTableSet: shown.map((table) => tableView(world, table)), ...next };
}

/** The main association has no subnet. */
function associationsOf(
  world: World,
  table: RouteTable,
): { readonly association: string; readonly subnet: string | undefined }[] {
  return [
    ...(table.main === undefined ? [] : [{ association: table.main, subnet: undefined }]),
    ...subnetsOf(world, table).flatMap(({ id, routeTable }) =>
      routeTable === undefined ? [] : [{ association: routeTable.association, subnet: id }],
    ),
  ];
}

function tableView(world: World, table: RouteTable): Answer {
  return {
    routeTableId: table.id,
    vpcId: table.vpc,
    ownerId: table.owner,
    routeSet: table.routes.map((route) => routeView(world, route)),
    associationSet: associationsOf(world, table).map(({ association, subnet }) => ({
      routeTableAssociationId: association,
      routeTableId: table.id,
      subnetId: subnet,
      main: subnet === undefined,
      associationState: { state: "associated" },
    })),
    propagatingVgwSet: [],
    tagSet: tagSet(table.tags),
  };
}

function routeView(world: World, { destination, target }: Route): Answer {
  const isCidr = destination.includes("/");
  const family = familyOf(destination) === 4 ? "destinationCidrBlock" : "destinationIpv6CidrBlock";
  return {
    [isCidr ? family : "destinationPrefixListId"]: destination,
    ...targetView(world, target),
    origin: target.kind === "local" ? "CreateRouteTable" : "CreateRoute",
  };
}

/** A route to an interface that is attached to nothing is a black hole. */
function targetView({ interfaces, instances }: World, target: RouteTarget): Answer {
  switch (target.kind) {
    case "local":
      return { gatewayId: "local", state: "active" };
    case "gateway":
      return { [target.shown]: target.id, state: "active" };
    case "interface": {
      const attachment = interfaces.get(target.id)?.attachment;
      const instance = instances.get(attachment?.instance ?? "");
      return {
        networkInterfaceId: target.id,
        instanceId: instance?.id,
        instanceOwnerId: instance?.owner,
        state: instance?.state === "running" ? "active" : "blackhole",
      };
    }
  }
}
