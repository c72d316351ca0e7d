import { Budgets } from "../../ec2/budget.ts";
import { Ec2CallError } from "../../ec2/error.ts";
import { Ec2Port } from "../../ec2/port.ts";
import { RateError, readRates } from "../../ec2/rates.ts";
import { RegionError, findRegion } from "../../ec2/region.ts";
import { UsageError, endedBySignal, readFlags } from "../../sys/command-line.ts";
import { systemTimer } from "../../sys/timer.ts";
import { messageOf, stackOf } from "../../text/error-words.ts";
import { quote } from "../../text/json.ts";
import { clusterOf, vpcIdOf } from "../flags.ts";
import { type CleanupOptions, cleanUp } from "./cleanup.ts";

/** `branchline cleanup`: flags, signals, exit. */

const USAGE = `branchline cleanup: deletes the trunks and branches that a cluster has left in EC2, found by their tags alone.

Without --yes it only shows what it would do. With it, it looks twice, and leaves alone what changes in between; it takes
branches off their trunks before it deletes them. It may be run again at any time.

  --cluster NAME      whose interfaces: those with the tags kubernetes.io/cluster/NAME=owned and
                      eks:eni:owner=eks-vpc-resource-controller
  --vpc-id ID         of this VPC only
  --region REGION     (AWS_REGION, else instance metadata)
  --yes               delete
  --include-running   also what belongs to an instance that is not terminated
  --include-young     also what is younger than five minutes, or changes while we look
  --pause SECONDS     between the first two looks, 0 to 3600 (60)
  --timeout MINUTES   for deletions, 1 to 1440 (30)
  --rate API=SIZE/PERSECOND  EC2's bucket for an API, where your account has another; may be given several times

Credentials and endpoint are those of the AWS SDK's environment.

Exit status: 0 when it has shown what it would do, or nothing of the cluster is left; 1 when something is left, which is then
listed with its reason; 2 for arguments that cannot be used; 3 when EC2 could not be asked.
`;

const FLAGS = {
  help: { type: "boolean", default: false },
  cluster: { type: "string" },
  "vpc-id": { type: "string" },
  region: { type: "string" },
  yes: { type: "boolean", default: false },
  "include-running": { type: "boolean", default: false },
  "include-young": { type: "boolean", default: false },
  pause: { type: "string", default: "60" },
  timeout: { type: "string", default: "30" },
  rate: { type: "string", multiple: true, default: [] as string[] },
} as const;

/** Gives the exit status. */
export async function cleanup(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const stop = endedBySignal();
  try {
    const options = await readOptions(args, env);
    if (options === "help") {
      process.stdout.write(USAGE);
      return 0;
    }
    return (await cleanUp(options, stop)) ? 0 : 1;
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof RateError || error instanceof RegionError;
    const isEc2 = error instanceof Ec2CallError;
    const words = isUsage || isEc2 || stop.aborted ? messageOf(error) : stackOf(error);
    const more = isUsage ? "; see branchline cleanup --help" : stop.aborted ? "; run it again to go on" : "";
    process.stderr.write(`branchline cleanup: ${words}${more}\n`);
    if (isUsage) return 2;
    return isEc2 ? 3 : 1;
  }
}

async function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<"help" | CleanupOptions> {
  const flags = readFlags(args, FLAGS);
  if (flags.help) return "help";
  const vpc = vpcIdOf(flags["vpc-id"]);
  const pauseMs = wholeOf("--pause", flags.pause, 0, 3600) * 1000;
  const timeoutMs = wholeOf("--timeout", flags.timeout, 1, 1440) * 60_000;
  const cluster = clusterOf("--cluster", flags.cluster, "whose interfaces?");
  const budgets = new Budgets(systemTimer, readRates(flags.rate));
  const region = await findRegion(flags.region, env);
  return {
    port: new Ec2Port({ budgets, region }),
    cluster,
    vpc,
    yes: flags.yes,
    includeRunning: flags["include-running"],
    includeYoung: flags["include-young"],
    pauseMs,
    timeoutMs,
    timer: systemTimer,
    wallClock: Date.now,
    random: Math.random,
    say: (line) => void process.stdout.write(`${line}\n`),
  };
}

function wholeOf(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : -1;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${flag} ${quote(text)} is no whole number from ${least} to ${most}`);
}
