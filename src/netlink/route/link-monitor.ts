import { closeSync } from "node:fs";
import { Errno, SysError } from "../../sys/errno.ts";
import { recvfrom, send, setsockopt, socket } from "../../sys/libc.ts";
import { decodeMessages, encodeMessage, MessageFlag } from "../message.ts";
import {
  AF_NETLINK,
  MSG_TRUNC,
  NETLINK_ROUTE,
  RECEIVE_BUFFER,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  hostInt,
} from "../transport.ts";
import { RouteMessage } from "./constants.ts";
import { decodeLinkState, listLinks } from "./link.ts";

/** Listens for devices that go down and come up: rtnetlink's group RTNLGRP_LINK (linux/rtnetlink.h). */

const RTNLGRP_LINK = 1;
/** linux/netlink.h. */
const NETLINK_ADD_MEMBERSHIP = 1;
/** asm-generic/socket.h; beyond net.core.rmem_max, with CAP_NET_ADMIN. */
const SO_RCVBUFFORCE = 33;
const MSG_DONTWAIT = 0x40;

/** Bytes. A message about a device takes about 4 KiB of it, and each pod that starts causes about ten. */
const QUEUE = 4 * 1024 * 1024;
/** Datagrams at one look; what is left is heard at the next. */
const MAX_DATAGRAMS = 4096;

export interface Heard {
  /** ifindexes of devices that were down, if only for a moment, and are up again. */
  readonly cameUp: ReadonlySet<number>;
  /**
   * The queue was full, and the kernel dropped what came then (ENOBUFS), or devices came and went while it listed them
   * (NLM_F_DUMP_INTR), and it may have left one out that is down: anything may have happened.
   */
  readonly isIncomplete: boolean;
}

/** The bytes of a datagram; undefined when none is waiting. Throws SysError. */
type Receive = () => Uint8Array | undefined;

export class LinkMonitor implements Disposable {
  readonly #receive: Receive;
  readonly #close: () => void;
  readonly #down = new Set<number>();

  /** By default, a socket in the thread's current namespace. SysError when it cannot be had. */
  constructor({ receive, close } = openMonitor()) {
    this.#receive = receive;
    this.#close = close;
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  /** What happened since the last call. Never waits. */
  heard(): Heard {
    const cameUp = new Set<number>();
    let isIncomplete = false;
    for (let count = 0; count < MAX_DATAGRAMS; count++) {
      let bytes: Uint8Array | undefined;
      try {
        bytes = this.#receive();
      } catch (error) {
        // Only what came while the queue was full is lost; the rest of it is heard at the next look.
        if (error instanceof SysError && error.errno === Errno.ENOBUFS) return { cameUp, isIncomplete: true };
        throw error;
      }
      if (bytes === undefined) break;
      for (const { type, flags, payload } of decodeMessages(bytes)) {
        if ((flags & MessageFlag.DUMP_INTR) !== 0) isIncomplete = true;
        if (type === RouteMessage.NEWLINK) this.#note(decodeLinkState(payload), cameUp);
        // Its ifindex belongs to another device from now on.
        else if (type === RouteMessage.DELLINK) this.#down.delete(decodeLinkState(payload).index);
      }
    }
    return { cameUp, isIncomplete };
  }

  #note({ index, up }: { readonly index: number; readonly up: boolean }, cameUp: Set<number>): void {
    if (!up) this.#down.add(index);
    else if (this.#down.delete(index)) cameUp.add(index);
  }
}

function openMonitor(): { readonly receive: Receive; readonly close: () => void } {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  try {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, hostInt(QUEUE));
    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, hostInt(RTNLGRP_LINK));
    // A socket gets its port with the first message that it sends, and without one it hears nothing (af_netlink.c,
    // do_one_broadcast). The answer says which devices are down now.
    const flags = MessageFlag.REQUEST | MessageFlag.DUMP;
    send(fd, encodeMessage({ ...listLinks(), flags, sequence: 1 }), 0);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const buffer = new Uint8Array(RECEIVE_BUFFER);
  const receive = () => {
    try {
      const length = recvfrom(fd, buffer, MSG_TRUNC | MSG_DONTWAIT, null, null);
      return buffer.slice(0, length);
    } catch (error) {
      if (error instanceof SysError && error.errno === Errno.EAGAIN) return undefined;
      throw error;
    }
  };
  return { receive, close: () => closeSync(fd) };
}
