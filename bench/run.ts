// `make bench`: measures, prints tables, writes bench/results/latest.json. `--rounds N` for a quick look; `--part` measures
// one of the parts, which are never compared, and keeps the others' results. `--share 0.2` of the controller's and status' largest cluster.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { runInGuest } from "../test/vm/guest.ts";
import { findKernel } from "../test/vm/kernel.ts";
import type {
  AgentFigures,
  ControllerFigures,
  Results,
  Setting,
  Simulated,
  StatusFigures,
} from "./results.ts";
import { tablesOf } from "./tables.ts";

const root = `${import.meta.dirname}/..`;
const dist = `${root}/dist`;
const NETNS = "branchline-bench";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "30" },
    kernel: { type: "string", default: "6.12" },
    part: { type: "string", default: "all" },
    share: { type: "string", default: "1" },
  },
});
const rounds = Number(values.rounds);

function native(): Omit<Results["native"], keyof Setting> {
  process.stdout.write("native: start-up, an ADD, thirty at once, netlink\n");
  return {
    startup: inNamespace(NETNS, () => script("startup.ts", dist, String(rounds), `/run/netns/${NETNS}`)),
    branch: inNamespace(NETNS, () => script("branch.ts", dist, String(rounds))),
    together: inNamespace(NETNS, () => script("together.ts", dist, String(Math.ceil(rounds / 3)))),
    netlink: inNamespace(NETNS, () => script("netlink.ts", String(rounds))),
  };
}

function simulator(): Simulated {
  process.stdout.write("the simulated EC2\n");
  return here("simulator.ts");
}

function agent(): AgentFigures {
  process.stdout.write("the agent, beside a real API server\n");
  execFileSync(`${root}/test/setup/kubernetes.sh`, ["etcd", "kube-apiserver"], { stdio: "inherit" });
  return here("agent.ts");
}

function controller(): ControllerFigures {
  process.stdout.write("the controller, beside a real API server and the simulated EC2\n");
  execFileSync(`${root}/test/setup/kubernetes.sh`, ["etcd", "kube-apiserver"], { stdio: "inherit" });
  return here("controller.ts", values.share);
}

function largeCluster(): StatusFigures {
  process.stdout.write("status of a large cluster, beside a real API server and the simulated EC2\n");
  execFileSync(`${root}/test/setup/kubernetes.sh`, ["etcd", "kube-apiserver"], { stdio: "inherit" });
  return here("status.ts", values.rounds, values.share);
}

/** Runs one of the scripts here, as it is; it prints JSON. */
function here(file: string, ...args: string[]) {
  const argv = [`${root}/bench/${file}`, dist, ...args];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8" }));
}

function inNamespace<T>(name: string, action: () => T): T {
  execFileSync("ip", ["netns", "add", name]);
  try {
    return action();
  } finally {
    execFileSync("ip", ["netns", "del", name]);
  }
}

/** Runs one of the scripts here in the namespace; it prints JSON. */
function script(file: string, ...args: string[]) {
  const argv = ["netns", "exec", NETNS, process.execPath, `${root}/bench/${file}`, ...args];
  // This kernel may lack 8021q: the VPC's branches are macvlans, as the plugin's are.
  const env = { ...process.env, VLAN_STAND_IN: "macvlan" };
  return JSON.parse(execFileSync("ip", argv, { encoding: "utf8", env }));
}

async function guest(): Promise<Omit<Results["guest"], keyof Setting>> {
  process.stdout.write(`guest, kernel ${values.kernel} under software emulation\n`);
  const outDir = mkdtempSync(`${tmpdir()}/branchline-bench-`);
  try {
    const { status } = await runInGuest({
      kernel: findKernel(values.kernel),
      command: ["node", "bench/guest/main.ts", "dist", "/run/out", String(rounds)],
      cwd: root,
      timeoutMs: 60 * 60_000,
      cpus: 2,
      outDir,
      onLine: (line) => process.stdout.write(`  ${line}\n`),
    });
    if (status !== 0) throw new Error(`the guest's benchmark ended with status ${status}`);
    return JSON.parse(readFileSync(`${outDir}/guest.json`, "utf8"));
  } finally {
    rmSync(outDir, { recursive: true });
  }
}

const file = `${root}/bench/results/latest.json`;
const { part } = values;
if (!["all", "native", "guest", "simulator", "agent", "controller", "status"].includes(part)) {
  process.stderr.write(
    `run.ts: --part "${part}" is not all, native, guest, simulator, agent, controller or status\n`,
  );
  process.exit(2);
}
const setting: Setting = {
  machine: {
    cpu: cpus()[0]?.model.trim() ?? "?",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  },
  date: new Date().toISOString().slice(0, 16),
  rounds,
};
const measures = (one: string): boolean => part === "all" || part === one;
/** What is not measured again. */
const kept = (): Results => JSON.parse(readFileSync(file, "utf8"));
const results: Results = {
  native: measures("native") ? { ...setting, ...native() } : kept().native,
  simulator: measures("simulator") ? { ...setting, ...simulator() } : kept().simulator,
  agent: measures("agent") ? { ...setting, ...agent() } : kept().agent,
  controller: measures("controller") ? { ...setting, ...controller() } : kept().controller,
  status: measures("status") ? { ...setting, ...largeCluster() } : kept().status,
  guest: measures("guest") ? { ...setting, ...(await guest()) } : kept().guest,
};
mkdirSync(`${root}/bench/results`, { recursive: true });
writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
process.stdout.write(`\n${tablesOf(results)}\n`);
