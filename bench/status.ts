// What `branchline status` takes of a large cluster: a real API server and the simulated EC2 beside it, whose pages, buckets and
// latencies are EC2's. status.ts DIST ROUNDS [SHARE]. Prints JSON. SHARE, up to 1, makes the cluster smaller, for a busy machine.
import { spawnSync } from "node:child_process";
import type { BenchCluster } from "./controller/bench-cluster.ts";
import type { StatusFigures, StatusRun } from "./results.ts";
import { figuresOf } from "./stats.ts";
import { largeCluster } from "./status/large-cluster.ts";

const [, , dist = "", rounds = "10", share = "1"] = process.argv;
const part = (count: number) => Math.round(count * Number(share));
const sizes = { nodes: part(1_000), pods: part(20_000), branches: part(2_500) };

const COMMANDS = [
  ["status", "-A"],
  ["status", "-A", "-o", "json"],
  ["status", "-A", "--no-ec2"],
  ["status", "-n", "team-0"],
  ["status", "--node", "n0"],
];

interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMiB: number;
  readonly stdout: string;
}

/** The whole process, by the kernel's account of it (GNU time). */
function sample(args: readonly string[], { cluster }: BenchCluster): Sample {
  const begun = performance.now();
  const { status, stdout, stderr } = spawnSync(
    "/usr/bin/time",
    ["-f", "%U %S %M", `${dist}/branchline`, ...args, "--kubeconfig", cluster.server.adminKubeconfig],
    {
      encoding: "utf8",
      maxBuffer: 256 * 1024 * 1024,
      timeout: 120_000,
      env: {
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "AKIABENCH",
        AWS_SECRET_ACCESS_KEY: "secret",
        AWS_ENDPOINT_URL_EC2: cluster.ec2,
        AWS_EC2_METADATA_DISABLED: "true",
      },
    },
  );
  const wallMs = performance.now() - begun;
  // A policy of the cluster selects nothing: a warning.
  if (status !== 0) throw new Error(`branchline ${args.join(" ")}: exit ${status}: ${stderr}`);
  const [user = 0, system = 0, kib = 0] = (stderr.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  return { wallMs, cpuMs: (user + system) * 1000, peakMiB: kib / 1024, stdout };
}

function measured(args: readonly string[], bench: BenchCluster): StatusRun {
  // The first warms caches.
  const { stdout } = sample(args, bench);
  const samples = Array.from({ length: Number(rounds) }, () => sample(args, bench));
  const run = {
    command: args.join(" "),
    outputBytes: Buffer.byteLength(stdout),
    wallMs: figuresOf(samples.map(({ wallMs }) => wallMs)),
    cpuMs: figuresOf(samples.map(({ cpuMs }) => cpuMs)),
    peakMiB: figuresOf(samples.map(({ peakMiB }) => peakMiB)),
  };
  process.stderr.write(`  ${JSON.stringify(run)}\n`);
  return run;
}

/** It has seen all of the cluster, or its time means nothing. */
function requireWhole(bench: BenchCluster): void {
  const { nodes, pods, problems } = JSON.parse(sample(["status", "-A", "-o", "json"], bench).stdout) as {
    nodes: readonly unknown[];
    pods: readonly { state: string; groupsFrom: string }[];
    problems: readonly { severity: string }[];
  };
  const attached = pods.filter(({ state, groupsFrom }) => state === "attached" && groupsFrom === "ec2");
  const found = [
    nodes.length,
    attached.length,
    problems.filter(({ severity }) => severity === "problem").length,
  ];
  if (String(found) !== String([sizes.nodes, sizes.branches, 0]))
    throw new Error(`status has seen ${found.join(", ")} nodes, attached pods and problems`);
}

await using bench = await largeCluster(sizes);
requireWhole(bench);
const result: StatusFigures = {
  ...sizes,
  podBytes: await bytesOfAPod(bench),
  runs: COMMANDS.map((args) => measured(args, bench)),
};
process.stdout.write(JSON.stringify(result));

/** Of its JSON, on average. */
async function bytesOfAPod({ cluster }: BenchCluster): Promise<number> {
  const items = await cluster.admin.list("/api/v1/namespaces/team-0/pods");
  return Math.round(JSON.stringify(items).length / items.length);
}
