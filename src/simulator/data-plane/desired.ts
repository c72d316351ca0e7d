import { addressAt, prefixOf } from "../model/addresses.ts";
import { allOf } from "../model/addressing.ts";
import { entriesOf } from "../model/prefix-lists.ts";
import type { Association, Group, Interface, Rule, Vpc, World } from "../model/types.ts";
import { leaseLines } from "./network.ts";
import type { GroupRule, Network, Port, PrefixList, Veth } from "./network.ts";

/** What each VPC of the world is to have in the kernel, by its id. */
export function desiredNetworks(world: World, prefix: string): Map<string, Network> {
  return new Map([...world.vpcs.values()].map((vpc) => [vpc.id, networkOf(world, vpc, prefix)]));
}

/** The namespace of a VPC or an instance. */
export function namespaceOf(prefix: string, id: string): string {
  return `${prefix}-${id}`;
}

/** The device of an interface in its VPC's namespace: the end of its id, since a name has 15 characters. */
export function deviceOf(eni: string): string {
  return `eni${eni.slice(-12)}`;
}

function networkOf(world: World, vpc: Vpc, prefix: string): Network {
  const instances = [...world.instances.values()].filter(
    (one) => one.vpc === vpc.id && one.state === "running",
  );
  const running = new Set(instances.map(({ id }) => id));
  const interfaces = [...world.interfaces.values()].filter((one) => one.vpc === vpc.id);
  const plugged = interfaces.filter(
    ({ attachment }) =>
      attachment !== undefined && attachment.status !== "attaching" && running.has(attachment.instance),
  );
  const veths = plugged.map((eni) => portOf(eni, vethOf(world, eni, prefix)));
  const trunks = new Set(plugged.map(({ id }) => id));
  const branches = [...world.associations.values()]
    .filter((one) => one.carries && trunks.has(one.trunk))
    .flatMap((association) => branchOf(world, association));
  const subnets = [...world.subnets.values()].filter((subnet) => subnet.vpc === vpc.id);
  const groups = [...world.groups.values()].filter((group) => group.vpc === vpc.id);
  return {
    machines: new Set(instances.map(({ id }) => namespaceOf(prefix, id))),
    gateways: new Set(subnets.map((subnet) => addressAt(subnet, 1))),
    groups: new Map(groups.map((group) => [group.id, group.rules.flatMap(ruleOf)])),
    prefixLists: listsOf(world, groups),
    acls: new Map(
      [...world.networkAcls.values()]
        .filter((acl) => acl.vpc === vpc.id)
        .map(({ id, entries }) => [id, entries]),
    ),
    subnets: new Map(subnets.map(({ id, acl }) => [id, acl.id])),
    ports: new Map([...veths, ...branches].map((port) => [port.device, port])),
  };
}

/** Those that rules of the groups name. */
function listsOf({ prefixLists }: World, groups: readonly Group[]): Map<string, PrefixList> {
  const named = new Set(groups.flatMap(({ rules }) => rules.flatMap(({ prefixList }) => prefixList ?? [])));
  return new Map(
    [...named].flatMap((id) => {
      const list = prefixLists.get(id);
      if (list === undefined) return [];
      return [[id, { family: list.family, cidrs: entriesOf(list).map(({ cidr }) => cidr) }] as const];
    }),
  );
}

/** As DHCP sets up an instance's first interface; the others are up without addresses. */
function vethOf(world: World, eni: Interface, prefix: string): Veth {
  const { instance = "", deviceIndex = 0 } = eni.attachment ?? {};
  const device = `eth${deviceIndex}`;
  const subnet = world.subnets.get(eni.subnet);
  const up = [`link set ${device} up`];
  const [address = ""] = eni.addresses;
  if (deviceIndex === 0 && subnet !== undefined) {
    const ipv4 = { address, length: prefixOf(subnet.cidr).length, router: addressAt(subnet, 1) };
    up.push(...leaseLines(device, ipv4, eni.ipv6[0]));
  }
  return { kind: "veth", netns: namespaceOf(prefix, instance), device, setUp: up };
}

/** Nothing for a branch by a GRE key: how EC2 carries it is documented nowhere. */
function branchOf(world: World, { branch, trunk, vlan }: Association): Port[] {
  const eni = world.interfaces.get(branch);
  if (eni === undefined || vlan === undefined) return [];
  return [portOf(eni, { kind: "branch", trunk: deviceOf(trunk), vlanId: vlan })];
}

function portOf(eni: Interface, cable: Port["cable"]): Port {
  const { tcpEstablishedTimeout: tcpSeconds, udpTimeout = 30, udpStreamTimeout = 180 } = eni.tracking ?? {};
  return {
    eni: eni.id,
    device: deviceOf(eni.id),
    mac: eni.mac,
    addresses: allOf(eni),
    groups: eni.groups,
    subnetId: eni.subnet,
    isChecked: eni.sourceDestCheck,
    ...(tcpSeconds === undefined ? {} : { tcpSeconds }),
    udpSeconds: [udpTimeout, udpStreamTimeout],
    cable,
  };
}

/** Nothing for a rule without a peer, which the model does not make. */
function ruleOf({ id, egress, protocol, from, to, ...rule }: Rule): GroupRule[] {
  const peer = peerOf(rule);
  if (peer === undefined) return [];
  const ports = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  return [{ id, egress, protocol, ...ports, peer }];
}

function peerOf({
  cidrIpv4,
  cidrIpv6,
  group,
  prefixList,
}: Pick<Rule, "cidrIpv4" | "cidrIpv6" | "group" | "prefixList">): GroupRule["peer"] | undefined {
  if (group !== undefined) return { group };
  if (prefixList !== undefined) return { list: prefixList };
  const cidr = cidrIpv4 ?? cidrIpv6;
  return cidr === undefined ? undefined : { cidr };
}
