// A world made real: requests to EC2, which the data plane follows in one transaction, and what is the nodes' own.
import { POINTS, TABLE, flowSetsOf } from "../../src/simulator/data-plane/base-table.ts";
import type { ParamTree } from "../../src/simulator/model/params.ts";
import { familyOf, formatPrefix, networkOf, parsePrefix } from "../../src/values/ip.ts";
import { mustExec } from "../ground/index.ts";
import { groups, lists, nodes, ruledSubnets, subnets } from "./cast.ts";
import { numbered } from "./cloud.ts";
import type { Cluster } from "./cluster.ts";
import { policyTable } from "./enforce.ts";
import type { Block, Entry, Peer, Rule, World } from "./world.ts";

export async function apply(cluster: Cluster, world: World): Promise<void> {
  const { cloud } = cluster;
  setLists(cluster, world);
  for (const group of groups)
    setRules(
      cluster,
      group,
      world.rules.filter((rule) => rule.group === group),
    );
  for (const [name, members] of Object.entries(world.groupsOf)) {
    const eni = cloud.branches.get(name) ?? cloud.primaries.get(name);
    const ids = members.map((group) => cloud.groups.get(group) ?? "");
    cloud.ec2("ModifyNetworkInterfaceAttribute", {
      NetworkInterfaceId: eni?.id ?? "",
      SecurityGroupId: numbered(ids),
    });
  }
  for (const subnet of ruledSubnets) setAcl(cluster, subnet, world.acls[subnet] ?? OPEN);
  await cloud.settled();
  await Promise.all([forgetVpc(cluster), ...nodes.map(({ name }) => setNode(cluster, world, name))]);
}

const OPEN: readonly Entry[] = ([4, 6] as const).flatMap((family) =>
  [true, false].map((isEgress) => ({
    number: 100 + family,
    isEgress,
    allows: true,
    protocol: "-1",
    block: { everybody: family },
  })),
);

/** The block as EC2 writes it. */
export function textOf(cluster: Cluster, block: Block): string {
  if ("everybody" in block) return block.everybody === 4 ? "0.0.0.0/0" : "::/0";
  const address = cluster.addressesOf(block.of)[block.family === 4 ? "ipv4" : "ipv6"];
  const prefix = parsePrefix(`${address}/${block.bits}`);
  if (prefix === undefined) throw new Error(`no block: ${address}/${block.bits}`);
  return formatPrefix({ address: networkOf(prefix), length: prefix.length });
}

function setLists(cluster: Cluster, world: World): void {
  const { cloud } = cluster;
  for (const name of Object.keys(lists)) {
    const id = cloud.lists.get(name) ?? "";
    const list = cloud.running.simulator().world.prefixLists.get(id);
    const wanted = [...new Set((world.lists[name] ?? []).map((block) => textOf(cluster, block)))];
    const has = (list?.versions.get(list.version) ?? []).map(({ cidr }) => cidr);
    const entries = (cidrs: readonly string[]) => numberedTrees(cidrs.map((cidr) => ({ Cidr: cidr })));
    const [more, less] = [
      wanted.filter((cidr) => !has.includes(cidr)),
      has.filter((cidr) => !wanted.includes(cidr)),
    ];
    if (more.length + less.length === 0) continue;
    cloud.ec2("ModifyManagedPrefixList", {
      PrefixListId: id,
      CurrentVersion: String(list?.version ?? 1),
      ...(more.length > 0 && { AddEntry: entries(more) }),
      ...(less.length > 0 && { RemoveEntry: entries(less) }),
    });
  }
}

function setRules(cluster: Cluster, group: string, rules: readonly Rule[]): void {
  const { cloud } = cluster;
  const id = cloud.groups.get(group) ?? "";
  const old = cloud.running.simulator().world.groups.get(id)?.rules ?? [];
  for (const isEgress of [true, false]) {
    const direction = isEgress ? "Egress" : "Ingress";
    const gone = old.filter(({ egress }) => egress === isEgress).map((rule) => rule.id);
    if (gone.length > 0)
      cloud.ec2(`RevokeSecurityGroup${direction}`, { GroupId: id, SecurityGroupRuleId: numbered(gone) });
    // EC2 takes a protocol's number for its name, and a rule only once.
    const permissions = new Map(
      rules
        .filter((rule) => rule.isEgress === isEgress)
        .map((rule) => permission(cluster, { ...rule, protocol: NAMES[rule.protocol] ?? rule.protocol }))
        .map((tree) => [JSON.stringify(tree), tree]),
    );
    if (permissions.size > 0)
      cloud.ec2(`AuthorizeSecurityGroup${direction}`, {
        GroupId: id,
        IpPermissions: numberedTrees([...permissions.values()]),
      });
  }
}

