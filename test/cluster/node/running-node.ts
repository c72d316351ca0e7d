// A node's processes: one that is killed takes all others with it.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { kubernetesDirectory } from "../../setup/kubernetes.ts";
import { eventually, must } from "../../ground/run.ts";

const SCRIPT = path.join(import.meta.dirname, "node.sh");
/** Before the id of this process, so that whoever comes later may know whether it still lives. */
const CGROUP_PREFIX = "branchline-node-";
const CGROUPS = path.join(import.meta.dirname, "cgroups.sh");

/** Milliseconds until containerd is up and the images are in. */
const START_MS = 300_000;

export interface NodePlace {
  readonly name: string;
  readonly netns: string;
  /** A directory for what outlives a boot. */
  readonly disk: string;
  readonly images: readonly string[];
}

export class RunningNode {
  readonly #name: string;
  readonly #log: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #cgroup: string;

  private constructor(name: string, log: string, child: ChildProcess, cgroup: string) {
    this.#name = name;
    this.#log = log;
    this.#child = child;
    this.#cgroup = cgroup;
    this.#ended = new Promise((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
  }

  /** Resolves when kubelet has been started. */
  static async start({ name, netns, disk, images }: NodePlace): Promise<RunningNode> {
    const logs = path.join(disk, "log");
    mkdirSync(logs, { recursive: true });
    const file = path.join(logs, "node.log");
    const cgroup = `${CGROUP_PREFIX}${process.pid}-${name}`;
    await cgroups("tidy", CGROUP_PREFIX);
    const log = openSync(file, "w");
    // With -f unshare itself ignores SIGTERM.
    const child = spawn(
      "nsenter",
      [
        [`--net=/run/netns/${netns}`, "setpriv", "--pdeathsig", "KILL"],
        ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"],
        ["--propagation", "private", SCRIPT, name, disk, cgroup, kubernetesDirectory(), ...images],
      ].flat(),
      { stdio: ["ignore", log, log] },
    );
    closeSync(log);
    const node = new RunningNode(name, file, child, cgroup);
    try {
      await eventually(
        `the start of ${name}`,
        () => {
          node.check();
          return node.#said.includes("kubelet and kube-proxy are started") ? true : undefined;
        },
        START_MS,
      );
    } catch (error) {
      await node.kill();
      throw error;
    }
    return node;
  }

  /** Throws if it has ended by itself. */
  check(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new Error(`${this.#name} has ended:\n${this.#said}`);
  }

  get #said(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** The command that runs another one in all of the node's namespaces. */
  inside(argv: readonly [string, ...string[]]): [string, ...string[]] {
    return ["nsenter", "--target", String(this.#first), "--mount", "--net", "--pid", "--uts", "--", ...argv];
  }

  /** The node's first process, which is unshare's child. */
  get #first(): number {
    const pid = this.#child.pid ?? 0;
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return Number(child);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    await cgroups("remove", this.#cgroup);
  }
}

async function cgroups(command: string, name: string): Promise<void> {
  await must(["unshare", "--mount", "--propagation", "private", CGROUPS, command, name]);
}
