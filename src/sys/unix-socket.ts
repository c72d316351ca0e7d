import { closeSync } from "node:fs";
import { Errno, SysError } from "./errno.ts";
import { connect, getsockopt, poll, recvfrom, send, socket } from "./libc.ts";

/** A connection to a Unix socket with a timeout on every wait. Failing calls throw SysError. */
export interface Connection extends Disposable {
  /** The listening process's user, as the kernel reports it (SO_PEERCRED). */
  readonly peerUid: number;
  /** The number of bytes sent; 0 on timeout. */
  send(bytes: Uint8Array, waitMs: number): number;
  /** The bytes received, empty at end of stream; undefined on timeout. */
  receive(waitMs: number): Uint8Array | undefined;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
const POLLOUT = 4;
/** Size of `sun_path` in struct sockaddr_un, including the NUL. */
const MAX_PATH = 108;

const RECEIVE_BUFFER = 64 * 1024;

/** Throws EAGAIN if the listener's backlog is full: the caller tries again later. */
export function openUnixSocket(path: string): Connection {
  const address = addressOf(path);
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  try {
    connect(fd, address);
    const peerUid = readPeerUid(fd);
    const buffer = new Uint8Array(RECEIVE_BUFFER);
    return {
      peerUid,
      send: (bytes, waitMs) => whenReady(fd, POLLOUT, waitMs, () => send(fd, bytes, MSG_NOSIGNAL)) ?? 0,
      receive: (waitMs) =>
        whenReady(fd, POLLIN, waitMs, () => buffer.slice(0, recvfrom(fd, buffer, 0, null, null))),
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** `struct sockaddr_un`. */
function addressOf(path: string): Uint8Array {
  const name = Buffer.from(path);
  if (name.length >= MAX_PATH) throw new SysError("connect", Errno.ENAMETOOLONG);
  const address = new Uint8Array(2 + name.length + 1);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}

/** The user at the other end of a connection, from `struct ucred`: pid, uid, gid. */
export function readPeerUid(fd: number): number {
  const credentials = new Uint8Array(12);
  getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials);
  return new DataView(credentials.buffer).getUint32(4, true);
}

/** Tries at once, which usually succeeds, and again after a wait. */
function whenReady<T>(fd: number, events: number, waitMs: number, action: () => T): T | undefined {
  const done = unlessItWouldWait(action);
  if (done !== undefined || waitMs <= 0) return done;
  return poll(fd, events, Math.ceil(waitMs)) ? unlessItWouldWait(action) : undefined;
}

function unlessItWouldWait<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof SysError && error.errno === Errno.EAGAIN) return undefined;
    throw error;
  }
}
