// Run inside a namespace of its own: `ip netns exec NAME node bench/startup.ts DIST ROUNDS NETNS`. Prints JSON.
//
// What every pod's start pays: the runtime's own start, and what the plugin adds to it. Native: no VLAN is needed.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { STATE_DIRECTORY } from "../src/state/store.ts";
import { poll, systemClock } from "../src/sys/clock.ts";
import { cniCommand } from "./cni.ts";
import { type Measured, type Point, measure, peakMiB, run } from "./measure.ts";
import { builtIn } from "./runtimes.ts";

const PASS_THROUGH = {
  cniVersion: "1.0.0",
  name: "bench",
  enablePodENI: true,
  serviceCIDRs: [],
  pluginLogFile: "/dev/null",
  capabilities: { "io.kubernetes.cri.pod-annotations": true },
  runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "app.kubernetes.io/name": "web" } },
  prevResult: {
    cniVersion: "1.0.0",
    interfaces: [{ name: "eni0" }, { name: "eth0", sandbox: "/run/netns/bench" }],
    ips: [{ address: "10.0.0.50/32", interface: 1 }],
    dns: {},
  },
};

export type Started = Measured & { readonly peakMiB: number };

/** Everything is compared with the first: Node, packed the same way, that does nothing. */
function startup(dist: string, rounds: number, netns: string): Started[] {
  const passThrough = (plugin: string, type: string, missingAnnotation: "ask" | "pass") =>
    cniCommand(plugin, "ADD", { ...PASS_THROUGH, missingAnnotation, type }, { netns });
  const points: Point[] = [
    ...builtIn(dist).map(({ by, directory }) => ({
      name: `floor${by}`,
      command: () => ({ argv: [`${directory}/floor`] as const }),
    })),
    { name: "floor with Node's defaults", command: () => ({ argv: [`${dist}/floor-stock`] }) },
    { name: "node -e 0 (not packed)", command: () => ({ argv: [process.execPath, "-e", "0"] }) },
    ...builtIn(dist).flatMap(({ by, directory }): Point[] => {
      const plugin = `${directory}/branchline`;
      return [
        { name: `branchline VERSION${by}`, command: () => cniCommand(plugin, "VERSION", {}) },
        {
          name: `branchline ADD, pass-through${by}`,
          command: () => passThrough(plugin, "branchline", "pass"),
        },
        // The agent here answers at once: what it takes to ask, and not what it takes to know.
        {
          name: `branchline ADD, pass-through, asking an agent${by}`,
          command: () => passThrough(plugin, "branchline", "ask"),
        },
      ];
    }),
    // It opens the namespace that it is told.
    {
      name: "tuning ADD, pass-through (Go)",
      command: () => passThrough("/usr/lib/cni/tuning", "tuning", "pass"),
    },
  ];
  return measure(points, rounds, 3).map((measured, i) => ({
    ...measured,
    peakMiB: peakMiB(points[i]?.command() ?? { argv: ["true"] }),
  }));
}

/** An agent for which no pod has a branch. */
function startAgent(): Disposable {
  // `ip netns exec` gave us mounts of our own: this machine's agent, should it have one, is not asked.
  mkdirSync(STATE_DIRECTORY, { recursive: true, mode: 0o700 });
  run({ argv: ["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", STATE_DIRECTORY] });
  const socket = `${STATE_DIRECTORY}/agent.sock`;
  const agent = spawn(
    process.execPath,
    [
      `${import.meta.dirname}/../test/ground/scripted-agent.mjs`,
      socket,
      JSON.stringify([{ say: JSON.stringify({ answer: "none" }) }]),
    ],
    { stdio: "ignore" },
  );
  const isThere = poll(systemClock, 10_000, 20, () => (existsSync(socket) ? true : undefined));
  const end = { [Symbol.dispose]: () => void agent.kill("SIGKILL") };
  if (isThere === true) return end;
  end[Symbol.dispose]();
  throw new Error("the agent did not start");
}

const [dist = "dist", rounds = "30", netns = ""] = process.argv.slice(2);
using _agent = startAgent();
process.stdout.write(JSON.stringify(startup(dist, Number(rounds), netns)));
