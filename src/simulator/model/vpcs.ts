import { formatPrefix } from "../../values/ip.ts";
import { freeAddresses, overlap, prefixOf, readCidr, within } from "./addresses.ts";
import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import { createDefaultGroup } from "./groups.ts";
import { born, find, namedOrOwned, newId } from "./ids.ts";
import { createDefaultAcl, defaultAcl } from "./network-acls.ts";
import { DESCRIBE, DONE } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import { createMainTable } from "./route-tables.ts";
import { tagSet, tagsFor } from "./tags.ts";
import type { Answer, Context, Subnet, Vpc, World } from "./types.ts";

/** Lengths of the IPv4 blocks of VPCs and subnets. */
const LARGEST = 16;
const SMALLEST = 28;
const PAGE = { min: 5, max: 1000 };

export const VPC_OPERATIONS: Operations = {
  CreateVpc: {
    parameters: ["CidrBlock", "AmazonProvidedIpv6CidrBlock", "InstanceTenancy", "TagSpecification"],
    required: ["CidrBlock"],
    run: (params, context) => ({ vpc: vpcView(createVpc(params, context), "pending") }),
  },
  DeleteVpc: { parameters: ["VpcId"], required: ["VpcId"], run: deleteVpc },
  DescribeVpcs: { parameters: [...DESCRIBE, "VpcId"], run: describeVpcs },
  ModifyVpcAttribute: {
    parameters: ["VpcId", "EnableDnsSupport", "EnableDnsHostnames"],
    required: ["VpcId"],
    run(params, context) {
      const { world } = context;
      find(world.vpcs, "vpc", params.required("VpcId"), context);
      return DONE;
    },
  },
  CreateSubnet: {
    parameters: [
      "VpcId",
      "CidrBlock",
      "AvailabilityZone",
      "AvailabilityZoneId",
      "Ipv6CidrBlock",
      "TagSpecification",
    ],
    required: ["VpcId", "CidrBlock"],
    run: (params, context) => ({ subnet: subnetView(createSubnet(params, context)) }),
  },
  DeleteSubnet: { parameters: ["SubnetId"], required: ["SubnetId"], run: deleteSubnet },
  DescribeSubnets: { parameters: [...DESCRIBE, "SubnetId"], run: describeSubnets },
  ModifySubnetAttribute: {
    parameters: ["SubnetId", "AssignIpv6AddressOnCreation", "MapPublicIpOnLaunch"],
    required: ["SubnetId"],
    run: modifySubnet,
  },
  DescribeAvailabilityZones: {
    parameters: ["Filter", "ZoneName", "ZoneId", "AllAvailabilityZones"],
    run: (params, { world }) => {
      const wanted = params.list("ZoneName");
      const unknown = wanted.find((name) => !world.zones.includes(name));
      if (unknown !== undefined) throw invalidValue(unknown, "ZoneName", "There is no such zone.");
      const zones = world.zones.map((name, i) => ({ name, id: `sim1-az${i + 1}`, tags: [] }));
      const found = filtered(zones, params, {
        "zone-name": ({ name }) => [name],
        "region-name": () => [world.region],
        "zone-id": ({ id }) => [id],
        state: () => ["available"],
      }).filter(({ name }) => wanted.length === 0 || wanted.includes(name));
      return {
        availabilityZoneInfo: found.map(({ name, id }) => ({
          zoneName: name,
          zoneId: id,
          zoneState: "available",
          zoneType: "availability-zone",
          regionName: world.region,
          optInStatus: "opt-in-not-required",
        })),
      };
    },
  },
  DescribeRegions: {
    parameters: ["Filter", "RegionName", "AllRegions"],
    run(params, { world }) {
      const unknown = params.list("RegionName").find((name) => name !== world.region);
      if (unknown !== undefined) throw invalidValue(unknown, "RegionName", "There is no such Region.");
      return {
        regionInfo: [
          {
            regionName: world.region,
            regionEndpoint: `ec2.${world.region}.amazonaws.com`,
            optInStatus: "opt-in-not-required",
          },
        ],
      };
    },
  },
};

