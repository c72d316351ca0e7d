// Random worlds: rules that nearly fit, for calls between everybody. It knows nothing of who reaches whom.
import type { NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule } from "../../src/verdict/facts.ts";
import { Random } from "../chaos/random.ts";
import {
  actorOf,
  agents,
  groups,
  lists,
  machines,
  members,
  nodes,
  pods,
  ports,
  ruledSubnets,
  type Actor,
} from "./cast.ts";
import type { Block, Call, Demux, Entry, Peer, Range, Rule, World } from "./world.ts";

export const CALLS = 24;

const families = [4, 6] as const;
const NUMBERS: Readonly<Record<string, string>> = { tcp: "6", udp: "17", icmp: "1", icmpv6: "58" };

/**
 * What a world is about. Where all of it decides at once, most of it decides nothing: a call is refused by one for several
 * reasons. So in most worlds the rest lets everything pass.
 */
const THEMES = { everything: 3, groups: 3, acls: 3, policies: 2 } as const;

/** The same for the same seed. */
export function worldOf(seed: number): World {
  const random = new Random(seed);
  const theme = random.weighted(THEMES);
  const is = (about: keyof typeof THEMES) => theme === about || theme === "everything";
  const calls = callsOf(random);
  const groupsOf = Object.fromEntries(members.map((name) => [name, someGroups(random)]));
  const isRuled = () => (theme === "acls" ? random.chance(0.8) : is("acls") && random.chance(0.5));
  const hasPolicies = theme === "policies" || (is("policies") && random.chance(0.5));
  return {
    rules: is("groups") ? rulesOf(random, calls, groupsOf) : OPEN,
    groupsOf,
    lists: Object.fromEntries(
      Object.entries(lists).map(([name, family]) => [name, listOf(random, family, calls)]),
    ),
    acls: Object.fromEntries(
      ruledSubnets.filter(isRuled).map((subnet) => [subnet, entriesOf(random, calls)]),
    ),
    demux: Object.fromEntries(nodes.map(({ name }) => [name, demuxOf(random)])),
    policies: hasPolicies ? policiesOf(random, calls, theme === "policies" ? 12 : 6) : [],
    calls,
  };
}

/** Everybody may do everything. */
const OPEN: readonly Rule[] = groups.flatMap((group) =>
  families.flatMap((family) =>
    [true, false].map((isEgress) => ({
      group,
      isEgress,
      protocol: "-1",
      peer: { block: { everybody: family } },
    })),
  ),
);

function demuxOf(random: Random): Demux {
  return { tcp: random.chance(0.4), udp: random.chance(0.4) };
}

function someGroups(random: Random): string[] {
  const count = random.weighted({ "1": 5, "2": 4, "3": 2, "5": 1 });
  return [...new Set(Array.from({ length: Number(count) }, () => one(random, groups)))];
}

function one<T>(random: Random, list: readonly T[]): T {
  const found = random.pick(list);
  if (found === undefined) throw new Error("an empty list");
  return found;
}

type Kind =
  | "pod to pod"
  | "pod to service"
  | "pod to own service"
  | "pod to node"
  | "pod to machine"
  | "pod to agent"
  | "node to own pod"
  | "node to any"
  | "node to service"
  | "machine to any"
  | "machine to service"
  | "machine to agent";

const KINDS: Readonly<Record<Kind, number>> = {
  "pod to pod": 28,
  "pod to service": 18,
  "pod to own service": 5,
  "pod to node": 12,
  "pod to machine": 14,
  "pod to agent": 5,
  "node to own pod": 12,
  "node to any": 4,
  "node to service": 4,
  "machine to any": 10,
  "machine to service": 1,
  "machine to agent": 1,
};

/** No two alike: both would come from the same ports. */
function callsOf(random: Random): Call[] {
  const calls = new Map<string, Call>();
  for (let tries = 0; calls.size < CALLS && tries < 2 * CALLS; tries += 1) {
    const call = callOf(random);
    calls.set(JSON.stringify(call), call);
  }
  return [...calls.values()];
}

