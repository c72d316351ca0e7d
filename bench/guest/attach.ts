import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { cniCommand } from "../cni.ts";
import { type Command, type Measured, type Point, measure } from "../measure.ts";
import { type BenchPod, TRUNK, configFor, createPod, deletePod } from "./sandbox.ts";

/** ADD and DEL of a branch by whole processes, against the runtime's floor and against Debian's Go plugins. */

export function attach(dist: string, rounds: number): Measured[] {
  const plugin = `${dist}/branchline`;
  let pod: BenchPod | undefined;
  const living = (): BenchPod => {
    if (pod === undefined) throw new Error("no pod");
    return pod;
  };
  const ours = (datapath: "direct" | "routed"): Point[] => [
    {
      name: `branchline ${datapath} ADD`,
      before: () => {
        pod = createPod("a", 7);
      },
      command: () => cniCommand(plugin, "ADD", configFor(living(), datapath), living()),
    },
    {
      name: `branchline ${datapath} DEL`,
      command: () => cniCommand(plugin, "DEL", configFor(living(), datapath), living()),
      after: () => deletePod(living()),
    },
  ];
  return measure(
    [
      { name: "floor", command: () => ({ argv: [`${dist}/floor`] }) },
      ...ours("direct"),
      ...ours("routed"),
      {
        name: "vlan + static ADD (Go)",
        before: () => {
          pod = createPod("a", 7);
        },
        command: () => vlan("ADD", living()),
      },
      {
        name: "vlan + static DEL (Go)",
        command: () => vlan("DEL", living()),
        after: () => deletePod(living()),
      },
    ],
    rounds,
    2,
  );
}

function vlan(verb: string, pod: BenchPod, vlanId = 8): Command {
  const command = cniCommand(
    "/usr/lib/cni/vlan",
    verb,
    {
      cniVersion: "1.0.0",
      name: "bench",
      type: "vlan",
      master: TRUNK,
      vlanId,
      ipam: {
        type: "static",
        addresses: [{ address: `10.0.2.${vlanId}/24`, gateway: "10.0.2.1" }],
        routes: [{ dst: "10.9.0.0/16" }],
      },
    },
    pod,
  );
  // Beside the primary's eth0, which this plugin knows nothing of.
  return { ...command, env: { ...command.env, CNI_IFNAME: "net1", CNI_PATH: "/usr/lib/cni" } };
}

export interface AtOnce {
  readonly name: string;
  readonly calls: number;
  readonly wallMs: number;
  readonly slowestMs: number;
  /** How much less memory was available at the worst moment. */
  readonly memoryMiB: number;
}

/** So many calls started at the same moment, of each kind in turn. */
export async function atOnce(dist: string, pods: number): Promise<AtOnce[]> {
  const all = Array.from({ length: pods }, (_, i) => createPod(`m${i}`, 10 + i));
  const ours = (verb: string) => (pod: BenchPod) =>
    cniCommand(`${dist}/branchline`, verb, configFor(pod, "direct"), pod);
  const kinds: [string, (pod: BenchPod) => Command][] = [
    ["floor", () => ({ argv: [`${dist}/floor`] })],
    ["branchline direct ADD", ours("ADD")],
    ["branchline direct DEL", ours("DEL")],
    ["vlan + static ADD (Go)", (pod) => vlan("ADD", pod, pod.vlanId)],
    ["vlan + static DEL (Go)", (pod) => vlan("DEL", pod, pod.vlanId)],
  ];
  const results: AtOnce[] = [];
  for (const [name, command] of kinds) results.push({ name, ...(await together(all.map(command))) });
  all.forEach((pod) => deletePod(pod));
  return results;
}

export async function together(commands: readonly Command[]): Promise<Omit<AtOnce, "name">> {
  const before = availableMiB();
  let least = before;
  const watch = setInterval(() => {
    least = Math.min(least, availableMiB());
  }, 20);
  const started = performance.now();
  const times = await Promise.all(commands.map((command) => timed(command)));
  clearInterval(watch);
  return {
    calls: commands.length,
    wallMs: Math.round(performance.now() - started),
    slowestMs: Math.round(Math.max(...times)),
    memoryMiB: Math.round(before - least),
  };
}

function timed({ argv: [file, ...args], env = {}, stdin = "" }: Command): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(file, args, { env: { ...env }, stdio: ["pipe", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    // The floor does not read it.
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(performance.now() - started);
      else reject(new Error(`${file}: exit ${status}: ${said}`));
    });
    child.stdin.end(stdin);
  });
}

function availableMiB(): number {
  const line = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "latin1"));
  return Number(line?.[1] ?? 0) / 1024;
}
