import { checkLimit, readNew, takeNew } from "./addressing.ts";
import { filtered, page } from "./describe.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import { checkGroups, defaultGroup } from "./groups.ts";
import { born, checkId, find, isYoung, newId, newMac, notFound } from "./ids.ts";
import { associationsOf, changed, created, interfacesOf, removeInterface, schedule } from "./later.ts";
import { DESCRIBE, DONE, textAt } from "./operation.ts";
import type { Operations } from "./operation.ts";
import { Params } from "./params.ts";
import { tagSet, tagsFor } from "./tags.ts";
import { typeOf } from "./type-of.ts";
import type { Answer, Context, Effect, Instance, Interface, World } from "./types.ts";

const PAGE = { min: 5, max: 1000, notWithIds: "NetworkInterfaceId" };
/** Of the interfaces that only some types have. */
const EFA = ["efa", "efa-only"];
const MAX_DESCRIPTION = 255;

export const INTERFACE_OPERATIONS: Operations = {
  CreateNetworkInterface: {
    parameters: [
      "SubnetId",
      "Description",
      "SecurityGroupId",
      "InterfaceType",
      "PrivateIpAddress",
      "PrivateIpAddresses",
      "SecondaryPrivateIpAddressCount",
      "Ipv4PrefixCount",
      "Ipv4Prefix",
      "Ipv6AddressCount",
      "Ipv6Addresses",
      "Ipv6PrefixCount",
      "Ipv6Prefix",
      "ConnectionTrackingSpecification",
      "TagSpecification",
      "ClientToken",
    ],
    required: ["SubnetId"],
    idempotent: true,
    check: (params, { world }) => void readType(params, world),
    run(params, context) {
      const eni = createInterface(params, context);
      created(context, eni);
      const clientToken = params.text("ClientToken");
      return { networkInterface: { ...interfaceView(context.world, eni), status: "pending" }, clientToken };
    },
    made: (answer) => textAt(answer, "networkInterface", "networkInterfaceId"),
  },
  DeleteNetworkInterface: {
    parameters: ["NetworkInterfaceId"],
    required: ["NetworkInterfaceId"],
    run: deleteInterface,
  },
  AttachNetworkInterface: {
    parameters: ["InstanceId", "NetworkInterfaceId", "DeviceIndex", "NetworkCardIndex"],
    required: ["InstanceId", "NetworkInterfaceId", "DeviceIndex"],
    run: attach,
  },
  DetachNetworkInterface: { parameters: ["AttachmentId", "Force"], required: ["AttachmentId"], run: detach },
  ModifyNetworkInterfaceAttribute: {
    parameters: [
      "NetworkInterfaceId",
      "Attachment",
      "Description",
      "SecurityGroupId",
      "SourceDestCheck",
      "ConnectionTrackingSpecification",
    ],
    required: ["NetworkInterfaceId"],
    run: modify,
  },
  DescribeNetworkInterfaces: { parameters: [...DESCRIBE, "NetworkInterfaceId"], run: describe },
  CreateNetworkInterfacePermission: {
    parameters: ["NetworkInterfaceId", "AwsAccountId", "AwsService", "Permission"],
    required: ["NetworkInterfaceId", "Permission"],
    run: permit,
  },
};

/** The account's interface, or one that it has a permission for; NotFound while it is too young. */
export function findInterface({ world, account, now }: Context, id: string, orPermitted = false): Interface {
  checkId("interface", id);
  const eni = world.interfaces.get(id);
  if (eni === undefined || isYoung(eni, { now })) throw notFound("interface", id);
  const isOurs = eni.owner === account;
  if (!isOurs && !(orPermitted && isPermitted(world, id, account))) throw notFound("interface", id);
  return eni;
}

function isPermitted(world: World, id: string, account: string): boolean {
  return [...world.permissions.values()].some((one) => one.interface === id && one.account === account);
}