function callOf(random: Random): Call {
  const family = one(random, [4, 4, 6] as const);
  const protocol = one(random, ["tcp", "tcp", "tcp", "udp", "udp", "icmp"] as const);
  const rest = { family, protocol, port: one(random, ports) } as const;
  const [pod, other] = [one(random, pods), one(random, pods)];
  const neighbours = pods.filter(({ node, name }) => node === pod.node && name !== pod.name);
  // Half of them on one node: that is where datapaths differ.
  const peer = random.chance(0.5) ? one(random, neighbours) : other;
  const [node, machine] = [one(random, nodes), one(random, machines)];
  const inside = one(
    random,
    machines.filter((each) => !each.isOutside),
  );
  const endpoint = one(random, [peer, peer, peer, inside, node, machine]);
  const call = (from: Actor, to: Actor, by: Call["by"] = "address"): Call => ({
    from: from.name,
    to: to.name,
    by,
    ...rest,
  });
  switch (random.weighted(KINDS)) {
    case "pod to pod":
      return call(pod, peer);
    case "pod to service":
      return call(pod, endpoint, "service");
    case "pod to own service":
      return call(pod, pod, "service");
    case "pod to node":
      return call(pod, random.chance(0.6) ? actorOf(pod.node) : node);
    case "pod to machine":
      return call(pod, machine);
    case "pod to agent":
      return agentCall(random, pod, rest);
    case "node to own pod":
      return call(actorOf(pod.node), pod);
    case "node to any":
      return call(node, one(random, [pod, inside, ...nodes]));
    case "node to service":
      return call(node, endpoint, "service");
    case "machine to any":
      return call(machine, one(random, [pod, pod, inside, node]));
    case "machine to service":
      return call(inside, pod, "service");
    case "machine to agent":
      return agentCall(random, inside, rest);
  }
}

function agentCall(random: Random, from: Actor, rest: Pick<Call, "protocol" | "port" | "family">): Call {
  const to = one(random, Object.keys(agents));
  return { ...rest, from: from.name, to, by: "agent", family: agents[to]?.includes(":") === true ? 6 : 4 };
}

/** Of whom a call's packets have the addresses, or might have: the ends, and their nodes. */
function around({ from, to, by }: Call): readonly [Actor[], Actor[]] {
  const [near, far] = [actorOf(from), by === "agent" ? undefined : actorOf(to)];
  const withNode = (actor: Actor | undefined) =>
    actor === undefined ? [] : actor.kind === "pod" ? [actor, actor, actor, actorOf(actor.node)] : [actor];
  return [withNode(near), withNode(far)];
}

function rulesOf(random: Random, calls: readonly Call[], groupsOf: World["groupsOf"]): Rule[] {
  const rules: Rule[] = [];
  for (const group of groups) {
    for (const family of families) {
      if (random.chance(0.65))
        rules.push({ group, isEgress: true, protocol: "-1", peer: { block: { everybody: family } } });
    }
    if (random.chance(0.2))
      rules.push({ group, isEgress: false, ...serviceOf(random, one(random, calls)), peer: { group } });
    if (random.chance(0.2))
      rules.push({
        group,
        isEgress: random.chance(0.3),
        ...serviceOf(random, one(random, calls)),
        peer: { group: one(random, groups) },
      });
  }
  for (const call of calls) {
    const [near, far] = around(call);
    if (near.length === 0 || far.length === 0) continue;
    for (const isEgress of [true, false]) {
      if (!random.chance(isEgress ? 0.35 : 0.75)) continue;
      const [own, other] = isEgress
        ? [one(random, near), one(random, far)]
        : [one(random, far), one(random, near)];
      const mine = groupsOf[ownerOf(own)] ?? [];
      if (mine.length === 0) continue;
      rules.push({
        group: one(random, mine),
        isEgress,
        ...serviceOf(random, call),
        peer: peerOf(random, other, call.family, groupsOf),
      });
    }
  }
  return rules;
}