function createVpc(params: Params, context: Context): Vpc {
  const { world, account, now, effect } = context;
  const cidr = readCidr(params.required("CidrBlock"), "cidrBlock");
  if (cidr.length < LARGEST || cidr.length > SMALLEST) {
    throw new Ec2Error("InvalidVpc.Range", `The CIDR '${params.required("CidrBlock")}' is invalid.`);
  }
  const tags = tagsFor(params, "vpc");
  const wantsIpv6 = params.flag("AmazonProvidedIpv6CidrBlock") === true;
  const owned = [...world.vpcs.values()].filter(({ owner }) => owner === account).length;
  if (owned >= world.settings.quotas.vpcs) {
    throw new Ec2Error("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
  }
  const id = newId(world, "vpc");
  const vpc: Vpc = {
    id,
    owner: account,
    ...born({ world, now }),
    tags,
    cidr: formatPrefix(cidr),
    ...(wantsIpv6
      ? {
          ipv6Cidr: newIpv6Block(world),
          ipv6AssociationId: newId(world, "vpc-cidr-assoc"),
        }
      : {}),
  };
  world.vpcs.set(id, vpc);
  effect("vpc-created", id);
  createDefaultGroup(context, vpc);
  createDefaultAcl(context, vpc);
  createMainTable(context, vpc);
  return vpc;
}

/** A block of the documentation's prefix, seeded. */
function newIpv6Block({ random, vpcs }: World): string {
  const group = `${random.hex(2)}${(vpcs.size % 256).toString(16).padStart(2, "0")}`;
  return formatPrefix(prefixOf(`2001:db8:${group}::/56`));
}

function deleteVpc(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const vpc = find(world.vpcs, "vpc", params.required("VpcId"), context);
  const groups = [...world.groups.values()].filter((group) => group.vpc === vpc.id);
  const acls = [...world.networkAcls.values()].filter((acl) => acl.vpc === vpc.id);
  const tables = [...world.routeTables.values()].filter((table) => table.vpc === vpc.id);
  const isUsed =
    [...world.subnets.values()].some((subnet) => subnet.vpc === vpc.id) ||
    groups.some(({ name }) => name !== "default") ||
    acls.some(({ isDefault }) => !isDefault) ||
    tables.some(({ main }) => main === undefined);
  if (isUsed) {
    throw new Ec2Error("DependencyViolation", `The vpc '${vpc.id}' has dependencies and cannot be deleted.`);
  }
  for (const { id } of groups) {
    world.groups.delete(id);
    effect("group-deleted", id);
  }
  for (const { id } of acls) {
    world.networkAcls.delete(id);
    effect("network-acl-deleted", id);
  }
  for (const { id } of tables) {
    world.routeTables.delete(id);
    effect("route-table-deleted", id);
  }
  world.vpcs.delete(vpc.id);
  effect("vpc-deleted", vpc.id);
  return DONE;
}

function describeVpcs(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.vpcs, "vpc", params.list("VpcId"), context);
  const found = filtered(all, params, {
    "vpc-id": ({ id }) => [id],
    cidr: ({ cidr }) => [cidr],
    "cidr-block-association.cidr-block": ({ cidr }) => [cidr],
    "owner-id": ({ owner }) => [owner],
    "is-default": () => ["false"],
    state: () => ["available"],
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "VpcId" });
  return { vpcSet: shown.map((vpc) => vpcView(vpc, "available")), ...next };
}

function vpcView(vpc: Vpc, state: string): Answer {
  return {
    vpcId: vpc.id,
    ownerId: vpc.owner,
    state,
    cidrBlock: vpc.cidr,
    cidrBlockAssociationSet: [
      {
        associationId: `vpc-cidr-assoc-${vpc.id.slice(4)}`,
        cidrBlock: vpc.cidr,
        cidrBlockState: { state: "associated" },
      },
    ],
    ipv6CidrBlockAssociationSet:
      vpc.ipv6Cidr === undefined
        ? []
        : [
            {
              associationId: vpc.ipv6AssociationId,
              ipv6CidrBlock: vpc.ipv6Cidr,
              ipv6CidrBlockState: { state: "associated" },
              ipv6Pool: "Amazon",
            },
          ],
    dhcpOptionsId: "default",
    instanceTenancy: "default",
    isDefault: false,
    tagSet: tagSet(vpc.tags),
  };
}

function createSubnet(params: Params, context: Context): Subnet {
  const { world, account, now, effect } = context;
  const vpc = find(world.vpcs, "vpc", params.required("VpcId"), context);
  const cidr = readCidr(params.required("CidrBlock"), "cidrBlock");
  if (cidr.length > SMALLEST || !within(vpc.cidr, cidr)) {
    throw new Ec2Error("InvalidSubnet.Range", `The CIDR '${params.required("CidrBlock")}' is invalid.`);
  }
  const siblings = [...world.subnets.values()].filter((subnet) => subnet.vpc === vpc.id);
  const block = formatPrefix(cidr);
  if (siblings.some((subnet) => overlap(subnet.cidr, block))) {
    throw new Ec2Error("InvalidSubnet.Conflict", `The CIDR '${block}' conflicts with another subnet`);
  }
  const zoneId = params.text("AvailabilityZoneId");
  const byId = zoneId === undefined ? undefined : world.zones[Number(/^sim1-az(\d)$/.exec(zoneId)?.[1]) - 1];
  const named = params.text("AvailabilityZone") ?? (zoneId === undefined ? world.zones[0] : byId);
  if (named === undefined || !world.zones.includes(named)) {
    throw invalidValue(
      named ?? zoneId ?? "",
      "availabilityZone",
      `Subnets can currently only be created in the following availability zones: ${world.zones.join(", ")}.`,
    );
  }
  const ipv6Cidr = readIpv6Block(params, vpc, siblings);
  const tags = tagsFor(params, "subnet");
  if (siblings.length >= world.settings.quotas.subnetsPerVpc) {
    throw new Ec2Error("SubnetLimitExceeded", "The maximum number of subnets has been reached.");
  }
  const subnet: Subnet = {
    id: newId(world, "subnet"),
    owner: account,
    ...born({ world, now }),
    tags,
    vpc: vpc.id,
    zone: named,
    cidr: block,
    ...(ipv6Cidr === undefined ? {} : { ipv6Cidr, ipv6AssociationId: newId(world, "subnet-cidr-assoc") }),
    assignIpv6OnCreation: false,
    mapPublicIp: false,
    acl: { id: defaultAcl(world, vpc.id).id, association: newId(world, "aclassoc") },
    used: new Set(),
    usedIpv6: new Set(),
    usedIpv6Prefixes: new Set(),
    next: 0,
  };
  world.subnets.set(subnet.id, subnet);
  effect("subnet-created", subnet.id, vpc.id);
  return subnet;
}

