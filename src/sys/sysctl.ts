import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { errorCode } from "./errno.ts";

/**
 * Kernel parameters below /proc/sys/net, which shows the namespace of the calling **thread**: synchronous calls only,
 * as Node's asynchronous ones run on other threads, which stay in the host's namespace.
 *
 * A key is a path (`ipv4/conf/eth0/rp_filter`), since interface names may hold dots.
 */

/** Bytes; a value that is longer would be cut off. */
const LONGEST = 256;

/** The value, trimmed, or undefined when this kernel (or this interface) has no such parameter. */
export function readSysctl(key: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(`/proc/sys/net/${key}`, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    // One read has it all: what is asked for here is a number.
    const value = Buffer.allocUnsafe(LONGEST);
    return value.toString("latin1", 0, readSync(fd, value)).trim();
  } finally {
    closeSync(fd);
  }
}

/** Writes the value; false when this kernel (or this interface) has no such parameter. */
export function writeSysctl(key: string, value: string): boolean {
  try {
    // r+: opening with "w" would ask for O_CREAT, which /proc refuses with EACCES where the key is missing.
    writeFileSync(`/proc/sys/net/${key}`, value, { flag: "r+" });
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