/** Whose interface somebody's address is of, if it has groups of this world. */
function ownerOf(actor: Actor): string {
  return actor.kind === "pod" && actor.attachment === "none" ? actor.node : actor.name;
}

function protocolOf({ protocol, family }: Call): string {
  return protocol === "icmp" && family === 6 ? "icmpv6" : protocol;
}

/** Protocol and range of a rule for a call, or nearly. */
function serviceOf(random: Random, call: Call): Pick<Rule, "protocol" | "range"> {
  const own = protocolOf(call);
  const protocol = random.weighted({ own: 12, number: 3, any: 3, other: 2 });
  if (protocol === "any") return { protocol: "-1" };
  const name = protocol === "other" ? one(random, ["tcp", "udp", "icmp", "icmpv6"]) : own;
  const range = rangeOf(random, name, call.port);
  return { protocol: protocol === "number" ? (NUMBERS[name] ?? name) : name, range };
}

function rangeOf(random: Random, protocol: string, port: number): Range {
  if (protocol.startsWith("icmp")) {
    const request = protocol === "icmp" ? 8 : 128;
    return one<Range>(random, [
      [request, -1],
      [request, 0],
      [request, -1],
      [-1, -1],
      [request === 8 ? 0 : 129, -1],
      [request, 3],
      [3, -1],
    ]);
  }
  return one<Range>(random, [
    [port, port],
    [port, port],
    [port, port],
    [0, 65_535],
    [Math.max(0, port - 10), port],
    [port, port + 10],
    [port + 1, port + 10],
    [Math.max(0, port - 10), port - 1],
  ]);
}

function peerOf(random: Random, other: Actor, family: 4 | 6, groupsOf: World["groupsOf"]): Peer {
  const theirs = groupsOf[ownerOf(other)] ?? [];
  switch (random.weighted({ group: 6, block: 6, list: 3 })) {
    case "group":
      return { group: one(random, random.chance(0.8) && theirs.length > 0 ? theirs : groups) };
    case "block":
      return { block: blockOf(random, other, family) };
    case "list":
      return {
        list: one(
          random,
          Object.keys(lists).filter((name) => lists[name] === family || random.chance(0.05)),
        ),
      };
  }
}

function blockOf(random: Random, actor: Actor, wanted: 4 | 6): Block {
  // Now and then of the other family, which lets nothing pass.
  const family = random.chance(0.95) ? wanted : wanted === 4 ? 6 : 4;
  if (random.chance(0.15)) return { everybody: family };
  const bits = one(random, family === 4 ? [32, 32, 31, 28, 24, 16] : [128, 128, 127, 124, 64, 56]);
  return { of: actor.name, family, bits };
}

function listOf(random: Random, family: 4 | 6, calls: readonly Call[]): Block[] {
  const blocks = Array.from({ length: random.below(4) }, () => {
    const [near, far] = around(one(random, calls));
    return blockOf(random, one(random, [...near, ...far]), family);
  });
  return blocks.filter((block) => ("of" in block ? block.family : block.everybody) === family);
}

function entriesOf(random: Random, calls: readonly Call[]): Entry[] {
  const entries: Entry[] = [];
  const add = (entry: Omit<Entry, "number">) =>
    void entries.push({ ...entry, number: 10 * (entries.length + 1) });
  const count = random.below(7);
  for (let i = 0; i < count; i += 1) {
    const call = one(random, calls);
    const [near, far] = around(call);
    add({
      isEgress: random.chance(0.5),
      allows: random.chance(0.6),
      ...entryService(random, call),
      block: blockOf(random, one(random, [...near, ...far]), call.family),
    });
  }
  for (const isEgress of [true, false]) {
    for (const family of families) {
      if (random.chance(0.3))
        add({
          isEgress,
          allows: true,
          protocol: "6",
          range: one<Range>(random, [
            [1024, 65_535],
            [32_768, 60_999],
            [32_768, 49_999],
          ]),
          block: { everybody: family },
        });
      const [icmp, request, reply] = family === 4 ? ["1", 8, 0] : ["58", 128, 129];
      if (random.chance(0.2))
        add({
          isEgress,
          allows: true,
          protocol: icmp,
          range: [random.chance(0.5) ? request : reply, -1],
          block: { everybody: family },
        });
      if (random.chance(0.7)) add({ isEgress, allows: true, protocol: "-1", block: { everybody: family } });
    }
  }
  return random.chance(0.3) ? shuffledNumbers(random, entries) : entries;
}

