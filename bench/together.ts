// Run inside a namespace of its own: `ip netns exec NAME node bench/together.ts DIST ROUNDS`. Prints JSON.
//
// Thirty pods at once, natively: ADD by whole processes started at the same moment, with macvlans for VLAN devices, against
// Debian's Go plugins that do a part of it.
import { mkdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { listNamespaces } from "../src/simulator/data-plane/execute.ts";
import { deleteNamespaces } from "../src/simulator/data-plane/vpc-plane.ts";
import { STATE_DIRECTORY } from "../src/state/store.ts";
import { cniCommand } from "./cni.ts";
import { goMacvlan } from "./go-macvlan.ts";
import { together } from "./guest/attach.ts";
import { type BenchPod, configFor, createNode, createPod, deletePod } from "./guest/sandbox.ts";
import { type Command, run } from "./measure.ts";
import { builtIn } from "./runtimes.ts";
import { type Figures, figuresOf, pairwise } from "./stats.ts";

const COUNT = 30;
const FIRST_VLAN = 10;
const SETTLED_MS = 1000;

/** So many calls at once, by the rounds. */
export interface Together {
  readonly name: string;
  readonly calls: number;
  readonly wallMs: Figures;
  readonly slowestMs: Figures;
  /** How much less memory was available at the worst moment. */
  readonly memoryMiB: Figures;
  /** Against Go's, round by round. */
  readonly wallRatio: number;
}

interface Kind {
  readonly name: string;
  readonly call: (verb: "ADD" | "DEL", pod: BenchPod) => Command;
}

async function main(dist: string, rounds: number): Promise<Together[]> {
  // `ip netns exec` gave us mounts of our own: the records of this machine's pods, should it have any, are not ours.
  mkdirSync(STATE_DIRECTORY, { recursive: true, mode: 0o700 });
  run({ argv: ["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", STATE_DIRECTORY] });
  const ids = Array.from({ length: COUNT }, (_, i) => FIRST_VLAN + i);
  await createNode(ids);
  const kinds: Kind[] = [
    { name: "macvlan + static ADD (Go)", call: goMacvlan },
    ...builtIn(dist).flatMap(({ by, directory }): Kind[] => [
      { name: `floor${by}`, call: () => ({ argv: [`${directory}/floor`] }) },
      ...(["direct", "routed"] as const).map((datapath): Kind => ({
        name: `branchline ${datapath} ADD${by}`,
        call: (verb, pod) =>
          cniCommand(`${directory}/macvlan/branchline`, verb, configFor(pod, datapath), pod),
      })),
    ]),
  ];
  const samples = kinds.map((kind) => ({
    kind,
    wall: [] as number[],
    slowest: [] as number[],
    memory: [] as number[],
  }));
  // The first round warms caches and does not count.
  for (let round = -1; round < rounds; round++) {
    for (const { kind, wall, slowest, memory } of samples) {
      const pods = ids.map((vlanId) => createPod(`m${vlanId}`, vlanId));
      // Namespaces that are gone give their memory back later, which would hide what the calls take.
      await setTimeout(SETTLED_MS);
      const seen = await together(pods.map((pod) => kind.call("ADD", pod)));
      await together(pods.map((pod) => kind.call("DEL", pod)));
      pods.forEach((pod) => deletePod(pod));
      if (round < 0) continue;
      wall.push(seen.wallMs);
      slowest.push(seen.slowestMs);
      memory.push(seen.memoryMiB);
    }
  }
  const go = samples[0]?.wall ?? [];
  return samples.map(({ kind, wall, slowest, memory }) => ({
    name: kind.name,
    calls: COUNT,
    wallMs: figuresOf(wall),
    slowestMs: figuresOf(slowest),
    memoryMiB: figuresOf(memory),
    wallRatio: pairwise(wall, go, (a, b) => a / b),
  }));
}

try {
  process.stdout.write(JSON.stringify(await main(process.argv[2] ?? "dist", Number(process.argv[3] ?? 10))));
} finally {
  await deleteNamespaces((await listNamespaces()).filter((name) => name.startsWith("bench-")));
}
