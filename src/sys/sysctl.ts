import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { errorCode } from "./errno.ts";

/**
 * Kernel parameters in /proc/sys/net, which shows the network namespace of the calling **thread**. Use synchronous calls
 * only: Node runs asynchronous ones on other threads, which stay in the node's namespace.
 *
 * A key is a path (`ipv4/conf/eth0/rp_filter`), since interface names may contain dots.
 */

const HERE = "/proc/sys/net";
/**
 * As the node's first process has it, of the same namespace. A runtime gives a container /proc/sys to read only, also one
 * with the node's network; the agent's sees all processes of the node.
 */
const OF_NODE = "/proc/1/root/proc/sys/net";

/** Bytes; longer values are truncated. */
const LONGEST = 256;

/** The trimmed value, or undefined if this kernel (or interface) lacks the parameter. */
export function readSysctl(key: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(`${HERE}/${key}`, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    // One read is enough: the values read here are numbers.
    const value = Buffer.allocUnsafe(LONGEST);
    return value.toString("latin1", 0, readSync(fd, value)).trim();
  } finally {
    closeSync(fd);
  }
}

/** Writes the value; false if this kernel (or interface) lacks the parameter. */
export function writeSysctl(key: string, value: string): boolean {
  try {
    return write(HERE, key, value);
  } catch (error) {
    if (errorCode(error) !== "EROFS" || !canWrite(OF_NODE, key, value)) throw error;
    return true;
  }
}

function write(directory: string, key: string, value: string): boolean {
  try {
    // "w" implies O_CREAT, which /proc refuses with EACCES for a missing key; "r+" gives ENOENT.
    writeFileSync(`${directory}/${key}`, value, { flag: "r+" });
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Whatever is wrong with this way, the first one's error says more. */
function canWrite(directory: string, key: string, value: string): boolean {
  try {
    return write(directory, key, value);
  } catch {
    return false;
  }
}
