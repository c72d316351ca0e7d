import { Errno, SysError } from "./errno.ts";
import { runtime } from "#runtime";
import type { NativeFunction } from "./runtime/runtime.ts";

/**
 * The C library functions that node:fs and its like do not have. Each throws SysError with the errno.
 * EINTR is retried, since the runtime's signal handlers may interrupt a receive; but not for poll, where a retry would restart
 * the timeout.
 */

const prototypes = {
  socket: "int socket(int, int, int)",
  setsockopt: "int setsockopt(int, int, int, void *, unsigned int)",
  send: "long send(int, void *, unsigned long, int)",
  recvfrom: "long recvfrom(int, void *, unsigned long, int, void *, void *)",
  connect: "int connect(int, void *, unsigned int)",
  getsockopt: "int getsockopt(int, int, int, void *, void *)",
  poll: "int poll(void *, unsigned long, int)",
  setns: "int setns(int, int)",
  flock: "int flock(int, int)",
  _exit: "int _exit(int)",
};

const bound = new Map<string, NativeFunction>();

function call(name: keyof typeof prototypes, ...args: (number | Uint8Array | null)[]): number {
  const library = runtime.library();
  let native = bound.get(name);
  if (native === undefined) {
    native = library.func(prototypes[name]);
    bound.set(name, native);
  }
  for (;;) {
    const result = native(...args);
    if (result >= 0) return result;
    const errno = library.errno();
    if (errno !== Errno.EINTR || name === "poll") throw new SysError(name, errno);
  }
}

/** Loads the native library now, so that the caller gets the error here rather than later. */
export function probeLibc(): void {
  runtime.library();
}

export function socket(domain: number, type: number, protocol: number): number {
  return call("socket", domain, type, protocol);
}

export function setsockopt(fd: number, level: number, option: number, value: Uint8Array): void {
  call("setsockopt", fd, level, option, value, value.length);
}

export function send(fd: number, bytes: Uint8Array, flags: number): number {
  return call("send", fd, bytes, bytes.length, flags);
}

/**
 * Receives into `into`. The sender's address goes to `from` and its length to `fromLength`; both are null for a
 * connected socket.
 */
export function recvfrom(
  fd: number,
  into: Uint8Array,
  flags: number,
  from: Uint8Array | null,
  fromLength: Uint8Array | null,
): number {
  return call("recvfrom", fd, into, into.length, flags, from, fromLength);
}

/** `address` is a sockaddr of the socket's address family. */
export function connect(fd: number, address: Uint8Array): void {
  call("connect", fd, address, address.length);
}

/** Fills `value`, which has the option's size. */
export function getsockopt(fd: number, level: number, option: number, value: Uint8Array): void {
  call("getsockopt", fd, level, option, value, new Uint8Array(Uint32Array.of(value.length).buffer));
}

/**
 * Waits until one of `events` is ready or the descriptor has an error; false on timeout. A signal ends the wait early,
 * also with false: the caller knows its own deadline.
 */
export function poll(fd: number, events: number, milliseconds: number): boolean {
  const entry = new Uint8Array(8);
  const view = new DataView(entry.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, events, true);
  try {
    return call("poll", entry, 1, milliseconds) > 0;
  } catch (error) {
    if (error instanceof SysError && error.errno === Errno.EINTR) return false;
    throw error;
  }
}

/** Moves the calling thread into a namespace of the given kind (CLONE_NEW*). */
export function setns(fd: number, kind: number): void {
  call("setns", fd, kind);
}

/** Takes or releases an advisory lock (sys/file.h LOCK_*). The kernel releases it with the last descriptor, even on SIGKILL. */
export function flock(fd: number, operation: number): void {
  call("flock", fd, operation);
}

/**
 * Ends the process, by _exit(2) if the C library is loaded already: the runtime's own shutdown (joining threads, freeing the
 * heap) takes a millisecond, and the kernel cleans up anyway. Buffered output is lost.
 */
export function exitAtOnce(status: number): never {
  if (bound.size > 0) call("_exit", status);
  process.exit(status);
}