function readType(params: Params, world: World): Interface["type"] {
  const type = params.text("InterfaceType") ?? "interface";
  if (type === "interface" || type === "efa") return type;
  if (type === "trunk" && world.settings.trunksAllowed) return type;
  const why = EFA.includes(type) ? "It is not supported here." : "";
  throw new Ec2Error("InvalidParameterValue", `Invalid value '${type}' for InterfaceType. ${why}`.trimEnd());
}

/** Whether the account's quota allows so many interfaces more. */
export function hasRoom({ world, account }: Context, more: number): boolean {
  const most = world.settings.quotas.interfaces;
  // Counting is for when it matters: a world may have thousands.
  if (world.interfaces.size + more <= most) return true;
  const owned = [...world.interfaces.values()].filter(({ owner }) => owner === account).length;
  return owned + more <= most;
}

/** Also for an instance's own interfaces, whose parameters have the same names. */
export function createInterface(params: Params, context: Context, instanceType?: string): Interface {
  const { world, account, now, effect } = context;
  const subnet = find(world.subnets, "subnet", params.required("SubnetId"), context);
  const type = readType(params, world);
  const groups = params.list("SecurityGroupId");
  const inGroups =
    groups.length > 0 ? checkGroups(context, groups, subnet.vpc) : [defaultGroup(world, subnet.vpc).id];
  const description = readDescription(params.text("Description") ?? "");
  const addresses = readNew(params, world, subnet, instanceType);
  const tags = tagsFor(params, "network-interface");
  const tracking = readTracking(params);
  if (!hasRoom(context, 1)) {
    throw new Ec2Error(
      "NetworkInterfaceLimitExceeded",
      `The maximum number of network interfaces has been reached: ${world.settings.quotas.interfaces}`,
    );
  }
  const eni: Interface = {
    id: newId(world, "eni"),
    owner: account,
    ...born({ world, now }),
    tags,
    type,
    subnet: subnet.id,
    vpc: subnet.vpc,
    zone: subnet.zone,
    mac: newMac(world),
    description,
    groups: inGroups,
    ...takeNew(world, subnet, addresses),
    sourceDestCheck: true,
    requesterManaged: false,
    ...(tracking === undefined ? {} : { tracking }),
  };
  world.macs.add(eni.mac);
  world.interfaces.set(eni.id, eni);
  effect("interface-created", eni.id, subnet.id);
  return eni;
}

function readDescription(text: string): string {
  if (text.length > MAX_DESCRIPTION) {
    throw invalidValue(text, "description", `At most ${MAX_DESCRIPTION} characters are taken.`);
  }
  return text;
}

/** Seconds that a connection is tracked, with the bounds of each. */
const TRACKING = {
  TcpEstablishedTimeout: [60, 432_000],
  UdpTimeout: [30, 60],
  UdpStreamTimeout: [60, 180],
} as const;

function readTracking(params: Params): Record<string, number> | undefined {
  const given = params.structure("ConnectionTrackingSpecification");
  if (given === undefined) return undefined;
  const read = Object.entries(TRACKING).flatMap(([name, [low, high]]) => {
    const value = given.integer(name);
    if (value === undefined) return [];
    if (value < low || value > high) throw invalidValue(value, name, `It is from ${low} to ${high} seconds.`);
    return [[name.charAt(0).toLowerCase() + name.slice(1), value] as const];
  });
  return Object.fromEntries(read);
}

function deleteInterface(params: Params, context: Context): Answer {
  const { world } = context;
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  if (eni.attachment !== undefined) {
    throw new Ec2Error("InvalidParameterValue", `Network interface '${eni.id}' is currently in use.`);
  }
  const asTrunk = associationsOf(world, eni).some(({ trunk }) => trunk === eni.id);
  if (asTrunk && !world.settings.deleteTrunkWithBranches) {
    throw new Ec2Error(
      world.settings.trunkHasBranchesCode,
      `Network interface '${eni.id}' is a trunk with associated branches.`,
    );
  }
  changed(context, eni);
  removeInterface(context, eni);
  return DONE;
}

