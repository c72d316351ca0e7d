import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { Budgets } from "../ec2/budget.ts";
import { Ec2Port } from "../ec2/port.ts";
import { RateError, readRates } from "../ec2/rates.ts";
import { findRegion, RegionError } from "../ec2/region.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { connectTo } from "../kubernetes/connect.ts";
import { KubeconfigError, loadKubeconfig } from "../kubernetes/kubeconfig.ts";
import { endedBySignal, readFlags, UsageError } from "../sys/command-line.ts";
import { systemTimer } from "../sys/timer.ts";
import { serveHealth } from "../telemetry/health.ts";
import { readListen } from "../telemetry/http.ts";
import { stackOf } from "../text/error-words.ts";
import { quote } from "../text/json.ts";
import { type LogFields, type LogLevel, logLine } from "../text/log-line.ts";
import { Controller } from "./controller.ts";
import { readDuration } from "./duration.ts";
import { clusterOf, vpcIdOf } from "./flags.ts";
import type { ControllerOptions, WebhookOptions } from "./options.ts";
import { readWebhookUrl } from "./webhook-url.ts";

/** `branchline controller`: flags, signals, exit. */

const USAGE = `branchline controller: gives nodes their trunks and pods their branches. Two replicas run in a cluster; one acts.

  --mode MODE                 standalone, or eks: AWS's controller makes trunks and branches (standalone)
  --cluster-name NAME         part of the tags of all that is made (required)
  --vpc-id ID                 only what is in it is the cluster's (that of the first node's instance)
  --region REGION             (AWS_REGION, else instance metadata)
  --kubeconfig FILE           (KUBECONFIG, else what a pod has)
  --leader-elect=BOOL         act only with the Lease branchline-controller (true)
  --lease-namespace NAME      (POD_NAMESPACE, else kube-system)
  --lease-duration DURATION   2s to 2m (15s)
  --cooldown DURATION         from a pod's end to its branch's release, from 30s; the ConfigMap kube-system/amazon-vpc-cni's
                              branch-eni-cooldown counts more (60s)
  --live-groups=BOOL          the groups of living pods follow their policies (true)
  --groups-per-interface N    the account's quota, 1 to 16 (5)
  --warm-target N             branches that wait without a pod on each node that has or had one with a branch; 0: none (2)
  --warm-share PERCENT        of --eni-quota, and of a subnet's free addresses, at most so many wait (10)
  --eni-quota N               the account's quota of network interfaces in the Region (5000)
  --recycle off|same-groups|across-groups
                              a branch whose pod has ended waits for a pod of the same namespace and the same groups; or of
                              other groups too, whom connections that EC2 still tracks can reach (same-groups)
  --refused evict|report      pods that their agent refused because they ask for no branch (evict)
  --escaped evict|report      pods that run without their branch (evict)
  --rate API=SIZE/PERSECOND   EC2's bucket for an API, where your account has another; may be given several times
  --webhook-listen ADDRESS:PORT  the admission webhook; "": none (:9443; with --mode eks none)
  --webhook-url URL           https://HOST:PORT by which API servers reach it, instead of the Service branchline-controller
  --health-listen ADDRESS:PORT   /healthz and /readyz (:8081)
  --metrics-listen ADDRESS:PORT  /metrics, for Prometheus (:8080)

Credentials and endpoint of EC2 are those of the AWS SDK's environment.

Exit status: 0 after SIGTERM or SIGINT; 1 for a defect, or when the Lease is lost; 2 for arguments that cannot be used.
`;

const FLAGS = {
  help: { type: "boolean", default: false },
  mode: { type: "string", default: "standalone" },
  "cluster-name": { type: "string" },
  "vpc-id": { type: "string" },
  region: { type: "string" },
  kubeconfig: { type: "string" },
  "leader-elect": { type: "string", default: "true" },
  "lease-namespace": { type: "string" },
  "lease-duration": { type: "string", default: "15s" },
  cooldown: { type: "string", default: "60s" },
  "live-groups": { type: "string", default: "true" },
  "groups-per-interface": { type: "string", default: "5" },
  "warm-target": { type: "string", default: "2" },
  "warm-share": { type: "string", default: "10" },
  "eni-quota": { type: "string", default: "5000" },
  recycle: { type: "string", default: "same-groups" },
  refused: { type: "string", default: "evict" },
  escaped: { type: "string", default: "evict" },
  rate: { type: "string", multiple: true, default: [] as string[] },
  "webhook-listen": { type: "string" },
  "webhook-url": { type: "string" },
  "health-listen": { type: "string", default: ":8081" },
  "metrics-listen": { type: "string", default: ":8080" },
} as const;

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
}

