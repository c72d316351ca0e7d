import { readFileSync, readdirSync } from "node:fs";

/** What a running process has used, by proc(5). */

/** Processor time of its threads in ms, to the nanosecond; /proc/PID/stat has ticks of 10 ms. */
export function cpuMs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const spent = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1"));
  return spent.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e6;
}

/** Resident memory, now (VmRSS) or at most (VmHWM). */
export function memoryMiB(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
}