function attach(params: Params, context: Context): Answer {
  const { world } = context;
  const instance = find(world.instances, "instance", params.required("InstanceId"), context);
  const eni = findInterface(context, params.required("NetworkInterfaceId"), true);
  const index = params.integer("DeviceIndex") ?? 0;
  const card = params.integer("NetworkCardIndex") ?? 0;
  if (card !== 0)
    throw invalidValue(card, "networkCardIndex", `Instance '${instance.id}' has one network card.`);
  if (index < 1)
    throw invalidValue(index, "deviceIndex", "The primary network interface cannot be attached.");
  checkAttachable(context, instance, eni, index);
  const id = attachNow(context, instance, eni, index, { wait: true, deleteOnTermination: false });
  return { attachmentId: id, networkCardIndex: 0 };
}

function checkAttachable({ world }: Context, instance: Instance, eni: Interface, index: number): void {
  if (instance.state !== "running" && instance.state !== "stopped") {
    throw new Ec2Error(
      "IncorrectState",
      `Instance '${instance.id}' is not 'running' or 'stopped'. It is ${instance.state}.`,
    );
  }
  if (eni.attachment !== undefined || eni.association !== undefined) {
    throw new Ec2Error("InvalidNetworkInterface.InUse", `Interface: [${eni.id}] in use.`);
  }
  if (eni.zone !== instance.zone || eni.vpc !== instance.vpc) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      `You may not attach a network interface to an instance if they are not in the same availability zone and VPC.`,
    );
  }
  const type = typeOf(world, instance.type);
  if (eni.type === "trunk" && type?.branches === 0) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Instance type '${instance.type}' does not support trunk interfaces.`,
    );
  }
  const plugged = interfacesOf(world, instance.id);
  if (plugged.some(({ attachment }) => attachment?.deviceIndex === index)) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Instance '${instance.id}' already has an interface attached at device index '${index}'.`,
    );
  }
  const most = type?.interfaces ?? 0;
  if (plugged.length >= most) {
    throw new Ec2Error(
      "AttachmentLimitExceeded",
      `Interface count ${plugged.length + 1} exceeds the limit for ${instance.type}: ${most}`,
    );
  }
  checkLimit(instance.type, eni.addresses.length + eni.ipv4Prefixes.length);
  checkLimit(instance.type, eni.ipv6.length + eni.ipv6Prefixes.length);
}

export function attachNow(
  context: Context,
  instance: Instance,
  eni: Interface,
  deviceIndex: number,
  { wait, deleteOnTermination }: { wait: boolean; deleteOnTermination: boolean },
): string {
  const { world, now, effect } = context;
  const id = newId(world, "eni-attach");
  changed(context, eni);
  const status = wait ? "attaching" : "attached";
  eni.attachment = { id, instance: instance.id, deviceIndex, attachedAt: now, status, deleteOnTermination };
  if (wait) schedule(world, { at: now + world.settings.attachSeconds * 1000, what: "attached", id: eni.id });
  effect(wait ? "interface-attaching" : "interface-attached", eni.id, instance.id);
  return id;
}

function detach(params: Params, context: Context): Answer {
  const { world, account, now } = context;
  const id = params.required("AttachmentId");
  checkId("attachment", id);
  const eni = [...world.interfaces.values()].find(({ attachment }) => attachment?.id === id);
  const attachment = eni?.attachment;
  const owner = attachment === undefined ? undefined : world.instances.get(attachment.instance)?.owner;
  if (eni === undefined || attachment === undefined || owner !== account) throw notFound("attachment", id);
  if (attachment.deviceIndex === 0) {
    throw new Ec2Error(
      "OperationNotPermitted",
      "The network interface at device index 0 cannot be detached.",
    );
  }
  if (attachment.status === "detaching") {
    throw new Ec2Error("IncorrectState", `Attachment '${id}' is already being detached.`);
  }
  changed(context, eni);
  attachment.status = "detaching";
  schedule(world, { at: now + world.settings.detachSeconds * 1000, what: "detached", id: eni.id });
  return DONE;
}

