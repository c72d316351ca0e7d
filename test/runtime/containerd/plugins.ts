// The directory of CNI plugins that containerd is pointed at: each of the chain has `around` before it, which notes how
// it was called and may be told to do something else.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { debianPlugins } from "../../ground/index.ts";
import { distDirectory } from "../../ground/executable.ts";

const root = path.resolve(import.meta.dirname, "../../..");

const real = {
  "primary-aws": path.join(root, "test/ground/primary-aws"),
  branchline: path.join(root, distDirectory, "branchline"),
  portmap: path.join(debianPlugins, "portmap"),
} as const;
export type Plugin = keyof typeof real;
export type Command = "ADD" | "DEL" | "STATUS";

/** One call of a plugin, as it came. */
export interface PluginCall {
  readonly containerId: string;
  readonly plugin: string;
  readonly command: string;
  /** CNI_NETNS; empty when there is none. */
  readonly netns: string;
  readonly pid: number;
  readonly config: Readonly<Record<string, unknown>> & { readonly prevResult?: object };
}

export class Plugins {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    for (const each of [".real", ".calls", ".faults"]) mkdirSync(path.join(dir, each), { recursive: true });
    for (const [name, file] of Object.entries(real)) {
      symlinkSync(file, path.join(dir, ".real", name));
      copyFileSync(path.join(import.meta.dirname, "around"), path.join(dir, name));
      // A checkout may have lost the bit (an archive, a file share).
      chmodSync(path.join(dir, name), 0o755);
    }
    // containerd brings up lo by it, outside of the chain.
    symlinkSync(path.join(debianPlugins, "loopback"), path.join(dir, "loopback"));
  }

  /** The plugin itself, without what stands before it. */
  real(plugin: Plugin): string {
    return path.join(this.#dir, ".real", plugin);
  }

  /** The calls for a pod so far, in their order. */
  calls(uid: string): PluginCall[] {
    return linesOf(path.join(this.#dir, ".calls", uid)).map((line) => {
      const [containerId = "", plugin = "", command = "", netns = "", pid = "", ...rest] = line.split(" ");
      const config = JSON.parse(rest.join(" ")) as PluginCall["config"];
      return { containerId, plugin, command, netns: netns === "-" ? "" : netns, pid: Number(pid), config };
    });
  }

  /** How often each plugin was called for no pod so far: `STATUS branchline`. */
  nodeCalls(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { plugin, command } of this.calls("node")) {
      const key = `${command} ${plugin}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }

  /** Puts a fault, a piece of shell, before each call of a plugin, until it is disposed of. */
  fault(plugin: Plugin, command: Command, script: string): Disposable {
    const file = path.join(this.#dir, ".faults", `${plugin}.${command}`);
    writeFileSync(file, `${script}\n`);
    return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}
