import { KubernetesClient } from "../../kubernetes/client.ts";
import { connectTo } from "../../kubernetes/connect.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { KubeconfigError, loadKubeconfig } from "../../kubernetes/kubeconfig.ts";
import { systemTimer } from "../../sys/timer.ts";
import { messageOf, stackOf } from "../../text/error-words.ts";
import { quote } from "../../text/json.ts";
import { UsageError, endedBySignal, readFlags } from "../../sys/command-line.ts";
import { readDaemonSet } from "../arguments.ts";
import { UninstallError, uninstall, type UninstallOptions } from "./uninstall.ts";

/** `branchline uninstall`: flags, signals, exit. */

const USAGE = `branchline uninstall: takes branchline's list away from every node of a cluster. May be run again at any time.

It denies new pods that ask for a branch, waits for those that are about to start, tells the agents by a label of their
DaemonSet, and waits until each node's agent reports that the list is gone. Pods that have a branch keep it. What is then
left to remove is the DaemonSet, as helm uninstall does, which runs this first.

  --kubeconfig FILE            (KUBECONFIG, else what a pod has)
  --context NAME               of the kubeconfig (its current one)
  --daemon-set NAMESPACE/NAME  the agent's (kube-system/branchline-agent)
  --timeout SECONDS            for everything, 1 to 3600 (240)
  --list FILE                  where the list is on each node, for messages (/etc/cni/net.d/05-branchline.conflist)
  --executable FILE            likewise (/opt/cni/bin/branchline)

Exit status: 0 when no node has the list; 1 when that is not so, or not known, and the nodes are named; 2 for arguments
that cannot be used.
`;

const FLAGS = {
  help: { type: "boolean", default: false },
  kubeconfig: { type: "string" },
  context: { type: "string" },
  "daemon-set": { type: "string", default: "kube-system/branchline-agent" },
  timeout: { type: "string", default: "240" },
  list: { type: "string", default: "/etc/cni/net.d/05-branchline.conflist" },
  executable: { type: "string", default: "/opt/cni/bin/branchline" },
} as const;

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}

/** Gives the exit status. */
export async function uninstallCommand(args: readonly string[], around: Surroundings): Promise<number> {
  const stop = endedBySignal();
  try {
    const options = readOptions(args, around);
    if (options === "help") process.stdout.write(USAGE);
    else await uninstall(options, stop);
    return 0;
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof KubeconfigError;
    const isOurs = isUsage || error instanceof UninstallError || error instanceof KubernetesError;
    const words = isOurs ? messageOf(error) : stackOf(error);
    process.stderr.write(
      `branchline uninstall: ${words}${isUsage ? "; see branchline uninstall --help" : ""}\n`,
    );
    return isUsage ? 2 : 1;
  }
}

function readOptions(args: readonly string[], { env, version }: Surroundings): "help" | UninstallOptions {
  const flags = readFlags(args, FLAGS);
  if (flags.help) return "help";
  const daemonSet = readDaemonSet(flags["daemon-set"]);
  const seconds = /^\d{1,4}$/.test(flags.timeout) ? Number(flags.timeout) : 0;
  if (seconds < 1 || seconds > 3600)
    throw new UsageError(`--timeout ${quote(flags.timeout)} is no number of seconds from 1 to 3600`);
  const config = loadKubeconfig({ path: flags.kubeconfig, context: flags.context }, env);
  return {
    client: new KubernetesClient(connectTo(config, `branchline-uninstall/${version}`)),
    daemonSet,
    list: flags.list,
    executable: flags.executable,
    timeoutMs: seconds * 1000,
    timer: systemTimer,
    wallClock: Date.now,
    random: Math.random,
    say: (line) => void process.stdout.write(`${line}\n`),
  };
}