/** Exactly one attribute a call. */
function modify(params: Params, context: Context): Answer {
  const { effect } = context;
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const attributes = Object.keys(params.tree).filter((name) => name !== "NetworkInterfaceId");
  if (attributes.length !== 1) {
    throw new Ec2Error(
      attributes.length === 0 ? "MissingParameter" : "InvalidParameterCombination",
      `Exactly one attribute must be specified, not ${attributes.length}`,
    );
  }
  const apply = readModification(params, context, eni);
  changed(context, eni);
  const kind = apply();
  if (kind !== undefined) effect(kind, eni.id);
  return DONE;
}

function readModification(
  params: Params,
  context: Context,
  eni: Interface,
): () => Effect["kind"] | undefined {
  if (params.has("SecurityGroupId")) {
    const ids = params.list("SecurityGroupId");
    if (ids.length === 0)
      throw new Ec2Error("InvalidParameterValue", "At least one security group must be specified");
    const groups = checkGroups(context, ids, eni.vpc);
    return () => {
      eni.groups = groups;
      return "groups-changed";
    };
  }
  const check = params.structure("SourceDestCheck");
  if (check !== undefined) {
    const value = check.flag("Value");
    if (value === undefined)
      throw new Ec2Error("MissingParameter", "The request must contain SourceDestCheck.Value");
    return () => {
      eni.sourceDestCheck = value;
      return "source-dest-check-changed";
    };
  }
  const description = params.structure("Description");
  if (description !== undefined) {
    const text = readDescription(description.text("Value") ?? "");
    return () => void (eni.description = text);
  }
  const tracking = readTracking(params);
  if (tracking !== undefined) {
    return () => {
      eni.tracking = tracking;
      return "connection-tracking-changed";
    };
  }
  const given = params.structure("Attachment") ?? new Params({});
  const id = given.required("AttachmentId");
  checkId("attachment", id);
  const goes = given.flag("DeleteOnTermination");
  const attachment = eni.attachment;
  if (attachment?.id !== id) throw notFound("attachment", id);
  if (goes === undefined)
    throw new Ec2Error("MissingParameter", "The request must contain DeleteOnTermination");
  return () => void (attachment.deleteOnTermination = goes);
}

function permit(params: Params, context: Context): Answer {
  const { world } = context;
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const permission = params.required("Permission");
  if (permission !== "INSTANCE-ATTACH" && permission !== "EIP-ASSOCIATE")
    throw invalidValue(permission, "permission");
  const account = params.required("AwsAccountId");
  if (!/^\d{12}$/.test(account)) throw invalidValue(account, "awsAccountId", "It has 12 digits.");
  const id = newId(world, "eni-perm");
  world.permissions.set(id, { id, interface: eni.id, account, permission });
  return {
    interfacePermission: {
      networkInterfacePermissionId: id,
      networkInterfaceId: eni.id,
      awsAccountId: account,
      permission,
      permissionState: { state: "granted" },
    },
  };
}

