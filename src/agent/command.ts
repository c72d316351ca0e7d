import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { KubernetesClient } from "../kubernetes/client.ts";
import { connectTo } from "../kubernetes/connect.ts";
import { KubeconfigError, loadKubeconfig } from "../kubernetes/kubeconfig.ts";
import { type LogFields, type LogLevel, logLine } from "../text/log-line.ts";
import { quote } from "../text/json.ts";
import { systemTimer } from "../sys/timer.ts";
import { serveHealth } from "../telemetry/health.ts";
import { readListen } from "../telemetry/http.ts";
import { canonicalMac } from "../values/mac.ts";
import { Agent } from "./agent.ts";
import { UsageError, endedBySignal, readFlags } from "../sys/command-line.ts";
import { readDaemonSet } from "./arguments.ts";
import { keepHeapSmall } from "../sys/heap.ts";
import type { AgentOptions } from "./options.ts";
import { EntryError, readEntry } from "./install/entry.ts";
import { messageOf, stackOf } from "../text/error-words.ts";

/** `branchline agent`: flags, signals, exit. */

const USAGE = `branchline agent: keeps a node able to give pods their branches. Runs on every node, as root.

  --node-name NAME             (NODE_NAME)
  --kubeconfig FILE            (KUBECONFIG, else what a pod has)
  --cni-bin-dir DIRECTORY      where the plugin is put (/opt/cni/bin)
  --cni-conf-dir DIRECTORY     where our list is written (/etc/cni/net.d)
  --primary-conf-dir DIRECTORY where the primary plugin writes its list (--cni-conf-dir)
  --state-dir DIRECTORY        (/run/branchline)
  --list-name NAME             of our list; has to come before the primary's (05-branchline.conflist)
  --primary-type TYPE          the plugin that ours follows (aws-cni)
  --entry FILE                 keys of our entry in the list, as JSON
  --unrequested refuse|allow   a pod that a policy selects and that asks for no branch (refuse)
  --network-policies MODE      auto, enforced or ignore: whether something enforces them on the node's veths (auto)
  --trunk-interface NAME       instead of looking for the trunk
  --trunk-mac MAC              likewise
  --daemon-set NAMESPACE/NAME  whose label branchline.dev/uninstall ends all this (none)
  --health-listen ADDRESS:PORT /healthz and /readyz (127.0.0.1:61680)
  --metrics-listen ADDRESS:PORT  /metrics, for Prometheus; :PORT is all addresses of the node (127.0.0.1:61681)
`;

const FLAGS = {
  help: { type: "boolean", default: false },
  "node-name": { type: "string" },
  kubeconfig: { type: "string" },
  "cni-bin-dir": { type: "string", default: "/opt/cni/bin" },
  "cni-conf-dir": { type: "string", default: "/etc/cni/net.d" },
  "primary-conf-dir": { type: "string" },
  "state-dir": { type: "string", default: "/run/branchline" },
  "list-name": { type: "string", default: "05-branchline.conflist" },
  "primary-type": { type: "string", default: "aws-cni" },
  entry: { type: "string" },
  unrequested: { type: "string", default: "refuse" },
  "network-policies": { type: "string", default: "auto" },
  "trunk-interface": { type: "string" },
  "trunk-mac": { type: "string" },
  "daemon-set": { type: "string" },
  "health-listen": { type: "string", default: "127.0.0.1:61680" },
  "metrics-listen": { type: "string", default: "127.0.0.1:61681" },
} as const;

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Becomes the plugin. */
  readonly executable: string;
  readonly version: string;
}

/** Runs until SIGTERM or SIGINT; gives the exit status: 0, 1 for a defect, 2 for arguments and files that cannot be used. */
export async function agent(args: readonly string[], around: Surroundings): Promise<number> {
  const log = (level: LogLevel, message: string, fields: LogFields = {}) =>
    void process.stderr.write(logLine(new Date().toISOString(), level, message, fields));
  const stop = endedBySignal();
  try {
    const options = readOptions(args, around, log);
    if (options === "help") {
      process.stdout.write(USAGE);
      return 0;
    }
    keepHeapSmall();
    const running = new Agent(options.agent, stop);
    await using health = await serveHealth(options.health, running.conditions);
    await using metrics = await running.metrics.serve(options.metrics);
    log("info", `branchline agent ${around.version}`, {
      node: options.agent.nodeName,
      health: health.url,
      metrics: metrics.url,
    });
    await running.run();
    return 0;
  } catch (error) {
    const isUsage =
      error instanceof UsageError || error instanceof KubeconfigError || error instanceof EntryError;
    if (isUsage) process.stderr.write(`branchline agent: ${error.message}; see branchline agent --help\n`);
    else log("error", stackOf(error));
    return isUsage ? 2 : 1;
  }
}

function readOptions(
  args: readonly string[],
  { env, executable, version }: Surroundings,
  log: AgentOptions["log"],
): "help" | { readonly agent: AgentOptions; readonly health: Listen; readonly metrics: Listen } {
  const flags = readFlags(args, FLAGS);
  if (flags.help) return "help";
  const nodeName = flags["node-name"] ?? env["NODE_NAME"] ?? "";
  if (nodeName === "") throw new UsageError("the node has no name: give --node-name or NODE_NAME");
  const listName = flags["list-name"];
  if (!/^[^/.][^/]*\.conflist$/.test(listName)) {
    throw new UsageError(`--list-name ${quote(listName)} is no file name that ends in .conflist`);
  }
  const mac = flags["trunk-mac"];
  if (mac !== undefined && canonicalMac(mac) === undefined) {
    throw new UsageError(`--trunk-mac ${quote(mac)} is no MAC address`);
  }
  const config = loadKubeconfig({ path: flags.kubeconfig }, env);
  return {
    health: listenOf("--health-listen", flags["health-listen"]),
    metrics: listenOf("--metrics-listen", flags["metrics-listen"]),
    agent: {
      version,
      nodeName,
      client: new KubernetesClient(connectTo(config, `branchline-agent/${version}`)),
      executable,
      cniBinDir: flags["cni-bin-dir"],
      cniConfDir: flags["cni-conf-dir"],
      primaryConfDir: flags["primary-conf-dir"] ?? flags["cni-conf-dir"],
      stateDirectory: flags["state-dir"],
      daemonSet: flags["daemon-set"] === undefined ? undefined : readDaemonSet(flags["daemon-set"]),
      listName,
      primaryType: flags["primary-type"],
      entry: {
        ...readEntry(flags.entry === undefined ? undefined : textOf(flags.entry)),
        // The plugin names it when there is no agent any more.
        listFile: resolve(flags["cni-conf-dir"], listName),
      },
      unrequested: oneOf("--unrequested", flags.unrequested, ["refuse", "allow"]),
      networkPolicies: oneOf("--network-policies", flags["network-policies"], ["auto", "enforced", "ignore"]),
      trunkInterface: flags["trunk-interface"],
      trunkMac: mac,
      metadata: env["AWS_EC2_METADATA_SERVICE_ENDPOINT"],
      timer: systemTimer,
      wallClock: Date.now,
      random: Math.random,
      log,
    },
  };
}

type Listen = NonNullable<ReturnType<typeof readListen>>;

function listenOf(flag: string, value: string): Listen {
  const listen = readListen(value);
  if (listen === undefined) throw new UsageError(`${flag} ${quote(value)} is no ADDRESS:PORT`);
  return listen;
}

function oneOf<T extends string>(flag: string, value: string, values: readonly T[]): T {
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new UsageError(`${flag} ${quote(value)} is none of ${values.join(", ")}`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`--entry ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
