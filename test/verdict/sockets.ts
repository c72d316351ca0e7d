// Sockets in many namespaces from one process, without blocking: Node opens its own where it runs, and a process in each
// namespace would take the emulated machine minutes.
import { closeSync, openSync } from "node:fs";
import { koffi } from "../../src/sys/runtime/node.ts";
import type { NativeFunction } from "../../src/sys/runtime/runtime.ts";
import { ipBytes, familyOf } from "../../src/values/ip.ts";

const prototypes = {
  socket: "int socket(int, int, int)",
  setsockopt: "int setsockopt(int, int, int, void *, unsigned int)",
  bind: "int bind(int, void *, unsigned int)",
  listen: "int listen(int, int)",
  accept4: "int accept4(int, void *, void *, int)",
  connect: "int connect(int, void *, unsigned int)",
  send: "long send(int, void *, unsigned long, int)",
  sendto: "long sendto(int, void *, unsigned long, int, void *, unsigned int)",
  recv: "long recv(int, void *, unsigned long, int)",
  recvfrom: "long recvfrom(int, void *, unsigned long, int, void *, void *)",
  poll: "int poll(void *, unsigned long, int)",
  setns: "int setns(int, int)",
};

const bound = new Map<string, NativeFunction>();

/** The result, or minus errno. */
function call(name: keyof typeof prototypes, ...args: (number | Uint8Array | null)[]): number {
  const library = koffi();
  const native = bound.get(name) ?? library.load(null).func(prototypes[name]);
  bound.set(name, native);
  const result = native(...args);
  return result >= 0 ? result : -library.errno();
}

function must(name: keyof typeof prototypes, ...args: (number | Uint8Array | null)[]): number {
  const result = call(name, ...args);
  if (result < 0) throw new Error(`${name}: errno ${-result}`);
  return result;
}

// From the kernel's headers.
const AF = { 4: 2, 6: 10 } as const;
const [SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC] = [1, 2, 0o4000, 0o2000000];
const [SOL_SOCKET, SO_REUSEADDR, IPPROTO_IPV6, IPV6_V6ONLY] = [1, 2, 41, 26];
const [IPPROTO_ICMP, IPPROTO_ICMPV6] = [1, 58];
const CLONE_NEWNET = 0x40000000;
const SO_LINGER = 13;
const EINPROGRESS = 115;
/** What the network, or a rule of the node's, may answer at once: EPERM, EACCES, ENETUNREACH, ECONNREFUSED, EHOSTUNREACH. */
const UNREACHED: readonly number[] = [1, 13, 101, 111, 113];
export const [POLLIN, POLLOUT] = [1, 4];

