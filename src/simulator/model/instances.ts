import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue, missing } from "./error.ts";
import { born, find, namedOrOwned, newId } from "./ids.ts";
import { readNew, takeNew } from "./addressing.ts";
import { checkGroups } from "./groups.ts";
import { instanceTypes } from "../../values/instance-types.ts";
import {
  addressSet,
  attachNow,
  createInterface,
  dnsName,
  groupSet,
  hasRoom,
  interfaceView,
  time,
} from "./interfaces.ts";
import { interfacesOf, schedule, setState } from "./later.ts";
import { DESCRIBE } from "./operation.ts";
import type { Operations } from "./operation.ts";
import { Params } from "./params.ts";
import type { ParamTree } from "./params.ts";
import { tagSet, tagsFor } from "./tags.ts";
import { typeOf } from "./type-of.ts";
import type { Answer, Context, Due, Instance, InstanceState, Subnet, World } from "./types.ts";

const DEFAULT_TYPE = "m5.large";
const MAX_AT_ONCE = 100;
const PAGE = { min: 5, max: 1000, notWithIds: "InstanceId" };

/** Taken so that ordinary launch commands work; nothing here depends on them. */
const WITHOUT_EFFECT = [
  "KeyName",
  "UserData",
  "Monitoring",
  "Placement",
  "IamInstanceProfile",
  "BlockDeviceMapping",
  "MetadataOptions",
  "EbsOptimized",
  "CreditSpecification",
  "InstanceInitiatedShutdownBehavior",
  "DisableApiTermination",
];

export const INSTANCE_OPERATIONS: Operations = {
  RunInstances: {
    parameters: [
      "ImageId",
      "InstanceType",
      "MinCount",
      "MaxCount",
      "SubnetId",
      "SecurityGroupId",
      "PrivateIpAddress",
      "Ipv6AddressCount",
      "NetworkInterface",
      "TagSpecification",
      "ClientToken",
      ...WITHOUT_EFFECT,
    ],
    required: ["ImageId", "MinCount", "MaxCount"],
    idempotent: true,
    run: runInstances,
  },
  TerminateInstances: {
    parameters: ["InstanceId", "Force", "SkipOsShutdown"],
    required: ["InstanceId"],
    run: (params, context) =>
      change(params, context, { to: "shutting-down", next: "terminated", from: null, done: "terminated" }),
  },
  StopInstances: {
    parameters: ["InstanceId", "Force", "Hibernate", "SkipOsShutdown"],
    required: ["InstanceId"],
    run: (params, context) =>
      change(params, context, { to: "stopping", next: "stopped", from: "running", done: "stopped" }),
  },
  StartInstances: {
    parameters: ["InstanceId"],
    required: ["InstanceId"],
    run: (params, context) =>
      change(params, context, { to: "pending", next: "running", from: "stopped", done: "running" }),
  },
  DescribeInstances: { parameters: [...DESCRIBE, "InstanceId"], run: describeInstances },
  DescribeInstanceTypes: { parameters: [...DESCRIBE, "InstanceType"], run: describeTypes },
};

function runInstances(params: Params, context: Context): Answer {
  const { world, account, now } = context;
  const image = params.required("ImageId");
  if (!/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(image)) {
    throw new Ec2Error("InvalidAMIID.Malformed", `Invalid id: "${image}" (expecting "ami-...")`);
  }
  const type = params.text("InstanceType") ?? DEFAULT_TYPE;
  if (typeOf(world, type) === undefined)
    throw invalidValue(type, "InstanceType", "There is no such instance type.");
  const least = params.integer("MinCount") ?? 1;
  const count = params.integer("MaxCount") ?? 1;
  if (least < 1 || count < least) throw invalidValue(`${least}, ${count}`, "MinCount, MaxCount");
  if (count > MAX_AT_ONCE)
    throw new Ec2Error("InstanceLimitExceeded", `At most ${MAX_AT_ONCE} instances at once.`);
  const network = primaryInterface(params);
  const subnetId = network.text("SubnetId");
  if (subnetId === undefined) throw new Ec2Error("VPCIdNotSpecified", "No default VPC for this user");
  const subnet = find(world.subnets, "subnet", subnetId, context);
  checkGroups(context, network.list("SecurityGroupId"), subnet.vpc);
  if (count > 1) checkForEach(network, world, subnet, count);
  if (!hasRoom(context, count)) {
    throw new Ec2Error(
      "NetworkInterfaceLimitExceeded",
      "The maximum number of network interfaces has been reached.",
    );
  }
  const tags = tagsFor(params, "instance", ["network-interface", "volume"]);
  const reservation = newId(world, "r");
  const made = Array.from({ length: count }, () => {
    const primary = createInterface(network, context, type);
    const instance: Instance = {
      id: newId(world, "i"),
      owner: account,
      ...born({ world, now }),
      tags: [...tags],
      type,
      image,
      reservation,
      subnet: subnet.id,
      vpc: subnet.vpc,
      zone: subnet.zone,
      state: "pending",
    };
    world.instances.set(instance.id, instance);
    attachNow(context, instance, primary, 0, { wait: false, deleteOnTermination: true });
    setState(context, instance, "pending");
    schedule(world, { at: now + world.settings.instanceSeconds * 1000, what: "running", id: instance.id });
    return instance;
  });
  return reservationView(world, reservation, made);
}