/** In another order than they were made in. */
function shuffledNumbers(random: Random, entries: readonly Entry[]): Entry[] {
  const numbers = entries.map(({ number }) => number);
  return entries.map((entry) => ({
    ...entry,
    number: numbers.splice(random.below(numbers.length), 1)[0] ?? 0,
  }));
}

function entryService(random: Random, call: Call): Pick<Entry, "protocol" | "range"> {
  const own = protocolOf(call);
  const protocol = random.weighted({ own: 8, any: 2, other: 1 });
  if (protocol === "any") return { protocol: "-1" };
  const name = protocol === "other" ? one(random, ["tcp", "udp", "icmp", "icmpv6"]) : own;
  const isAnswers = !name.startsWith("icmp") && random.chance(0.3);
  const range = isAnswers
    ? one<Range>(random, [
        [1024, 65_535],
        [40_000, 50_000],
        [50_000, 65_535],
        [32_768, 40_000],
      ])
    : rangeOf(random, name, call.port);
  return { protocol: NUMBERS[name] ?? name, range };
}

function policiesOf(random: Random, calls: readonly Call[], most: number): NetworkPolicy[] {
  return Array.from({ length: 1 + random.below(most) }, (_, i) =>
    policyOf(random, `np${i}`, one(random, calls)),
  );
}

/** For one of the ends of a call. */
function policyOf(random: Random, name: string, call: Call): NetworkPolicy {
  const ends = [call.from, call.to].flatMap((end) => pods.find((pod) => pod.name === end) ?? []);
  const own = random.pick(ends) ?? one(random, pods);
  const rules = (isEgress: boolean): PolicyRule[] =>
    Array.from({ length: random.below(3) }, () => policyRule(random, call, isEgress));
  return {
    namespace: own.namespace,
    name,
    podSelector: random.chance(0.2) ? {} : { matchLabels: { app: own.labels["app"] ?? "" } },
    types: one(random, [["Ingress"], ["Egress"], ["Ingress", "Egress"]] as const),
    ingress: rules(false),
    egress: rules(true),
  };
}

function policyRule(random: Random, call: Call, isEgress: boolean): PolicyRule {
  const peers = Array.from({ length: random.below(3) }, () =>
    policyPeer(random, isEgress ? call.to : call.from, call.family),
  );
  const ranges = random.chance(0.5) ? [] : [policyPort(random, call)];
  return { peers, ports: ranges };
}

function policyPort(random: Random, { protocol, port }: Call): PolicyPort {
  const name = protocol === "udp" ? "UDP" : "TCP";
  return one(random, [
    { protocol: name, port, endPort: undefined },
    { protocol: name, port: Math.max(1, port - 5), endPort: port },
    { protocol: name, port: port + 1, endPort: undefined },
    { protocol: name, port: undefined, endPort: undefined },
  ] as const);
}

function policyPeer(random: Random, other: string, family: 4 | 6): PolicyPeer {
  const pod = pods.find(({ name }) => name === other) ?? one(random, pods);
  const podSelector = random.chance(0.3) ? undefined : { matchLabels: { app: pod.labels["app"] ?? "" } };
  const [namespaceSelector] = one(random, [
    [undefined],
    [{}],
    [{ matchLabels: { name: pod.namespace } }],
  ] as const);
  if (random.chance(0.6) && !(podSelector === undefined && namespaceSelector === undefined))
    return { kind: "pods", podSelector, namespaceSelector };
  const cidr =
    family === 4 ? one(random, ["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "0.0.0.0/0"]) : "::/0";
  return { kind: "block", cidr, except: family === 4 && random.chance(0.3) ? ["10.0.0.0/24"] : [] };
}
