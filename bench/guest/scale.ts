import { run as runPlugin } from "../../src/cni/run.ts";
import { type Figures, figuresOf } from "../stats.ts";
import { type BenchPod, configFor, createPod, deletePod } from "./sandbox.ts";

/** Whether an ADD takes longer where the trunk has many pods. In process: the start is the same for each. */

/** The pods' addresses end in their VLAN id, and the subnet's first one is its gateway's. */
const FIRST_VLAN = 2;

export interface ScalePoint {
  readonly pods: number;
  readonly addMs: Figures;
  readonly delMs: Figures;
}

export async function scale(counts: readonly number[], rounds: number): Promise<ScalePoint[]> {
  const standing: BenchPod[] = [];
  const points: ScalePoint[] = [];
  for (const pods of counts) {
    while (standing.length < pods - 1) {
      const pod = createPod(`s${standing.length}`, FIRST_VLAN + standing.length);
      await call("ADD", pod);
      standing.push(pod);
    }
    const [add, del]: [number[], number[]] = [[], []];
    for (let round = -2; round < rounds; round++) {
      const pod = createPod("one", 120);
      const added = await call("ADD", pod);
      const deleted = await call("DEL", pod);
      deletePod(pod);
      if (round < 0) continue;
      add.push(added);
      del.push(deleted);
    }
    points.push({ pods, addMs: figuresOf(add), delMs: figuresOf(del) });
  }
  for (const pod of standing) {
    await call("DEL", pod);
    deletePod(pod);
  }
  return points;
}

async function call(verb: string, pod: BenchPod): Promise<number> {
  const said: string[] = [];
  const started = performance.now();
  const status = await runPlugin({
    env: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: pod.containerId,
      CNI_NETNS: pod.netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
    },
    readStdin: () => Buffer.from(JSON.stringify(configFor(pod, "direct"))),
    writeStdout: (text) => said.push(text),
  });
  const took = performance.now() - started;
  if (status !== 0) throw new Error(`${verb}: ${said.join("")}`);
  return took;
}
