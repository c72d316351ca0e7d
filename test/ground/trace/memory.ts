// What a stopped thread's arguments point at.
import { closeSync, openSync, readSync, readlinkSync } from "node:fs";
import path from "node:path";
import type { Call, Target } from "./calls.ts";

const AT_FDCWD = -100;
const AF_UNIX = 1;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const IORING_SETUP_SQPOLL = 1 << 1;
/** PATH_MAX. */
const LONGEST_PATH = 4096;

/** One system call of a thread that is stopped at its entry. */
export interface Asked {
  readonly tid: number;
  readonly call: Call;
  readonly args: readonly bigint[];
}

/** Whether it changes anything: opening what is there does not. */
export function isChange({ call, args }: Asked): boolean {
  return call.flags === undefined || (Number(args[call.flags]) & (O_CREAT | O_TRUNC)) !== 0;
}

/** Paths of sockets by what /proc calls them, such as `socket:[1]`: it does not say where they are bound. */
export type Sockets = Map<string, string>;

/**
 * The absolute paths of what it changes; "" for what has none, such as a pipe. Where a socket is bound is kept for the
 * calls that follow.
 */
export function pathsOf({ tid, call, args }: Asked, sockets: Sockets): string[] {
  const argument = (index: number) => args[index] ?? 0n;
  const linkOf = (name: string) => {
    try {
      return readlinkSync(`/proc/${tid}/${name}`);
    } catch {
      // Not open: the call will fail.
      return "";
    }
  };
  const pathOf = (target: Target): string => {
    if ("address" in target) {
      const socket = socketPathAt(tid, argument(target.address));
      sockets.set(linkOf(`fd/${numberOf(argument(0))}`), socket);
      return socket;
    }
    if ("descriptor" in target) {
      const link = linkOf(`fd/${numberOf(argument(target.descriptor))}`);
      return link.startsWith("/") ? link : (sockets.get(link) ?? "");
    }
    const text = textAt(tid, argument(target.path));
    if (text.startsWith("/")) return text;
    const directory = target.at === undefined ? AT_FDCWD : numberOf(argument(target.at));
    return path.join(linkOf(directory === AT_FDCWD ? "cwd" : `fd/${directory}`), text);
  };
  return call.targets.map(pathOf);
}

/** A descriptor is an int: its upper half says nothing. */
function numberOf(argument: bigint): number {
  return Number(BigInt.asIntN(32, argument));
}

/**
 * Whether io_uring_setup makes a ring whose operations need no system call, so that a trace cannot speak for them
 * (IORING_SETUP_SQPOLL). libuv has such a one for files, and others for epoll_ctl alone.
 */
export function isHiding(tid: number, args: readonly bigint[]): boolean {
  const params = bytesAt(tid, args[1] ?? 0n, 12);
  return params.length < 12 || (params.readUInt32LE(8) & IORING_SETUP_SQPOLL) !== 0;
}

function textAt(tid: number, address: bigint): string {
  const bytes = bytesAt(tid, address, LONGEST_PATH);
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end === -1 ? undefined : end).toString();
}

/** The path of a `struct sockaddr_un`; "" for an address of another family. */
function socketPathAt(tid: number, address: bigint): string {
  const bytes = bytesAt(tid, address, 110);
  if (bytes.length < 2 || bytes.readUInt16LE(0) !== AF_UNIX) return "";
  const end = bytes.indexOf(0, 2);
  return bytes.subarray(2, end === -1 ? undefined : end).toString();
}

/** As many as there are before an unmapped page. */
function bytesAt(tid: number, address: bigint, most: number): Buffer {
  const buffer = Buffer.alloc(most);
  const memory = openSync(`/proc/${tid}/mem`, "r");
  try {
    return buffer.subarray(0, readSync(memory, buffer, 0, most, address));
  } catch {
    return buffer.subarray(0, 0);
  } finally {
    closeSync(memory);
  }
}
