import { koffi } from "../src/sys/runtime/node.ts";

/** CPU time of ended children, to the microsecond: Node has no call for it. `struct rusage`, sys/resource.h. */

const RUSAGE_CHILDREN = -1;

const getrusage = koffi().load(null).func("int getrusage(int, void *)");

/** Milliseconds of user and system time together, of all children waited for so far. */
export function childrenCpuMs(): number {
  const usage = new BigInt64Array(18);
  getrusage(RUSAGE_CHILDREN, new Uint8Array(usage.buffer));
  const [userSeconds = 0n, userMicros = 0n, systemSeconds = 0n, systemMicros = 0n] = usage;
  return Number(userSeconds + systemSeconds) * 1e3 + Number(userMicros + systemMicros) / 1e3;
}
