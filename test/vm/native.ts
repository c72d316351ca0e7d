import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { join } from "node:path";
import { Console } from "./console.ts";
import { GuestError } from "./errors.ts";
import { type Limits, runMachine } from "./machine.ts";
import { repository } from "./repository.ts";

/** A command to run on this machine's own kernel. */
export interface NativeRun extends Limits {
  readonly command: readonly string[];
  readonly onLine?: (line: string) => void;
}

// What a VLAN device takes, tried in a namespace that goes with the process.
const probe = "ip link add name a type veth peer name b && ip link add link a name a.7 type vlan id 7";

/** Throws, in one line, unless this kernel can make VLAN devices and we may. */
export function requireVlan(): void {
  const { status, stderr, error } = spawnSync("unshare", ["--net", "sh", "-c", probe], { encoding: "utf8" });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim().replaceAll("\n", " ");
  throw new Error(`Kernel ${release()} cannot make VLAN devices here (8021q loaded? root?): ${reason}`);
}

/** Runs a command in private mount, network and process namespaces of this kernel; ends all of it at the deadline. */
export async function runNative(run: NativeRun) {
  const console = new Console(run.onLine);
  const namespaces = ["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"];
  const script = join(import.meta.dirname, "guest", "native.sh");
  // The pinned Node first, as in a guest.
  const path = `PATH=${join(repository, "node_modules/.bin")}:${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`;
  const command = ["sh", script, "env", path, ...run.command];
  const ending = await runMachine(["unshare", ...namespaces, ...command], console, run);
  const { code, cut, seconds, error } = ending;
  if (cut !== undefined || code === null) {
    const failure = { abort: "aborted", deadline: "hung", none: "unreported" } as const;
    const how = failure[cut ?? "none"];
    throw new GuestError(how, `The native run ${how} after ${seconds.toFixed(1)} s`, console.lines(30), {
      cause: error,
    });
  }
  return { status: code, release: release(), seconds, console: console.lines() };
}
