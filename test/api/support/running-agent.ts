import { writeFileSync } from "node:fs";
import path from "node:path";
import { RunningPart } from "./running-part.ts";

export interface AgentPlace {
  /** Has bin and net.d; the agent makes state. */
  readonly directory: string;
  /** The node's name. */
  readonly node: string;
  readonly kubeconfig: string;
  readonly args: readonly string[];
  /** What is run, `dist/branchline` unless told; it may be a program that runs it. */
  readonly program?: readonly [string, ...string[]];
  /** Hears each line of stdout. */
  readonly hear?: (line: string) => void;
}

/** `branchline agent` as a process, with directories below one of the test's. */
export class RunningAgent extends RunningPart {
  constructor({ directory, node, kubeconfig, args, program, hear }: AgentPlace) {
    const at = (name: string) => path.join(directory, name);
    writeFileSync(at("entry.json"), JSON.stringify({ serviceCIDRs: [], pluginLogFile: at("plugin.log") }));
    const flags = [
      ["--entry", at("entry.json")],
      ["--node-name", node],
      ["--kubeconfig", kubeconfig],
      ["--cni-bin-dir", at("bin")],
      ["--cni-conf-dir", at("net.d")],
      ["--state-dir", at("state")],
      ["--health-listen", "127.0.0.1:0"],
      ["--metrics-listen", "127.0.0.1:0"],
    ].flat();
    super({
      args: ["agent", ...flags, ...args],
      // Nothing answers there.
      env: { PATH: process.env["PATH"], AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1" },
      ...(program !== undefined && { program }),
      hear,
    });
  }
}
