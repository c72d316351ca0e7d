import { actorOf, isOutside, nodes, ports } from "./cast.ts";
import type { Call, World } from "./world.ts";

/** From which ports a call is tried, so that its answers meet each entry of an ACL that has only some of them. */

/** Linux's own range, and what a node's NAT chooses from. */
const EPHEMERAL = { from: 32_768, to: 60_999 };
const TRANSLATED = { from: 1024, to: 65_535 };

/** Undefined: any that the kernel chooses. */
export function sourcePortsOf({ acls }: World, call: Call): readonly (number | undefined)[] {
  if (call.protocol === "icmp") return [undefined];
  const { from, to } = isTranslated(call) ? TRANSLATED : EPHEMERAL;
  const ranges = Object.values(acls)
    .flat()
    .flatMap(({ range }) => range ?? []);
  const borders = ranges.flatMap((port) => [port, port + 1]).filter((port) => port > from && port <= to);
  if (borders.length === 0) return [undefined];
  // Where no entry has a border between two ports, both have the same fate.
  const starts = [...new Set([from, ...borders])].sort((a, b) => a - b);
  return starts.flatMap((start, i) => {
    const last = (starts[i + 1] ?? to + 1) - 1;
    // A port that is served cannot be a caller's.
    const free = [start, last].find((port) => !ports.includes(port));
    return free ?? [];
  });
}

/** The node's address takes the place of the caller's, and the node keeps a port that is free. */
function isTranslated({ from, to, by, family }: Call): boolean {
  const caller = actorOf(from);
  if (caller.kind !== "pod" || by === "agent" || family === 6 || !isOutside(actorOf(to))) return false;
  if (!nodes.some(({ name, doesNat }) => doesNat && name === caller.node)) return false;
  switch (caller.attachment) {
    case "none":
      return true;
    // By a Service its branch's way is taken before the node looks where it goes.
    case "routed standard":
      return by === "address";
    // By host0.
    case "direct":
      return by === "service";
    case "routed strict":
      return false;
  }
}