const NAMES: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6" };

function permission(cluster: Cluster, { protocol, range, peer }: Rule): ParamTree {
  return {
    IpProtocol: protocol,
    ...(range !== undefined && { FromPort: String(range[0]), ToPort: String(range[1]) }),
    ...peerTree(cluster, peer),
  };
}

function peerTree(cluster: Cluster, peer: Peer): ParamTree {
  if ("group" in peer) return { Groups: { "1": { GroupId: cluster.cloud.groups.get(peer.group) ?? "" } } };
  if ("list" in peer)
    return { PrefixListIds: { "1": { PrefixListId: cluster.cloud.lists.get(peer.list) ?? "" } } };
  const cidr = textOf(cluster, peer.block);
  return familyOf(cidr) === 4
    ? { IpRanges: { "1": { CidrIp: cidr } } }
    : { Ipv6Ranges: { "1": { CidrIpv6: cidr } } };
}

function setAcl(cluster: Cluster, subnet: keyof typeof subnets, entries: readonly Entry[]): void {
  const { cloud } = cluster;
  const id = cloud.acls.get(subnet) ?? "";
  // EC2's own last ones have numbers that nobody else may use.
  for (const { number, egress } of cloud.running.simulator().world.networkAcls.get(id)?.entries ?? [])
    if (number < 32_767)
      cloud.ec2("DeleteNetworkAclEntry", {
        NetworkAclId: id,
        RuleNumber: String(number),
        Egress: String(egress),
      });
  for (const { number, isEgress, allows, protocol, range, block } of entries) {
    const cidr = textOf(cluster, block);
    const isIcmp = protocol === "1" || protocol === "58";
    const [from, to] = (range ?? []).map(String);
    cloud.ec2("CreateNetworkAclEntry", {
      NetworkAclId: id,
      RuleNumber: String(number),
      Egress: String(isEgress),
      RuleAction: allows ? "allow" : "deny",
      Protocol: protocol,
      [familyOf(cidr) === 4 ? "CidrBlock" : "Ipv6CidrBlock"]: cidr,
      ...(from !== undefined &&
        to !== undefined &&
        (isIcmp ? { Icmp: { Type: from, Code: to } } : { PortRange: { From: from, To: to } })),
    });
  }
}

function numberedTrees(values: readonly ParamTree[]): ParamTree {
  return Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
}

/** Connections and packets of the last world are forgotten in the VPC and on the nodes. */
export async function forget(cluster: Cluster): Promise<void> {
  const onNode = (name: string) => mustExec(cluster.netnsOf(name), ["sh", "-c", FORGET]);
  await Promise.all([forgetVpc(cluster), ...nodes.map(({ name }) => onNode(name))]);
}

/**
 * conntrack ends with 1 when there was none. A connection whose SYN has come, but whose answer nobody got, is the next
 * world's where it is from the same port: early demultiplexing finds it, and ip_forward drops what it has found one for. Not
 * every kernel lets ss end it.
 */
const FORGET = "conntrack -F >/dev/null 2>&1 || :; ss -K -t state syn-recv >/dev/null 2>&1 || :";

async function forgetVpc({ cloud }: Cluster): Promise<void> {
  const sets = POINTS.flatMap(flowSetsOf).map((set) => `flush set ${TABLE} ${set}\n`);
  await mustExec(cloud.vpcNetns, ["sh", "-e"], {
    input: `${FORGET}\nnft -f - <<'NFT'\n${sets.join("")}NFT\n`,
  });
}

async function setNode(cluster: Cluster, { demux, policies }: World, name: string): Promise<void> {
  const { tcp = false, udp = false } = demux[name] ?? {};
  await mustExec(cluster.netnsOf(name), ["sh", "-e"], {
    input: `echo ${Number(tcp)} > /proc/sys/net/ipv4/tcp_early_demux
echo ${Number(udp)} > /proc/sys/net/ipv4/udp_early_demux
nft -f - <<'NFT'
${policyTable(cluster, name, policies)}NFT
${FORGET}
`,
  });
}