function describe(params: Params, { world, account }: Context): Answer {
  const ids = params.list("NetworkInterfaceId");
  const visible = (id: string) =>
    world.stale.has(id) ? world.stale.get(id)?.before : world.interfaces.get(id);
  const everything = () => {
    const live =
      world.stale.size === 0 ? [...world.interfaces.values()] : [...world.interfaces.keys()].map(visible);
    const ghosts = [...world.stale]
      .filter(([id]) => !world.interfaces.has(id))
      .map(([, { before }]) => before);
    return [...live, ...ghosts].filter((eni) => eni !== undefined);
  };
  const all =
    ids.length > 0
      ? ids.map((id) => {
          checkId("interface", id);
          const eni = visible(id);
          if (eni === undefined || eni.owner !== account) throw notFound("interface", id);
          return eni;
        })
      : everything().filter(({ owner }) => owner === account);
  const found = filtered(all, params, {
    "network-interface-id": ({ id }) => [id],
    status: (eni) => [statusOf(eni)],
    "vpc-id": ({ vpc }) => [vpc],
    "subnet-id": ({ subnet }) => [subnet],
    "availability-zone": ({ zone }) => [zone],
    "interface-type": (eni) => [shownType(eni)],
    "group-id": ({ groups }) => groups,
    "group-name": ({ groups }) => groups.map((id) => world.groups.get(id)?.name),
    description: (eni) => [eni.description],
    "mac-address": ({ mac }) => [mac],
    "owner-id": ({ owner }) => [owner],
    "requester-managed": ({ requesterManaged }) => [String(requesterManaged)],
    "source-dest-check": ({ sourceDestCheck }) => [String(sourceDestCheck)],
    "private-ip-address": ({ addresses }) => addresses.slice(0, 1),
    "addresses.private-ip-address": ({ addresses }) => addresses,
    "ipv6-addresses.ipv6-address": ({ ipv6 }) => ipv6,
    "attachment.instance-id": ({ attachment }) => [attachment?.instance],
    "attachment.attachment-id": ({ attachment }) => [attachment?.id],
    "attachment.status": ({ attachment }) => [attachment?.status],
    "attachment.device-index": ({ attachment }) => [attachment && String(attachment.deviceIndex)],
    "attachment.delete-on-termination": ({ attachment }) => [
      attachment && String(attachment.deleteOnTermination),
    ],
    "attachment.instance-owner-id": ({ attachment }) => [
      world.instances.get(attachment?.instance ?? "")?.owner,
    ],
  });
  const { page: shown, next } = page(found, params, PAGE);
  return { networkInterfaceSet: shown.map((eni) => interfaceView(world, eni)), ...next };
}

function statusOf(eni: Interface): string {
  return eni.attachment !== undefined || eni.association !== undefined ? "in-use" : "available";
}

/** A branch is created as an interface and becomes one by its association. */
function shownType(eni: Interface): string {
  return eni.association === undefined ? eni.type : "branch";
}

export function groupSet(world: World, groups: readonly string[]): Answer[] {
  return groups.map((groupId) => ({ groupId, groupName: world.groups.get(groupId)?.name }));
}

export function dnsName(world: World, address: string): string {
  return `ip-${address.replaceAll(".", "-")}.${world.region}.compute.internal`;
}

export function addressSet(world: World, eni: Interface): Answer[] {
  return eni.addresses.map((privateIpAddress, i) => ({
    privateIpAddress,
    privateDnsName: dnsName(world, privateIpAddress),
    primary: i === 0,
  }));
}

export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

export function interfaceView(world: World, eni: Interface): Answer {
  const [primary = ""] = eni.addresses;
  return {
    networkInterfaceId: eni.id,
    subnetId: eni.subnet,
    vpcId: eni.vpc,
    availabilityZone: eni.zone,
    description: eni.description,
    ownerId: eni.owner,
    requesterManaged: eni.requesterManaged,
    status: statusOf(eni),
    macAddress: eni.mac,
    privateIpAddress: primary,
    privateDnsName: dnsName(world, primary),
    sourceDestCheck: eni.sourceDestCheck,
    groupSet: groupSet(world, eni.groups),
    attachment:
      eni.attachment === undefined
        ? undefined
        : {
            attachmentId: eni.attachment.id,
            instanceId: eni.attachment.instance,
            instanceOwnerId: world.instances.get(eni.attachment.instance)?.owner,
            deviceIndex: eni.attachment.deviceIndex,
            networkCardIndex: 0,
            status: eni.attachment.status,
            attachTime: time(eni.attachment.attachedAt),
            deleteOnTermination: eni.attachment.deleteOnTermination,
          },
    tagSet: tagSet(eni.tags),
    privateIpAddressesSet: addressSet(world, eni),
    ipv6AddressesSet: eni.ipv6.map((ipv6Address) => ({ ipv6Address })),
    ipv6Address: eni.ipv6[0],
    ipv4PrefixSet: eni.ipv4Prefixes.map((ipv4Prefix) => ({ ipv4Prefix })),
    ipv6PrefixSet: eni.ipv6Prefixes.map((ipv6Prefix) => ({ ipv6Prefix })),
    connectionTrackingConfiguration: eni.tracking,
    interfaceType: shownType(eni),
  };
}
