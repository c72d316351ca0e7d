import { readFileSync, rmSync } from "node:fs";
import { cniCommand } from "../cni.ts";
import { run } from "../measure.ts";
import { configFor, createPod, deletePod } from "./sandbox.ts";

/** What one call asks of the kernel, by strace: the runtime's own start is left out. */
export interface Syscalls {
  readonly name: string;
  /** Of the main thread, from the first byte of stdin on, without those of {@link MEMORY}. */
  readonly all: number;
  /** Datagrams to rtnetlink: each is a round trip. */
  readonly netlinkSent: number;
  readonly netlinkReceived: number;
  /** Times that the thread enters a namespace or comes back. */
  readonly setns: number;
  readonly files: number;
}

const STATUS = {
  cniVersion: "1.1.0",
  name: "bench",
  type: "branchline",
  enablePodENI: true,
  serviceCIDRs: [],
  pluginLogFile: "/dev/null",
};
const TRACE = "/tmp/bench.trace";
const FILES = [
  "openat",
  "read",
  "write",
  "close",
  "mkdir",
  "rename",
  "unlink",
  "statx",
  "newfstatat",
  "statfs",
];

/** What the allocator and the garbage collector ask for when they see fit. */
const MEMORY = ["brk", "futex", "getpid", "madvise", "mmap", "mprotect", "munmap"];

/** The branch that it needs. */
export const VLAN = 7;

/** Of so many calls the least counts: the first makes directories, and the allocator reads files when it sees fit. */
const ROUNDS = 3;

export function syscalls(dist: string): Syscalls[] {
  // The first call of all also writes the native library.
  run(cniCommand(`${dist}/branchline`, "STATUS", STATUS));
  return (["direct", "routed"] as const).flatMap((datapath) => {
    const rounds = Array.from({ length: ROUNDS }, () => {
      const pod = createPod("a", VLAN);
      const traced = ["ADD", "DEL"].map((verb) => {
        const command = cniCommand(`${dist}/branchline`, verb, configFor(pod, datapath), pod);
        run({ ...command, argv: ["strace", "-f", "-o", TRACE, ...command.argv] });
        return { name: `${datapath} ${verb}`, ...count(readFileSync(TRACE, "utf8")) };
      });
      rmSync(TRACE);
      deletePod(pod);
      return traced;
    });
    return Object.values(Object.groupBy(rounds.flat(), ({ name }) => name)).flatMap(
      (calls = []) => calls.toSorted((a, b) => a.all - b.all)[0] ?? [],
    );
  });
}

function count(trace: string): Omit<Syscalls, "name"> {
  const lines = trace.split("\n");
  const main = /^\d+/.exec(lines[0] ?? "")?.[0];
  if (main === undefined) throw new Error("strace wrote nothing");
  const calls = lines
    .filter((line) => line.startsWith(`${main} `) && !line.includes(" resumed>"))
    .map((line) => line.slice(main.length).trim());
  const own = calls.slice(calls.findIndex((call) => call.startsWith("read(0,")));
  const named = (...names: string[]) =>
    own.filter((call) => names.some((name) => call.startsWith(`${name}(`))).length;
  return {
    all: own.filter((call) => !call.startsWith("+++")).length - named(...MEMORY),
    netlinkSent: named("sendto"),
    netlinkReceived: named("recvfrom"),
    setns: named("setns"),
    files: named(...FILES),
  };
}