/** Runs until SIGTERM or SIGINT, or until another leads; gives the exit status. */
export async function controller(args: readonly string[], around: Surroundings): Promise<number> {
  const log = (level: LogLevel, message: string, fields: LogFields = {}) =>
    void process.stderr.write(logLine(new Date().toISOString(), level, message, fields));
  const stop = endedBySignal();
  try {
    const options = await readOptions(args, around, log);
    if (options === "help") {
      process.stdout.write(USAGE);
      return 0;
    }
    const running = new Controller(options.controller, stop);
    await using health = await serveHealth(options.health, running.conditions);
    await using metrics = await running.metrics.serve(options.metrics);
    log("info", `branchline controller ${around.version}`, {
      identity: options.controller.identity,
      health: health.url,
      metrics: metrics.url,
    });
    const lost = await running.run();
    if (lost === undefined) return 0;
    log("error", lost);
    return 1;
  } catch (error) {
    const isUsage =
      error instanceof UsageError ||
      error instanceof KubeconfigError ||
      error instanceof RateError ||
      error instanceof RegionError;
    if (isUsage) {
      process.stderr.write(`branchline controller: ${error.message}; see branchline controller --help\n`);
    } else log("error", stackOf(error));
    return isUsage ? 2 : 1;
  }
}

type Listen = NonNullable<ReturnType<typeof readListen>>;

async function readOptions(
  args: readonly string[],
  { env, version }: Surroundings,
  log: ControllerOptions["log"],
): Promise<
  "help" | { readonly controller: ControllerOptions; readonly health: Listen; readonly metrics: Listen }
> {
  const flags = readFlags(args, FLAGS);
  if (flags.help) return "help";
  const cluster = clusterOf("--cluster-name", flags["cluster-name"], "which cluster?");
  const vpc = vpcIdOf(flags["vpc-id"]);
  const mode = oneOf("--mode", flags.mode, ["standalone", "eks"]);
  const cooldownMs = durationOf("--cooldown", flags.cooldown, 30_000, 86_400_000);
  const durationMs = durationOf("--lease-duration", flags["lease-duration"], 2_000, 120_000);
  const budgets = new Budgets(systemTimer, readRates(flags.rate));
  const isElected = oneOf("--leader-elect", flags["leader-elect"], ["true", "false"]) === "true";
  const namespace = flags["lease-namespace"] ?? env["POD_NAMESPACE"] ?? "kube-system";
  const config = loadKubeconfig({ path: flags.kubeconfig }, env);
  const onCall: ControllerOptions["onCall"] = { ended: () => undefined };
  const newClient = () => new KubernetesClient(connectTo(config, `branchline-controller/${version}`));
  const region = await findRegion(flags.region, env);
  return {
    health: listenOf("--health-listen", flags["health-listen"]),
    metrics: listenOf("--metrics-listen", flags["metrics-listen"]),
    controller: {
      version,
      identity: `${env["POD_NAME"] ?? hostname()}_${randomBytes(4).toString("hex")}`,
      client: newClient(),
      urgentClient: newClient(),
      port: new Ec2Port({ budgets, region, ended: (call) => onCall.ended(call) }),
      budgets,
      cluster,
      vpc,
      mode,
      cooldownMs,
      warm: {
        target: numberOf("--warm-target", flags["warm-target"], 0, 120),
        share: numberOf("--warm-share", flags["warm-share"], 0, 100) / 100,
        quota: numberOf("--eni-quota", flags["eni-quota"], 1, 10_000_000),
        recycle: oneOf("--recycle", flags.recycle, ["off", "same-groups", "across-groups"]),
      },
      lease: isElected ? { namespace, name: "branchline-controller", durationMs } : undefined,
      webhook: webhookOf(flags["webhook-listen"] ?? (mode === "eks" ? "" : ":9443"), {
        url: flags["webhook-url"],
        namespace: env["POD_NAMESPACE"] ?? "kube-system",
      }),
      liveGroups: oneOf("--live-groups", flags["live-groups"], ["true", "false"]) === "true",
      groupsPerInterface: numberOf("--groups-per-interface", flags["groups-per-interface"], 1, 16),
      refused: oneOf("--refused", flags.refused, ["evict", "report"]),
      escaped: oneOf("--escaped", flags.escaped, ["evict", "report"]),
      timer: systemTimer,
      wallClock: Date.now,
      random: Math.random,
      log,
      onCall,
    },
  };
}

function durationOf(flag: string, text: string, least: number, most: number): number {
  const value = readDuration(text);
  if (value !== undefined && value >= least && value <= most) return value;
  throw new UsageError(`${flag} ${quote(text)} is no duration from ${least / 1000}s to ${most / 1000}s`);
}

function numberOf(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,8}$/.test(text) ? Number(text) : -1;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${flag} ${quote(text)} is no whole number from ${least} to ${most}`);
}

function listenOf(flag: string, value: string): Listen {
  const listen = readListen(value);
  if (listen === undefined) throw new UsageError(`${flag} ${quote(value)} is no ADDRESS:PORT`);
  return listen;
}

function webhookOf(
  listen: string,
  { url, namespace }: { readonly url: string | undefined; readonly namespace: string },
): WebhookOptions | undefined {
  const webhookUrl = url === undefined ? undefined : readWebhookUrl(url);
  if (url !== undefined && webhookUrl === undefined)
    throw new UsageError(`--webhook-url ${quote(url)} is no https://HOST:PORT`);
  if (listen === "") return undefined;
  return { listen: listenOf("--webhook-listen", listen), namespace, url: webhookUrl };
}

function oneOf<T extends string>(flag: string, value: string, values: readonly T[]): T {
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new UsageError(`${flag} ${quote(value)} is none of ${values.join(", ")}`);
}
