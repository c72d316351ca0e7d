// Calls as real packets: all of a world's at once, from sockets of this process in everybody's namespaces.
import { closeSync } from "node:fs";
import { actors, agents, ports } from "./cast.ts";
import type { Cluster } from "./cluster.ts";
import {
  POLLIN,
  POLLOUT,
  accept,
  answerAll,
  connect,
  inNamespace,
  listenTcp,
  poll,
  receive,
  send,
  serveUdp,
} from "./sockets.ts";
import type { Call } from "./world.ts";

/** How long an answer may take: packets take less than a millisecond where nobody drops them. */
export interface Patience {
  readonly milliseconds: number;
  /** Between datagrams; TCP sends again by itself, after a second. */
  readonly againMs?: number;
}

interface Service {
  readonly fd: number;
  readonly name: Buffer;
  readonly isTcp: boolean;
}

interface Try {
  readonly index: number;
  readonly fd: number;
  readonly isTcp: boolean;
  readonly hello: Uint8Array;
  readonly expected: string;
  state: "connecting" | "waiting" | "answered" | "failed";
  sentAt: number;
}

/** One attempt at a call. */
export interface Attempt {
  readonly call: Call;
  /** The caller's port; any when undefined. */
  readonly sourcePort: number | undefined;
}

export class Player {
  readonly #cluster: Cluster;
  readonly #services: Service[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    for (const { name } of actors) {
      const id = Buffer.from(`${name}\n`);
      inNamespace(cluster.netnsOf(name), () => {
        for (const port of ports) {
          this.#services.push({ fd: listenTcp(port), name: id, isTcp: true });
          for (const address of cluster.allAddressesOf(name))
            this.#services.push({ fd: serveUdp(address, port), name: id, isTcp: false });
        }
      });
    }
  }

  close(): void {
    for (const { fd } of this.#services.splice(0)) closeSync(fd);
  }

  /** Whether each was answered, by whom it was meant for; throws when somebody else answers. */
  play(attempts: readonly Attempt[], { milliseconds, againMs = Infinity }: Patience): boolean[] {
    const tries = attempts.flatMap((attempt, index) => this.#begin(attempt, index) ?? []);
    const accepted: number[] = [];
    const end = performance.now() + milliseconds;
    try {
      for (let now = performance.now(); now < end; now = performance.now()) {
        const open = tries.filter(({ state }) => state === "connecting" || state === "waiting");
        if (open.length === 0) break;
        for (const one of open.filter(
          ({ state, isTcp, sentAt }) => !isTcp && state === "waiting" && now - sentAt > againMs,
        )) {
          send(one.fd, one.hello);
          one.sentAt = now;
        }
        const fds = [
          ...this.#services.map(({ fd }) => ({ fd, events: POLLIN })),
          ...open.map(({ fd, state }) => ({ fd, events: state === "connecting" ? POLLOUT : POLLIN })),
        ];
        const ready = poll(fds, Math.min(20, Math.ceil(end - now)));
        for (const i of ready.keys()) {
          const service = this.#services[i];
          if (service === undefined) goOn(open[i - this.#services.length]);
          else serve(service, accepted);
        }
      }
    } finally {
      for (const { fd } of tries) closeSync(fd);
      for (const fd of accepted) closeSync(fd);
    }
    const answered = new Set(tries.filter(({ state }) => state === "answered").map(({ index }) => index));
    return attempts.map((_, index) => answered.has(index));
  }

  #begin({ call, sourcePort }: Attempt, index: number): Try | undefined {
    const { protocol, port } = call;
    const address = this.#addressOf(call);
    const fd = inNamespace(this.#cluster.netnsOf(call.from), () =>
      connect(protocol, address, port, sourcePort),
    );
    if (fd === undefined) return undefined;
    const isTcp = protocol === "tcp";
    const hello = protocol === "icmp" ? echo(call.family) : Buffer.from("who\n");
    if (!isTcp && !send(fd, hello)) {
      closeSync(fd);
      return undefined;
    }
    const expected = protocol === "icmp" ? "" : this.#nameOf(call);
    const state = isTcp ? "connecting" : "waiting";
    return { index, fd, isTcp, hello, expected, state, sentAt: performance.now() };
  }

  #addressOf({ to, by, family }: Call): string {
    if (by === "agent") return agents[to] ?? "";
    const { ipv4, ipv6 } = by === "service" ? this.#cluster.serviceOf(to) : this.#cluster.addressesOf(to);
    return family === 4 ? ipv4 : ipv6;
  }

  /** An agent is a socket of the caller's node. */
  #nameOf({ from, to, by }: Call): string {
    if (by !== "agent") return to;
    const caller = actors.find(({ name }) => name === from);
    return caller?.kind === "pod" ? caller.node : from;
  }
}

/** An echo request's header and a few bytes; the kernel fills in id and checksum. */
function echo(family: 4 | 6): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes[0] = family === 4 ? 8 : 128;
  return bytes;
}

function serve({ fd, name, isTcp }: Service, accepted: number[]): void {
  if (!isTcp) return answerAll(fd, name);
  for (let taken = accept(fd); taken !== undefined; taken = accept(fd)) {
    send(taken, name);
    accepted.push(taken);
  }
}

function goOn(one: Try | undefined): void {
  if (one === undefined) return;
  if (one.state === "connecting") {
    one.state = "waiting";
    return;
  }
  const bytes = receive(one.fd);
  if (bytes === undefined) return;
  if (bytes === "failed") {
    one.state = "failed";
    return;
  }
  const said = one.expected === "" ? "" : Buffer.from(bytes).toString().trim();
  if (said !== one.expected) throw new Error(`${one.expected} was called, and ${said} answered`);
  one.state = "answered";
}
