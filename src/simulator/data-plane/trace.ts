/** What `nft monitor trace` says of packets, in the words of EC2. Pure: lines in, lines out. */

import { OPEN } from "./table.ts";

/** A packet on its way. */
interface Passage {
  /** Whether the filter of this trace has seen it: a second trace's packets are shown by that one. */
  isOurs: boolean;
  readonly lines: string[];
  /** Groups asked on the side that is being decided. */
  asked: string[];
  /** Whether the sender's side has been decided. */
  hasLeft: boolean;
  /** When it was about to be routed, in ms; undefined once it is somewhere. */
  routedAt: number | undefined;
}

/** What has a way is on it within microseconds. */
const LOST_MS = 200;

const LINE =
  /^trace id (\w+) inet (\S+) (\S+) (?:packet: (.*)|(?:rule|(?=unknown rule)) ?(.*) \(verdict (.*)\)|policy (\w+)) ?$/;
const COMMENT = /comment "(sgr-\w+)"/;
const ACL_CHAIN = /^(egress|ingress)_(acl-\S+)$/;
const ACL_COMMENT = /comment "acl-\S+ \S+ (\d+|\*)"/;

export class TraceReader {
  readonly #table: string;
  /** The id of the interface that a device of the VPC's namespace leads to. */
  readonly #eniOf: (device: string) => string;
  readonly #passages = new Map<string, Passage>();

  /** `table` is the one whose rule chooses the packets. */
  constructor(table: string, eniOf: (device: string) => string) {
    this.#table = table;
    this.#eniOf = eniOf;
  }

  /** Takes one line, at a time in ms; gives a packet's whole story when this was its last. */
  read(line: string, now: number): readonly string[] | undefined {
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [, id = "", table = "", chain = "", packet, rule, verdict, policy] = match;
    const passage = this.#passages.get(id) ?? {
      isOurs: false,
      lines: [],
      asked: [],
      hasLeft: false,
      routedAt: undefined,
    };
    this.#passages.set(id, passage);
    if (table === this.#table) {
      if (packet !== undefined) passage.lines.push(this.#headOf(packet));
      if (rule !== undefined) passage.isOurs = true;
      return undefined;
    }
    passage.routedAt = chain === "prerouting" && policy !== undefined ? now : undefined;
    const isOver = this.#follow(passage, chain, { packet, rule, verdict, policy });
    if (!isOver) return undefined;
    this.#passages.delete(id);
    return passage.isOurs ? passage.lines : undefined;
  }

  /** Stories of packets that ended nowhere: their destination is no interface's address. */
  lost(now: number): readonly (readonly string[])[] {
    const lost = [...this.#passages].filter(([, { routedAt = Infinity }]) => now - routedAt >= LOST_MS);
    for (const [id] of lost) this.#passages.delete(id);
    return lost
      .filter(([, { isOurs }]) => isOurs)
      .map(([, { lines }]) => [...lines, "  dropped: no interface of the VPC has this address"]);
  }

  /** Whether this was the packet's end. */
  #follow(
    passage: Passage,
    chain: string,
    said: Record<"packet" | "rule" | "verdict" | "policy", string | undefined>,
  ): boolean {
    const { lines, asked } = passage;
    const { packet, rule, verdict, policy } = said;
    const side = () => (passage.hasLeft ? "in: " : "out:");
    if (chain === "postrouting" && packet !== undefined) {
      lines.push(`  delivered to ${this.#eniOf(deviceIn(packet, "oif"))}`);
    }
    if (chain === "postrouting" && policy !== undefined) return true;
    if (chain === "input" && policy !== undefined) {
      lines.push("  to the router itself, which answers nothing but ARP and neighbour discovery");
      return true;
    }
    if (verdict === undefined || rule === undefined) return false;
    const group = groupOf(verdict.replace("jump ", ""));
    if (group !== undefined && !asked.includes(group)) asked.push(group);
    const asking = groupOf(chain);
    if (asking !== undefined && /^goto (open|tracked)_/.test(verdict)) {
      // nft reads the rules once, when it starts.
      const by = COMMENT.exec(rule)?.[1] ?? "a rule newer than this trace";
      lines.push(`  ${side()} ${asking} allows it by ${by}`);
    } else if (chain === "forward" && rule.startsWith("ct state") && verdict === "accept") {
      lines.push("  it is about a connection that is tracked");
    } else if (rule.includes("ct mark &")) {
      lines.push(`  ${side()} of a connection that is tracked`);
    }
    if (verdict === "goto withheld" || verdict === "goto refused") {
      const groups = asked.length === 0 ? "no group" : `none of ${asked.join(", ")}`;
      lines.push(`  ${side()} ${groups} allows it`);
    }
    if (verdict === "goto denied") lines.push(`  ${denialOf(chain, rule)}`);
    if (verdict === "goto spoofed") {
      lines.push("  source check: the MAC or the address is not the interface's own");
    }
    if (verdict === "goto allowed_out") {
      passage.hasLeft = true;
      passage.asked = [];
    }
    if (verdict === "drop") {
      lines.push("  dropped");
      return true;
    }
    return false;
  }

  #headOf(packet: string): string {
    const value = (name: string) => new RegExp(`(?:^| )${name} (\\S+)`).exec(packet)?.[1];
    const protocol = value("ip protocol") ?? value("ip6 nexthdr") ?? "";
    const kind = value("icmp type") ?? value("icmpv6 type") ?? value("tcp flags ==") ?? "";
    const end = (side: "saddr" | "daddr", port: string | undefined) => {
      const address = value(`ip ${side}`) ?? value(`ip6 ${side}`) ?? "";
      if (port === undefined) return address;
      return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    };
    const from = end("saddr", value("tcp sport") ?? value("udp sport"));
    const to = end("daddr", value("tcp dport") ?? value("udp dport"));
    const words = [protocol, kind].filter((word) => word !== "").join(" ");
    return `${from} -> ${to} ${words}, sent by ${this.#eniOf(deviceIn(packet, "iif"))}`;
  }
}

/** Which entry of a network ACL does not let a packet pass. */
function denialOf(chain: string, rule: string): string {
  const [, direction = "", acl = ""] = ACL_CHAIN.exec(chain) ?? [];
  const number = ACL_COMMENT.exec(rule)?.[1];
  // nft reads the rules once, when it starts.
  if (number === undefined) return `acl: ${acl} denies it by an ${direction} entry newer than this trace`;
  return number === "*"
    ? `acl: no ${direction} entry of ${acl} matches it`
    : `acl: ${acl} denies it by its ${direction} entry ${number}`;
}

/** The group of a chain of rules; undefined for other chains. */
function groupOf(chain: string): string | undefined {
  return new RegExp(`^(?:in|out)_(\\S+?)(?:${OPEN})?$`).exec(chain)?.[1];
}

function deviceIn(packet: string, side: "iif" | "oif"): string {
  return new RegExp(`(?:^| )${side} "([^"]+)"`).exec(packet)?.[1] ?? "";
}