function readIpv6Block(params: Params, vpc: Vpc, siblings: readonly Subnet[]): string | undefined {
  const text = params.text("Ipv6CidrBlock");
  if (text === undefined) return undefined;
  const prefix = readCidr(text, "ipv6CidrBlock", 6);
  const isInside = vpc.ipv6Cidr !== undefined && within(vpc.ipv6Cidr, prefix);
  if (prefix.length !== 64 || !isInside)
    throw new Ec2Error("InvalidSubnet.Range", `The CIDR '${text}' is invalid.`);
  const block = formatPrefix(prefix);
  if (siblings.some(({ ipv6Cidr }) => ipv6Cidr === block)) {
    throw new Ec2Error("InvalidSubnet.Conflict", `The CIDR '${block}' conflicts with another subnet`);
  }
  return block;
}

function deleteSubnet(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const subnet = find(world.subnets, "subnet", params.required("SubnetId"), context);
  if ([...world.interfaces.values()].some((eni) => eni.subnet === subnet.id)) {
    throw new Ec2Error(
      "DependencyViolation",
      `The subnet '${subnet.id}' has dependencies and cannot be deleted.`,
    );
  }
  world.subnets.delete(subnet.id);
  effect("subnet-deleted", subnet.id, subnet.vpc);
  return DONE;
}

function modifySubnet(params: Params, context: Context): Answer {
  const { world } = context;
  const subnet = find(world.subnets, "subnet", params.required("SubnetId"), context);
  const ipv6 = params.structure("AssignIpv6AddressOnCreation")?.flag("Value");
  const publicIp = params.structure("MapPublicIpOnLaunch")?.flag("Value");
  if ((ipv6 === undefined) === (publicIp === undefined)) {
    throw new Ec2Error("InvalidParameterCombination", "Exactly one attribute must be specified");
  }
  if (ipv6 === true && subnet.ipv6Cidr === undefined) {
    throw invalidValue("true", "assignIpv6AddressOnCreation", "The subnet has no IPv6 CIDR block.");
  }
  subnet.assignIpv6OnCreation = ipv6 ?? subnet.assignIpv6OnCreation;
  subnet.mapPublicIp = publicIp ?? subnet.mapPublicIp;
  return DONE;
}

function describeSubnets(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.subnets, "subnet", params.list("SubnetId"), context);
  const found = filtered(all, params, {
    "subnet-id": ({ id }) => [id],
    "vpc-id": ({ vpc }) => [vpc],
    "availability-zone": ({ zone }) => [zone],
    "cidr-block": ({ cidr }) => [cidr],
    cidr: ({ cidr }) => [cidr],
    "owner-id": ({ owner }) => [owner],
    state: () => ["available"],
    "available-ip-address-count": (subnet) => [String(freeAddresses(subnet))],
    "ipv6-cidr-block-association.ipv6-cidr-block": ({ ipv6Cidr }) => [ipv6Cidr],
  });
  const { page: shown, next } = page(found, params, { ...PAGE, notWithIds: "SubnetId" });
  return { subnetSet: shown.map(subnetView), ...next };
}

function subnetView(subnet: Subnet): Answer {
  return {
    subnetId: subnet.id,
    state: "available",
    vpcId: subnet.vpc,
    ownerId: subnet.owner,
    cidrBlock: subnet.cidr,
    ipv6CidrBlockAssociationSet:
      subnet.ipv6Cidr === undefined
        ? []
        : [
            {
              associationId: subnet.ipv6AssociationId,
              ipv6CidrBlock: subnet.ipv6Cidr,
              ipv6CidrBlockState: { state: "associated" },
            },
          ],
    availableIpAddressCount: freeAddresses(subnet),
    availabilityZone: subnet.zone,
    defaultForAz: false,
    mapPublicIpOnLaunch: subnet.mapPublicIp,
    assignIpv6AddressOnCreation: subnet.assignIpv6OnCreation,
    tagSet: tagSet(subnet.tags),
  };
}
