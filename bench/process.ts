import { readFileSync } from "node:fs";

/** What a running process has used, by proc(5). */

/** USER_HZ, the unit of /proc/PID/stat. */
const TICK_MS = 10;

/** Processor time in ms: utime and stime. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory, now (VmRSS) or at most (VmHWM). */
export function memoryMiB(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
}