/** Runs in a namespace: sockets that it opens are there for good. */
export function inNamespace<T>(name: string, run: () => T): T {
  const own = openSync("/proc/thread-self/ns/net", "r");
  const there = openSync(`/run/netns/${name}`, "r");
  try {
    must("setns", there, CLONE_NEWNET);
    try {
      return run();
    } finally {
      must("setns", own, CLONE_NEWNET);
    }
  } finally {
    closeSync(there);
    closeSync(own);
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function sockaddr(address: string, port: number): Uint8Array {
  const family = familyOf(address);
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(AF[family], 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(ipBytes(address), family === 4 ? 4 : 8);
  return bytes;
}

const ONE = new Uint8Array(Int32Array.of(1).buffer);
const ZERO = new Uint8Array(Int32Array.of(0).buffer);

function open(family: 4 | 6, type: number, protocol = 0): number {
  return must("socket", AF[family], type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

/** For both families, at any address. */
export function listenTcp(port: number): number {
  const fd = open(6, SOCK_STREAM);
  must("setsockopt", fd, SOL_SOCKET, SO_REUSEADDR, ONE, ONE.length);
  must("setsockopt", fd, IPPROTO_IPV6, IPV6_V6ONLY, ZERO, ZERO.length);
  const any = sockaddr("::", port);
  must("bind", fd, any, any.length);
  must("listen", fd, 256);
  return fd;
}

/** At one address, so that answers come from it. */
export function serveUdp(address: string, port: number): number {
  const fd = open(familyOf(address), SOCK_DGRAM);
  const own = sockaddr(address, port);
  must("bind", fd, own, own.length);
  return fd;
}

/** struct linger: closed at once, by a reset. */
const NO_LINGER = new Uint8Array(Int32Array.of(1, 0).buffer);

/** The next connection; undefined when there is none. */
export function accept(fd: number): number | undefined {
  const result = call("accept4", fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (result < 0) return undefined;
  must("setsockopt", result, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length);
  return result;
}

/** Begins to connect, from a port if one is given; undefined when it is refused at once. Throws for what is no answer. */
export function connect(
  protocol: "tcp" | "udp" | "icmp",
  address: string,
  port: number,
  from?: number,
): number | undefined {
  const family = familyOf(address);
  const fd =
    protocol === "icmp"
      ? open(family, SOCK_DGRAM, family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)
      : open(family, protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM);
  // Also where the kernel chooses the port: another may be told to take the same, for another destination.
  must("setsockopt", fd, SOL_SOCKET, SO_REUSEADDR, ONE, ONE.length);
  // A connection that waits for its end would keep the port of another attempt at the same call.
  if (protocol === "tcp") must("setsockopt", fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length);
  if (from !== undefined && protocol !== "icmp") {
    const own = sockaddr(family === 4 ? "0.0.0.0" : "::", from);
    must("bind", fd, own, own.length);
  }
  const to = sockaddr(address, port);
  const result = call("connect", fd, to, to.length);
  if (result >= 0 || result === -EINPROGRESS) return fd;
  closeSync(fd);
  if (!UNREACHED.includes(-result)) throw new Error(`connect to ${address}, port ${port}: errno ${-result}`);
  return undefined;
}

/** Whether the kernel took it. Throws for what is no answer. */
export function send(fd: number, bytes: Uint8Array): boolean {
  const result = call("send", fd, bytes, bytes.length, 0);
  if (result < 0 && !UNREACHED.includes(-result)) throw new Error(`send: errno ${-result}`);
  return result >= 0;
}

const buffer = new Uint8Array(2048);

/** What has come: "" at the end of a connection, undefined when there is nothing, "failed" with an error. */
export function receive(fd: number): Uint8Array | undefined | "failed" {
  const length = call("recv", fd, buffer, buffer.length, 0);
  if (length >= 0) return buffer.slice(0, length);
  return length === -11 ? undefined : "failed";
}

/** Sends each datagram that has come back to where it came from, as `answer`. */
export function answerAll(fd: number, answer: Uint8Array): void {
  const from = new Uint8Array(28);
  const size = new Uint8Array(Uint32Array.of(from.length).buffer);
  for (;;) {
    size.set(new Uint8Array(Uint32Array.of(from.length).buffer));
    if (call("recvfrom", fd, buffer, buffer.length, 0, from, size) < 0) return;
    const [length = 0] = new Uint32Array(size.buffer.slice(0));
    call("sendto", fd, answer, answer.length, 0, from, length);
  }
}

/** Which of the descriptors have something for their events, within so many milliseconds: by index, the events. */
export function poll(
  fds: readonly { readonly fd: number; readonly events: number }[],
  timeoutMs: number,
): Map<number, number> {
  const bytes = Buffer.alloc(fds.length * 8);
  for (const [i, { fd, events }] of fds.entries()) {
    bytes.writeInt32LE(fd, i * 8);
    bytes.writeInt16LE(events, i * 8 + 4);
  }
  const ready = new Map<number, number>();
  if (call("poll", bytes, fds.length, timeoutMs) <= 0) return ready;
  for (let i = 0; i < fds.length; i += 1) {
    const events = bytes.readInt16LE(i * 8 + 6);
    if (events !== 0) ready.set(i, events);
  }
  return ready;
}
