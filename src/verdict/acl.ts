import { isIn } from "./addresses.ts";
import { echoOf, protocolOf } from "./group-rules.ts";
import type { AclEntry, Flow, NetworkAcl } from "./facts.ts";

/** Whether a subnet's network ACL lets packets pass. The first entry that matches decides, and answers are packets too. */

/** Linux's net.ipv4.ip_local_port_range: where answers go. */
const EPHEMERAL = { from: 32_768, to: 60_999 } as const;

export interface AclRefusal {
  readonly acl: NetworkAcl;
  readonly flow: Flow;
  /** Undefined: no entry matches. */
  readonly entry: AclEntry | undefined;
  readonly isEgress: boolean;
  /** Of the answers, not of the packets themselves. */
  readonly isAnswer: boolean;
  readonly fromPort: number;
  readonly toPort: number;
}

const NUMBERS: Readonly<Record<string, string>> = { icmp: "1", tcp: "6", udp: "17", icmpv6: "58" };

/**
 * The first refusal, if any, of packets that go `isEgress` out of or into the ACL's subnet; of the flow's own packets, or of
 * their answers, whose ports are any of Linux's ephemeral ones.
 */
export function refusalOf(
  acl: NetworkAcl,
  flow: Flow,
  { isEgress, isAnswer }: { readonly isEgress: boolean; readonly isAnswer: boolean },
): AclRefusal | undefined {
  const { from, to } = flow;
  // An entry names the other end: where packets go that leave, where those come from that enter.
  const other = isEgress === isAnswer ? from.address : to.address;
  const name = protocolOf(flow);
  const isEcho = flow.protocol === "icmp";
  const ports = isEcho
    ? echoPorts(name, isAnswer)
    : isAnswer
      ? (flow.answersTo ?? EPHEMERAL)
      : { from: flow.port, to: flow.port };
  const entries = acl.entries.filter(
    (entry) =>
      entry.isEgress === isEgress &&
      (entry.protocol === "-1" || entry.protocol === NUMBERS[name]) &&
      isIn(entry.cidr, other),
  );
  // Each part of the ports between two borders of entries has one entry that decides.
  for (const [first, last] of partsOf(ports, entries)) {
    const entry = entries.find((one) => takes(one, first));
    if (entry?.allows !== true)
      return { acl, flow, entry, isEgress, isAnswer, fromPort: first, toPort: last };
  }
  return undefined;
}

/** The type, which an entry has where others have ports: an answer is an echo reply. */
function echoPorts(name: string, isAnswer: boolean) {
  const reply = name === "icmpv6" ? 129 : 0;
  const type = isAnswer ? reply : echoOf(name);
  return { from: type, to: type };
}

function takes({ protocol, fromPort, toPort }: AclEntry, port: number): boolean {
  if (protocol === "-1" || fromPort === undefined || fromPort === -1) return true;
  // Of ICMP there is a code where others have the last port.
  if (protocol === "1" || protocol === "58") return fromPort === port && (toPort ?? -1) <= 0;
  return fromPort <= port && port <= (toPort ?? fromPort);
}

function partsOf(
  { from, to }: { readonly from: number; readonly to: number },
  entries: readonly AclEntry[],
): readonly (readonly [number, number])[] {
  const borders = entries.flatMap(({ fromPort, toPort }) =>
    fromPort === undefined ? [] : [fromPort, (toPort ?? fromPort) + 1],
  );
  const inside = borders.filter((border) => border > from && border <= to);
  const starts = [...new Set([from, ...inside])].sort((a, b) => a - b);
  return starts.map((start, i) => [start, (starts[i + 1] ?? to + 1) - 1]);
}
