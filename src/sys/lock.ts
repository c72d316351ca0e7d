import { closeSync, openSync } from "node:fs";
import { type Clock, poll } from "./clock.ts";
import { Errno, SysError } from "./errno.ts";
import { flock } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes an exclusive lock on the file, making it if need be, or gives undefined when the wait is over. The kernel frees
 * it with the process, however that ends; the file stays, as removing it would let two holders in.
 */
export function lockFile(path: string, waitMs: number, clock: Clock): Disposable | undefined {
  const fd = openSync(path, "a", 0o600);
  try {
    const taken = poll(clock, waitMs, 10, () => tryLock(fd));
    if (taken === undefined) closeSync(fd);
    return taken === undefined ? undefined : { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function tryLock(fd: number): true | undefined {
  try {
    flock(fd, LOCK_EX | LOCK_NB);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.errno === Errno.EAGAIN) return undefined;
    throw error;
  }
}