/** What one instance alone can have. */
const NAMED = ["PrivateIpAddress", "PrivateIpAddresses", "Ipv4Prefix", "Ipv6Addresses", "Ipv6Prefix"];

/** Throws unless the subnet has what the first interfaces of so many instances want: tried on a copy of it. */
function checkForEach(network: Params, world: World, subnet: Subnet, count: number): void {
  if (NAMED.some((name) => network.has(name))) {
    throw new Ec2Error("InvalidParameterCombination", "A named address or prefix is for one instance");
  }
  const copy = structuredClone(subnet);
  for (let i = 0; i < count; i++) takeNew(world, copy, readNew(network, world, copy));
}

/** The parameters of the interface with device index 0: those of `NetworkInterface`, or else of the instance itself. */
function primaryInterface(params: Params): Params {
  const listed = params.structures("NetworkInterface");
  const of = (tree: ParamTree) => {
    const specification = params.tree["TagSpecification"];
    // Tags of another type than an interface's are not its own.
    return new Params(
      specification === undefined ? tree : { ...tree, TagSpecification: onlyInterfaces(specification) },
    );
  };
  const [first] = listed;
  if (first === undefined) {
    const names = ["SubnetId", "SecurityGroupId", "PrivateIpAddress", "Ipv6AddressCount"];
    const given = names.flatMap((name) => {
      const value = params.tree[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return of(Object.fromEntries(given));
  }
  if (params.has("SubnetId") || params.has("SecurityGroupId")) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
    );
  }
  if (listed.length > 1 || first.integer("DeviceIndex") !== 0) {
    throw new Ec2Error(
      "UnsupportedOperation",
      "Only the interface with device index 0 is made at launch here",
    );
  }
  if (first.has("NetworkInterfaceId")) {
    throw new Ec2Error(
      "UnsupportedOperation",
      "An instance is not launched with an interface that is there already",
    );
  }
  return of(first.tree);
}

function onlyInterfaces(specification: string | ParamTree): ParamTree {
  if (typeof specification === "string") return {};
  return Object.fromEntries(
    Object.entries(specification).filter(
      ([, one]) => typeof one !== "string" && one["ResourceType"] === "network-interface",
    ),
  );
}

interface Change {
  readonly to: InstanceState;
  readonly next: Due["what"];
  /** The only state that it is possible in; null: any. */
  readonly from: InstanceState | null;
  /** In which it has happened already. */
  readonly done: InstanceState;
}

const CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

function change(params: Params, context: Context, { to, next, from, done }: Change): Answer {
  const { world, now } = context;
  const ids = params.list("InstanceId");
  if (ids.length === 0) throw missing("InstanceId");
  const instances = [...new Set(ids)].map((id) => find(world.instances, "instance", id, context));
  for (const instance of instances) {
    const isDone = instance.state === done || instance.state === to;
    if (from !== null && !isDone && instance.state !== from) {
      throw new Ec2Error(
        "IncorrectInstanceState",
        `The instance '${instance.id}' is not in a state from which it can become ${done}: it is ${instance.state}.`,
      );
    }
  }
  const changes = instances.map((instance) => {
    const before = instance.state;
    if (before !== done && before !== to) {
      setState(context, instance, to);
      schedule(world, { at: now + world.settings.instanceSeconds * 1000, what: next, id: instance.id });
    }
    return {
      instanceId: instance.id,
      currentState: stateView(instance.state),
      previousState: stateView(before),
    };
  });
  return { instancesSet: changes };
}

function stateView(state: InstanceState): Answer {
  return { code: CODES[state], name: state };
}

function describeInstances(params: Params, context: Context): Answer {
  const { world } = context;
  const all = namedOrOwned(world.instances, "instance", params.list("InstanceId"), context);
  const primary = (instance: Instance) => interfacesOf(world, instance.id)[0];
  const found = filtered(all, params, {
    "instance-id": ({ id }) => [id],
    "instance-type": ({ type }) => [type],
    "instance-state-name": ({ state }) => [state],
    "instance-state-code": ({ state }) => [String(CODES[state])],
    "vpc-id": ({ vpc }) => [vpc],
    "subnet-id": ({ subnet }) => [subnet],
    "availability-zone": ({ zone }) => [zone],
    "image-id": ({ image }) => [image],
    "reservation-id": ({ reservation }) => [reservation],
    "private-ip-address": (instance) => [primary(instance)?.addresses[0]],
    "private-dns-name": (instance) => [dnsName(world, primary(instance)?.addresses[0] ?? "")],
    "instance.group-id": (instance) => primary(instance)?.groups ?? [],
    "network-interface.network-interface-id": ({ id }) => interfacesOf(world, id).map((eni) => eni.id),
  });
  const { page: shown, next } = page(found, params, PAGE);
  const reservations = Map.groupBy(shown, ({ reservation }) => reservation);
  return {
    reservationSet: [...reservations].map(([id, instances]) => reservationView(world, id, instances)),
    ...next,
  };
}

function reservationView(world: World, reservationId: string, instances: readonly Instance[]): Answer {
  return {
    reservationId,
    ownerId: instances[0]?.owner,
    groupSet: [],
    instancesSet: instances.map((instance) => instanceView(world, instance)),
  };
}

function instanceView(world: World, instance: Instance): Answer {
  const interfaces = interfacesOf(world, instance.id);
  const [primary] = interfaces;
  const address = primary?.addresses[0];
  return {
    instanceId: instance.id,
    imageId: instance.image,
    instanceState: stateView(instance.state),
    privateDnsName: address === undefined ? "" : dnsName(world, address),
    instanceType: instance.type,
    launchTime: time(instance.createdAt),
    placement: { availabilityZone: instance.zone, tenancy: "default" },
    subnetId: instance.state === "terminated" ? undefined : instance.subnet,
    vpcId: instance.state === "terminated" ? undefined : instance.vpc,
    privateIpAddress: address,
    ipv6Address: primary?.ipv6[0],
    architecture: "x86_64",
    virtualizationType: "hvm",
    sourceDestCheck: primary?.sourceDestCheck,
    groupSet: groupSet(world, primary?.groups ?? []),
    networkInterfaceSet: interfaces.map((eni) => {
      const { attachment, ...view } = interfaceView(world, eni);
      const { instanceId: _, instanceOwnerId: __, ...shown } = attachment as Answer;
      return { ...view, privateIpAddressesSet: addressSet(world, eni), attachment: shown };
    }),
    tagSet: tagSet(instance.tags),
  };
}

function describeTypes(params: Params): Answer {
  const names = params.list("InstanceType");
  const types = instanceTypes();
  const unknown = names.filter((name) => !types.has(name));
  if (unknown.length > 0) {
    throw new Ec2Error(
      "InvalidInstanceType",
      `The following supplied instance types do not exist: [${unknown.join(", ")}]`,
    );
  }
  const all = [...types.values()]
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .map((type) => ({ ...type, id: type.name, tags: [] }));
  const found = filtered(all, params, {
    "instance-type": ({ name }) => [name],
    "network-info.maximum-network-interfaces": ({ interfaces }) => [String(interfaces)],
    "network-info.ipv4-addresses-per-interface": ({ ipv4PerInterface }) => [String(ipv4PerInterface)],
  });
  const { page: shown, next } = page(found, params, { min: 5, max: 100, notWithIds: "InstanceType" });
  return {
    instanceTypeSet: shown.map(({ name, interfaces, ipv4PerInterface }) => ({
      instanceType: name,
      currentGeneration: true,
      networkInfo: {
        maximumNetworkInterfaces: interfaces,
        maximumNetworkCards: 1,
        defaultNetworkCardIndex: 0,
        networkCards: [{ networkCardIndex: 0, maximumNetworkInterfaces: interfaces }],
        ipv4AddressesPerInterface: ipv4PerInterface,
        ipv6AddressesPerInterface: ipv4PerInterface,
        ipv6Supported: true,
      },
    })),
    ...next,
  };
}
