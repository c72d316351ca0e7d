// Run inside a namespace of its own: `ip netns exec NAME node bench/branch.ts DIST ROUNDS`. Prints JSON.
//
// A whole ADD with a branch on the host's kernel, which may lack 8021q: dist/macvlan/branchline is the plugin with
// macvlans for VLAN devices.
import { mkdirSync, rmSync } from "node:fs";
import { listNamespaces } from "../src/simulator/data-plane/execute.ts";
import { deleteNamespaces } from "../src/simulator/data-plane/vpc-plane.ts";
import { STATE_DIRECTORY } from "../src/state/store.ts";
import { cniCommand } from "./cni.ts";
import { goMacvlan } from "./go-macvlan.ts";
import { type BenchPod, addressOf, configFor, createNode, createPod, deletePod } from "./guest/sandbox.ts";
import { type Command, type Measured, type Point, measure, run } from "./measure.ts";
import { type Built, builtIn } from "./runtimes.ts";

const VLAN = 7;

async function main(dist: string, rounds: number): Promise<Measured[]> {
  // `ip netns exec` gave us mounts of our own: the records of this machine's pods, should it have any, are not ours.
  mkdirSync(STATE_DIRECTORY, { recursive: true, mode: 0o700 });
  run({ argv: ["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", STATE_DIRECTORY] });
  await createNode([VLAN]);
  let pod: BenchPod | undefined;
  const living = (): BenchPod => {
    if (pod === undefined) throw new Error("no pod");
    return pod;
  };
  const add = (name: string, command: (pod: BenchPod) => Command): Point => ({
    name,
    before: () => {
      pod = createPod("a", VLAN);
    },
    command: () => command(living()),
    after: () => {
      // What ADD made on the node for this pod goes by hand: a DEL would take as long again.
      forget(living());
      deletePod(living());
    },
  });
  const ours = ({ by, directory }: Built): Point[] =>
    (["direct", "routed"] as const).map((datapath) =>
      add(`branchline ${datapath} ADD${by}`, (one) =>
        cniCommand(`${directory}/macvlan/branchline`, "ADD", configFor(one, datapath), one),
      ),
    );
  return measure(
    [
      { name: "floor", command: () => ({ argv: [`${dist}/floor`] }) },
      ...builtIn(dist).flatMap(ours),
      add("macvlan + static ADD (Go)", (one) => goMacvlan("ADD", one)),
    ],
    rounds,
    3,
  );
}

/** What is there already, or not there any more, depends on the datapath. */
function forget(pod: BenchPod): void {
  for (const name of ["attachments", "strict.json"]) {
    rmSync(`${STATE_DIRECTORY}/${name}`, { recursive: true, force: true });
  }
  const script = `exec 2>&-
ip link del vlan.eth.${VLAN}
ip route flush table ${VLAN + 100}
for family in -4 -6; do
  ip $family rule flush
  ip $family rule add pref 0 lookup local
  ip $family rule add pref 32766 lookup main
done
ip rule add pref 32767 lookup default
ip rule add pref 512 to ${addressOf(pod)} lookup main
exit 0
`;
  run({ argv: ["sh"], stdin: script });
}

try {
  process.stdout.write(JSON.stringify(await main(process.argv[2] ?? "dist", Number(process.argv[3] ?? 30))));
} finally {
  await deleteNamespaces((await listNamespaces()).filter((name) => name.startsWith("bench-")));
}
