// cnitool, the CNI project's own caller: libcni stands between us and the plugins, as in a runtime.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { sharedCache } from "../setup/cache.ts";
import { podAnnotations, type Network } from "./conflist.ts";
import { run } from "./run.ts";

const cnitoolPath = path.join(sharedCache, "cnitool", "current", "cnitool");

export type Verb = "add" | "check" | "del" | "gc" | "status";

export interface CniCall {
  readonly network: Network;
  /** The namespace's path. */
  readonly netns: string;
  readonly ifName?: string;
  /** CNI_ARGS. */
  readonly args?: Readonly<Record<string, string>>;
  /** The pod's annotations, as containerd passes them; null is what it passes for a pod that has none. */
  readonly annotations?: Readonly<Record<string, string>> | null;
  /** Added to the plugins' environment, which is otherwise PATH alone. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeout?: number;
}

/** The parts of a CNI result that tests look at, of whatever version. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces?: readonly {
    readonly name: string;
    readonly mac?: string;
    readonly mtu?: number;
    readonly sandbox?: string;
  }[];
  readonly ips?: readonly {
    readonly version?: string;
    readonly address: string;
    readonly gateway?: string;
    readonly interface?: number;
  }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
  readonly dns?: unknown;
}

export interface CniAnswer {
  readonly status: number | null;
  /** The chain's result, after a successful add. */
  readonly result: CniResult | undefined;
  /** What cnitool said of a failure: the plugin's `msg; details`. */
  readonly error: string | undefined;
}

/** Calls the whole chain of a network for one verb. */
export async function cnitool(verb: Verb, call: CniCall): Promise<CniAnswer> {
  if (!existsSync(cnitoolPath)) throw new Error(`no ${cnitoolPath}: run test/setup/cnitool.sh`);
  const { network, annotations } = call;
  const outcome = await run([cnitoolPath, verb, network.name, call.netns], {
    timeout: call.timeout ?? 60_000,
    env: {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      NETCONFPATH: network.configDir,
      CNI_PATH: network.pluginPath,
      CNI_IFNAME: call.ifName ?? "eth0",
      CNI_ARGS: Object.entries(call.args ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(";"),
      ...(annotations !== undefined && { CAP_ARGS: JSON.stringify({ [podAnnotations]: annotations }) }),
      ...call.env,
    },
  });
  const failed = outcome.status !== 0;
  return {
    status: outcome.status,
    result: failed ? undefined : resultOf(outcome.stdout),
    error: failed ? errorOf(outcome.stderr + (outcome.timedOut ? "timed out" : "")) : undefined,
  };
}

function resultOf(stdout: string): CniResult | undefined {
  return stdout.trim() === "" ? undefined : JSON.parse(stdout);
}

/** cnitool 1.3.1 wraps the error into its usage text; older ones print it alone. */
function errorOf(stderr: string): string {
  return (/^Error: ([\s\S]*?)\nUsage:/.exec(stderr)?.[1] ?? stderr).trim();
}

/** The container id that cnitool makes of a namespace's path. */
export function containerIdOf(netns: string): string {
  return `cnitool-${createHash("sha512").update(netns).digest("hex").slice(0, 20)}`;
}
