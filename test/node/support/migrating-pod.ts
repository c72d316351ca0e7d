// A pod with a branch that pings through its group until its end.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import type { Branch } from "../../ground/index.ts";
import { STATE } from "./place.ts";

/** Which plugin has attached a pod's branch. */
export type Maker = "aws-cni" | "branchline";

export class MigratingPod {
  readonly name: string;
  readonly branch: Branch;
  readonly netns: string;
  readonly #ping: ChildProcess;
  readonly #remove: () => Promise<void>;
  #said = "";

  constructor(name: string, netns: string, branch: Branch, target: string, remove: () => Promise<void>) {
    this.name = name;
    this.branch = branch;
    this.netns = netns;
    this.#remove = remove;
    const argv = ["KILL", "ip", "netns", "exec", netns, "ping", "-n", "-i", "0.2", target];
    this.#ping = spawn("setpriv", ["--pdeathsig", ...argv], { stdio: ["ignore", "pipe", "inherit"] });
    this.#ping.stdout?.setEncoding("utf8").on("data", (chunk: string) => (this.#said += chunk));
  }

  /** By a record of ours, or by aws-cni's device without one. */
  get maker(): Maker | undefined {
    const records = existsSync(`${STATE}/attachments`) ? readdirSync(`${STATE}/attachments`) : [];
    if (records.some((file) => file.startsWith(`${this.branch.vlanId}:`))) return "branchline";
    return existsSync(`/sys/class/net/vlan.eth.${this.branch.vlanId}`) ? "aws-cni" : undefined;
  }

  /** How many of its pings were answered so far. */
  get answered(): number {
    return [...this.#said.matchAll(/ bytes from /g)].length;
  }

  /** DEL. Gives how many pings were sent, and how many of them were not answered. */
  async end(): Promise<{ readonly sent: number; readonly lost: number }> {
    const closed = once(this.#ping, "close");
    this.#ping.kill("SIGINT");
    await closed;
    await this.#remove();
    const found = /(\d+) packets transmitted, (\d+) received/.exec(this.#said);
    const [, sent = 0, received = 0] = (found ?? []).map(Number);
    return { sent, lost: sent - received };
  }
}
