import { closeSync, constants, fstatSync, openSync, statfsSync } from "node:fs";
import { Errno, SysError, errorCode } from "../sys/errno.ts";
import { AssetError } from "../sys/asset.ts";
import { setns } from "../sys/libc.ts";

/** Kind of a namespace for setns (linux/sched.h). */
const CLONE_NEWNET = 0x40000000;
/** File system of /proc/PID/ns/* and of what is bound from there (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673;

/** The caller's own network namespace; every thread has one, and the main thread is the only one used here. */
const OWN = "/proc/thread-self/ns/net";

/** A namespace cannot be used. `gone`: it no longer exists, as opposed to a path to something else. */
export class NamespaceError extends Error {
  override name = "NamespaceError";
  readonly path: string;
  readonly gone: boolean;

  constructor(path: string, gone: boolean, reason: string, cause?: unknown) {
    super(`network namespace "${path}" ${reason}`, cause === undefined ? undefined : { cause });
    this.path = path;
    this.gone = gone;
  }
}

/** An open network namespace: it lives at least as long as the descriptor does. */
export interface Namespace extends Disposable {
  readonly path: string;
  readonly fd: number;
  /** The same for the same namespace, whatever path leads to it, until the next boot: `device:inode` on nsfs. */
  readonly identity: string;
}

/**
 * Opens the namespace at a path. NamespaceError `gone` when nothing is there, or only the file on which the namespace
 * was mounted.
 */
export function openNamespace(path: string): Namespace {
  let fd: number;
  try {
    // Never block: opening a FIFO would, until somebody writes to it.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = errorCode(error);
    // ESRCH: the /proc entry of a process that is ending.
    const gone = code === "ENOENT" || code === "ENOTDIR" || code === "ESRCH";
    throw new NamespaceError(path, gone, gone ? "is gone" : `cannot be opened: ${code}`, error);
  }
  try {
    // A path like /proc/1/ns/net is a link to nsfs; the file that `ip netns del` leaves for a moment is not on nsfs.
    if (statfsSync(`/proc/self/fd/${fd}`).type !== NSFS_MAGIC) {
      throw new NamespaceError(path, true, "is gone: only the file it was mounted on is left");
    }
    const { dev, ino } = fstatSync(fd);
    return { path, fd, identity: `${dev}:${ino}`, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    if (error instanceof NamespaceError) throw error;
    throw new NamespaceError(path, false, `cannot be inspected: ${errorCode(error)}`, error);
  }
}

export function openOwnNamespace(): Namespace {
  return openNamespace(OWN);
}

/** The callback must not return a promise: when that settles, the thread has left the namespace. */
export type NotAPromise<T> = T extends PromiseLike<unknown> ? never : T;

/**
 * Runs the callback with the thread inside the namespace and comes back, also when it throws. Sockets opened and
 * sysctls touched **synchronously** in it belong to that namespace; Node's asynchronous calls run on other threads.
 * `home` is the thread's present namespace, for callers that have it open already.
 */
export function inNamespace<T>(namespace: Namespace, callback: () => NotAPromise<T>, home?: Namespace): T {
  using opened = home === undefined ? openOwnNamespace() : undefined;
  const own = home ?? opened;
  if (own === undefined) throw new TypeError("nowhere to come back to");
  try {
    setns(namespace.fd, CLONE_NEWNET);
  } catch (error) {
    if (error instanceof AssetError) throw error;
    const notNetwork = error instanceof SysError && error.errno === Errno.EINVAL;
    throw new NamespaceError(
      namespace.path,
      false,
      notNetwork ? "is not a network namespace" : "cannot be entered",
      error,
    );
  }
  try {
    return callback();
  } finally {
    // If this fails, the process is in the wrong namespace and must not go on: the error ends it.
    setns(own.fd, CLONE_NEWNET);
  }
}
