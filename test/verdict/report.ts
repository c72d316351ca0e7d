// A disagreement in words, with all of the world that it needs.
import type { Disagreement } from "./compare.ts";
import { actorOf } from "./cast.ts";
import type { Block, Call, Entry, Peer, Range, Rule, World } from "./world.ts";

export function reportOf(seed: number, { call, verdict, packets }: Disagreement, world: World): string {
  const { way } = verdict;
  const path =
    way.kind === "vpc"
      ? `through the VPC, ${way.from.address} → ${way.to.address}${way.notes.map((note) => ` (${note})`).join("")}`
      : `${way.kind === "node" ? "over the node" : "no way"}: ${way.why}`;
  return [
    `world ${seed}: ${callText(call)}`,
    `  the verdict: ${verdict.line}`,
    `  the way: ${path}`,
    `  the packets: ${packets}`,
    "  in a world of",
    ...worldLines(world, call).map((line) => `    ${line}`),
    `  as data: ${JSON.stringify(world)}`,
  ].join("\n");
}

export function callText({ from, to, by, family, protocol, port }: Call): string {
  const service = by === "service" ? "the Service of " : "";
  const what = protocol === "icmp" ? "echo" : `${protocol} ${port}`;
  return `${whoText(from)} → ${service}${by === "agent" ? to : whoText(to)}, ${what} over IPv${family}`;
}

function whoText(name: string): string {
  const actor = actorOf(name);
  if (actor.kind !== "pod") return `${actor.kind} ${name}`;
  return `pod ${name} (${actor.attachment === "none" ? "no branch" : actor.attachment}, ${actor.subnet})`;
}

function worldLines({ rules, groupsOf, lists, acls, demux, policies }: World, call: Call): string[] {
  const concerned = new Set([call.from, call.to, ...[call.from, call.to].map(nodeOf)]);
  return [
    ...Object.entries(groupsOf)
      .filter(([name]) => concerned.has(name))
      .map(([name, groups]) => `${name} has ${groups.join(", ")}`),
    ...rules.map(ruleText),
    ...Object.entries(lists).map(([name, blocks]) => `list ${name}: ${blocks.map(blockText).join(", ")}`),
    ...Object.entries(acls).flatMap(([subnet, entries]) => [
      `ACL of ${subnet}: ${entries.length === 0 ? "no entries" : ""}`,
      ...entries.toSorted((a, b) => a.number - b.number).map(entryText),
    ]),
    ...Object.entries(demux).map(
      ([node, { tcp, udp }]) =>
        `early demultiplexing on ${node}: tcp ${tcp ? "on" : "off"}, udp ${udp ? "on" : "off"}`,
    ),
    ...policies.map((policy) => `NetworkPolicy ${JSON.stringify(policy)}`),
  ];
}

function nodeOf(name: string): string | undefined {
  try {
    const actor = actorOf(name);
    return actor.kind === "pod" ? actor.node : undefined;
  } catch {
    // An agent's.
    return undefined;
  }
}

function ruleText({ group, isEgress, protocol, range, peer }: Rule): string {
  return `${group} ${isEgress ? "out to" : "in from"} ${peerText(peer)}: ${serviceText(protocol, range)}`;
}

function entryText({ number, isEgress, allows, protocol, range, block }: Entry): string {
  return `  ${number} ${isEgress ? "out to" : "in from"} ${blockText(block)}: ${allows ? "allow" : "deny"} ${serviceText(protocol, range)}`;
}

function serviceText(protocol: string, range: Range | undefined): string {
  return range === undefined ? `protocol ${protocol}` : `protocol ${protocol}, ${range.join(" to ")}`;
}

function peerText(peer: Peer): string {
  if ("group" in peer) return peer.group;
  return "list" in peer ? `list ${peer.list}` : blockText(peer.block);
}

function blockText(block: Block): string {
  return "everybody" in block
    ? `everybody over IPv${block.everybody}`
    : `${block.of}'s IPv${block.family}/${block.bits}`;
}
