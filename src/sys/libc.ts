import { Errno, SysError } from "./errno.ts";
import { type NativeFunction, koffi } from "./koffi.ts";

/**
 * The few functions of the C library that Node has no call for. Each throws SysError, which carries errno.
 * EINTR is retried here: Node's own signal handlers may interrupt a receive. Not that of poll, whose wait would begin anew.
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
  const library = koffi();
  let native = bound.get(name);
  if (native === undefined) {
    // null: the C library that Node itself is linked with.
    native = library.load(null).func(prototypes[name]);
    bound.set(name, native);
  }
  for (;;) {
    const result = native(...args);
    if (result >= 0) return result;
    const errno = library.errno();
    if (errno !== Errno.EINTR || name === "poll") throw new SysError(name, errno);
  }
}

/** Makes the native library ready, and throws when it cannot be: for callers that want to know beforehand. */
export function probeLibc(): void {
  koffi();
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
 * Receives into `into`; the sender's address goes to `from`, whose true length comes back in `fromLength`. Both null: of a
 * stream it is known who sends.
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

/** `address` is a sockaddr of the socket's family. */
export function connect(fd: number, address: Uint8Array): void {
  call("connect", fd, address, address.length);
}

/** Fills `value` with an option whose size is known. */
export function getsockopt(fd: number, level: number, option: number, value: Uint8Array): void {
  call("getsockopt", fd, level, option, value, new Uint8Array(Uint32Array.of(value.length).buffer));
}

/**
 * Waits until something of `events` can be done without waiting, or is broken; false when the time was up before. A wait
 * that a signal interrupts is over (false): the caller knows what is left of his.
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

/** Takes or frees an advisory lock (sys/file.h LOCK_*); it goes with the last descriptor, also when we are killed. */
export function flock(fd: number, operation: number): void {
  call("flock", fd, operation);
}

/**
 * Ends the process, with _exit(2) when the C library is at hand already: what Node does before it ends (it waits for its
 * threads and frees its heap) takes a millisecond, and the kernel does it anyway. Nothing that is buffered is written.
 */
export function exitAtOnce(status: number): never {
  if (bound.size > 0) call("_exit", status);
  process.exit(status);
}
