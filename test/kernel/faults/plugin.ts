// The plugin as a runtime calls it behind a primary, in process or as the real executable, without a runtime's cost.
import { spawn } from "node:child_process";
import path from "node:path";
import type { Node } from "../../../src/attachment/node.ts";
import { run } from "../../../src/cni/run.ts";
import { distDirectory, netnsPath, podAnnotations, podEni, type CniResult } from "../../ground/index.ts";

export const executable = path.resolve(import.meta.dirname, "../../..", distDirectory, "branchline");

/** One sandbox of a pod. */
export interface Sandbox {
  readonly containerId: string;
  /** Name of its namespace. */
  readonly netns: string;
  readonly uid: string;
  readonly annotation: string;
  /** What the primary answered. */
  readonly prevResult: CniResult;
  readonly logFile: string;
  /** Settings of branchline's entry over the usual ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: number | null;
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  /** What ADD answered. */
  readonly result?: CniResult;
}

export type Verb = "ADD" | "DEL" | "CHECK";

interface CallOptions {
  /** CNI_NETNS is empty, and so is the rest of what a runtime forgets: prevResult. */
  readonly forgotten?: boolean;
}

export function environment(verb: Verb, sandbox: Sandbox, { forgotten = false }: CallOptions = {}) {
  return {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: sandbox.containerId,
    CNI_NETNS: forgotten ? "" : netnsPath(sandbox.netns),
    CNI_IFNAME: "eth0",
    CNI_PATH: "/usr/lib/cni",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${sandbox.uid};K8S_POD_UID=${sandbox.uid}`,
  };
}

export function configuration(sandbox: Sandbox, { forgotten = false }: CallOptions = {}): string {
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "faults",
    type: "branchline",
    enablePodENI: true,
    // There is no agent here, and nothing answers for the gateway.
    missingAnnotation: "pass",
    gatewayTimeout: 0,
    serviceCIDRs: ["172.20.0.0/16", "fd00:20::/108"],
    trunk: { interface: "eth1" },
    pluginLogFile: sandbox.logFile,
    runtimeConfig: { [podAnnotations]: { [podEni]: sandbox.annotation } },
    ...(!forgotten && { prevResult: sandbox.prevResult }),
    ...sandbox.settings,
  });
}

/** One call in this process. */
export async function call(
  node: Node,
  verb: Verb,
  sandbox: Sandbox,
  options: CallOptions = {},
): Promise<Answer> {
  let stdout = "";
  const status = await run({
    env: environment(verb, sandbox, options),
    readStdin: () => Buffer.from(configuration(sandbox, options)),
    writeStdout: (text) => (stdout += text),
    node,
  });
  return { status, ...answerOf(stdout) };
}

/** Like {@link call}, and throws unless it succeeded. */
export async function mustCall(...args: Parameters<typeof call>): Promise<Answer> {
  const answer = await call(...args);
  if (answer.status !== 0) throw new Error(`${args[1]}: ${JSON.stringify(answer)}`);
  return answer;
}

/** One call of the executable; `prefix` is what runs it, such as strace. Killed after two minutes. */
export async function callExecutable(
  verb: Verb,
  sandbox: Sandbox,
  prefix: readonly string[] = [],
): Promise<Answer & { readonly signal: string | null; readonly stderr: string }> {
  const ended = await runExecutable(environment(verb, sandbox), configuration(sandbox), { prefix });
  const { stdout, ...rest } = ended;
  return { ...rest, ...answerOf(stdout) };
}

/** How the executable ended, and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecutableOptions {
  /** What runs it, such as strace. */
  readonly prefix?: readonly string[];
  /** Milliseconds until SIGKILL; two minutes unless told. */
  readonly killAfterMs?: number;
}

/** Runs the executable with nothing in its environment but what is given. */
export function runExecutable(
  env: Readonly<Record<string, string>>,
  stdin: string,
  { prefix = [], killAfterMs = 120_000 }: ExecutableOptions = {},
): Promise<Ended> {
  const [file, ...args] = [...prefix, executable];
  return new Promise((resolve, reject) => {
    const child = spawn(file ?? executable, args, {
      env: { ...env },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: killAfterMs,
      killSignal: "SIGKILL",
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // One that is killed early does not read it.
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

function answerOf(stdout: string): Omit<Answer, "status"> {
  if (stdout === "") return {};
  const document = JSON.parse(stdout) as CniResult & Omit<Answer, "status">;
  if (document.code === undefined) return { result: document };
  const { code, msg = "", details = "" } = document;
  return { code, msg, details };
}
