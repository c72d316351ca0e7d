import { closeSync } from "node:fs";
import { systemClock } from "../sys/clock.ts";
import { Errno, SysError } from "../sys/errno.ts";
import { recvfrom, send, setsockopt, socket } from "../sys/libc.ts";
import { viewOf } from "./attribute.ts";
import { NetlinkProtocolError } from "./error.ts";

/** Carries bytes to and from the kernel. Tests replace it. */
export interface Transport extends Disposable {
  send(bytes: Uint8Array): void;
  /** Receives one datagram. Throws NetlinkProtocolError if none comes in time. */
  receive(): Uint8Array;
}

export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
export const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
export const MSG_TRUNC = 0x20;

/** The kernel puts at most 32 KiB of a dump into one datagram, and less if the reader's buffer is smaller (af_netlink.c). */
export const RECEIVE_BUFFER = 64 * 1024;

/** A round trip takes microseconds; if it takes this long, the RTNL lock is stuck. */
const RECEIVE_TIMEOUT_SECONDS = 10;

/**
 * Opens a netlink socket (by default rtnetlink) in the thread's current namespace, to which it stays bound when the
 * thread leaves. SysError EPROTONOSUPPORT if the kernel lacks the family.
 */
export function openTransport(
  timeoutSeconds: number = RECEIVE_TIMEOUT_SECONDS,
  protocol: number = NETLINK_ROUTE,
): Transport {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  try {
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      setsockopt(fd, SOL_NETLINK, option, hostInt(1));
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval(timeoutSeconds));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const buffer = new Uint8Array(RECEIVE_BUFFER);
  return {
    send(bytes) {
      send(fd, bytes, 0);
    },
    receive: () => receive(fd, buffer, timeoutSeconds),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function receive(fd: number, buffer: Uint8Array, timeoutSeconds: number): Uint8Array {
  const deadline = systemClock.now() + timeoutSeconds * 1000;
  for (;;) {
    const from = new Uint8Array(12);
    let length: number;
    try {
      length = recvfrom(fd, buffer, MSG_TRUNC, from, hostInt(from.length));
    } catch (error) {
      if (error instanceof SysError && error.errno === Errno.EAGAIN) throw unanswered(timeoutSeconds);
      throw error;
    }
    // Any process with CAP_NET_ADMIN in the namespace can send to this socket. Port 0 is the kernel.
    if (viewOf(from).getUint32(4, true) !== 0) {
      // Such messages must not extend the wait.
      if (systemClock.now() >= deadline) throw unanswered(timeoutSeconds);
      continue;
    }
    // With MSG_TRUNC the length is that of the datagram even if it did not fit.
    if (length > buffer.length) throw new NetlinkProtocolError(`an answer of ${length} bytes was cut off`);
    return buffer.slice(0, length);
  }
}

function unanswered(seconds: number): NetlinkProtocolError {
  return new NetlinkProtocolError(`the kernel did not answer within ${seconds} s`);
}

export function hostInt(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** `struct timeval` on a 64-bit machine. */
function timeval(seconds: number): Uint8Array {
  return new Uint8Array(
    BigInt64Array.of(BigInt(Math.floor(seconds)), BigInt(Math.round((seconds % 1) * 1e6))).buffer,
  );
}
