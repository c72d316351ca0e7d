// What reaches what with each datapath and mode, and whose security groups decided: observed, made into the table of
// docs/datapaths.md, and held against the one that is committed. To take the table as it is observed now:
//
//     node test/vm/exec.ts --kernel 6.12 --env UPDATE_MATRIX=1 --out .cache/matrix -- \
//       node node_modules/vitest/vitest.mjs run --project kernel test/kernel/matrix
//     cp .cache/matrix/datapaths.md docs/datapaths.md
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec, ping } from "../../ground/index.ts";
import type { Agent, Target } from "./agent.ts";
import { splitPage, tableOf, type Row } from "./table.ts";
import { callsOf } from "./calls.ts";
import {
  World,
  agentIp,
  clusterIp,
  families,
  kinds,
  nodeIp,
  ports,
  regularIp,
  type Kind,
  type Subject,
} from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await World.open();
}, 300_000);

afterAll(async () => {
  writeFileSync(demux, "1");
  await world.close();
});

const TRIES = 100;
const FEW = 5;
/** What answers does so in milliseconds; longer for a slow machine, where a first packet may have to be sent again. */
const PATIENCE_MS = 15_000;
/** What is closed costs all of them: a first try, then a hundred at once. */
const FIRST_MS = 5_000;
const CLOSED_MS = 1_500;

const demux = "/proc/sys/net/ipv4/tcp_early_demux";

interface Flow {
  readonly what: string;
  readonly from: (subject: Subject, kind: Kind) => Agent;
  readonly to: (subject: Subject, port: number) => Target;
  /** The kernel lets a packet through now and then: closed is a door that answers no more than one in ten. */
  readonly isLeaky?: boolean;
}

const toPod = ({ branch }: Subject, port: number): Target => ({ host: branch.ipv4 ?? "", port });

const flows: readonly Flow[] = [
  {
    what: "another pod with a branch, on the same node → the pod",
    from: (_, kind) => of(world.neighbours, kind).agent,
    to: toPod,
  },
  { what: "a pod without a branch, on the same node → the pod", from: () => world.regular, to: toPod },
  { what: "a pod on another node → the pod", from: () => world.far, to: toPod },
  { what: "a machine in the VPC → the pod", from: () => world.machine, to: toPod },
  {
    what: "the pod → a ClusterIP Service",
    from: ({ agent }) => agent,
    to: (_, port) => ({ host: clusterIp.ipv4, port }),
  },
  {
    what: "the pod → its own Service, itself the endpoint",
    from: ({ agent }) => agent,
    to: ({ ownService }, port) => ({ host: ownService.ipv4, port }),
  },
  {
    what: "the pod → an agent on the node (169.254.170.23)",
    from: ({ agent }) => agent,
    to: (_, port) => ({ host: agentIp.ipv4, port }),
  },
  {
    what: "the pod → the internet, where the node does NAT",
    from: ({ agent }) => agent,
    to: (_, port) => ({ host: world.internetHost.ipv4 ?? "", port }),
  },
  {
    what: "a machine in the VPC → the primary's address",
    from: () => world.machine,
    to: ({ primary }, port) => ({ host: primary.ipv4, port }),
  },
  {
    what: "an application bound to the primary's address → a machine in the VPC",
    from: ({ agent }) => agent,
    to: ({ primary }, port) => ({ host: world.machineHost.ipv4 ?? "", port, localAddress: primary.ipv4 }),
  },
];

const toClusterNodePort = ({ clusterNodePort }: Subject, port: number): Target => ({
  host: nodeIp.ipv4,
  port: clusterNodePort(port),
});

const nodePortFlows: readonly Flow[] = [
  {
    what: "a node port, `externalTrafficPolicy: Local` → the pod",
    from: () => world.machine,
    to: ({ nodePort }, port) => ({ host: nodeIp.ipv4, port: nodePort(port) }),
  },
  {
    what: "a node port, `Cluster`: a machine in another subnet → the pod",
    from: () => world.elsewhere,
    to: toClusterNodePort,
  },
  {
    what: "a node port, `Cluster`: a machine in the branch's own subnet → the pod",
    from: () => world.machine,
    to: toClusterNodePort,
  },
];

const toHostPort = ({ hostPort }: Subject, port: number): Target => ({
  host: nodeIp.ipv4,
  port: hostPort(port),
});

/** Observed last: what the node sends to itself leaves connections that a probe's may be told from by another port only. */
const hostPortFlows: readonly Flow[] = [
  { what: "a host port: a machine in another subnet → the pod", from: () => world.elsewhere, to: toHostPort },
  {
    what: "a host port: a machine in the branch's own subnet → the pod",
    from: () => world.machine,
    to: toHostPort,
  },
  { what: "a host port: the node itself → the pod", from: () => world.node, to: toHostPort },
  {
    what: "a host port: a pod without a branch, on the node → the pod",
    from: () => world.regular,
    to: toHostPort,
  },
  {
    what: "a host port: another pod with a branch, on the node → the pod",
    from: (_, kind) => of(world.neighbours, kind).agent,
    to: toHostPort,
  },
];

const policed: readonly Flow[] = [
  {
    what: "a NetworkPolicy on the node's end of the veth: what comes in",
    from: () => world.machine,
    to: toPod,
  },
  {
    what: "a NetworkPolicy on the node's end of the veth: what the pod sends",
    from: ({ agent }) => agent,
    to: (_, port) => ({ host: world.machineHost.ipv4 ?? "", port }),
  },
];

const probe: Flow = { what: "kubelet's probe (TCP, HTTP) → the pod", from: () => world.node, to: toPod };

function of(subjects: ReadonlyMap<Kind, Subject>, kind: Kind): Subject {
  const found = subjects.get(kind);
  if (found === undefined) throw new Error(`no pod of kind ${kind}`);
  return found;
}

async function inPortions(agent: Agent, target: Target): Promise<number> {
  const portion = 25;
  let answered = 0;
  for (let tried = 0; tried < TRIES; tried += portion)
    answered += (await agent.try(target, portion, PATIENCE_MS)).answered;
  return answered;
}

/** One door: a port of one flow of one kind of pod. */
interface Door {
  readonly name: string;
  readonly agent: Agent;
  readonly target: Target;
  readonly isLeaky: boolean;
  readonly isLossy: boolean;
}

/**
 * In strict mode the node's conntrack sees a host port's connection twice, before and after its way through the VPC, and
 * drops the few whose ports meet those of another (amazon-vpc-cni-k8s, 3675).
 */
function mayLose({ what }: Flow, kind: Kind): boolean {
  return kind === "routed, strict" && hostPortFlows.some((flow) => flow.what === what);
}

function doorsOf(flow: Flow, kind: Kind, subjects = world.subjects): Door[] {
  const { what, from, to, isLeaky = false } = flow;
  const subject = of(subjects, kind);
  return Object.values(ports).map((port) => ({
    name: `${kind}: ${what}, port ${port}`,
    agent: from(subject, kind),
    target: to(subject, port),
    isLeaky,
    isLossy: mayLose(flow, kind),
  }));
}

/**
 * Whether a door is open: all of a hundred are answered, or none. Where one that was given time was not answered, none of
 * the hundred is, at once; some answered all the same only means that the machine was slow, and gets all its time.
 */
async function isOpen(
  { name, agent, target, isLeaky, isLossy }: Door,
  wasAnswered: boolean,
): Promise<boolean> {
  if (!wasAnswered && (await agent.try(target, TRIES, CLOSED_MS)).answered === 0) return false;
  const answered = await inPortions(agent, target);
  if (answered >= (isLossy ? TRIES * 0.9 : TRIES)) return true;
  if (isLeaky && answered <= TRIES / 10) return false;
  throw new Error(`${name}: ${answered} of ${TRIES} were answered`);
}

/** By whether the ports for the pod's group, the node's, nobody and both are open. */
const meanings: Readonly<Record<string, string>> = {
  "0000": "no",
  "1001": "yes: the pod's",
  "0101": "yes: the node's",
  "0001": "yes: both",
  "1111": "yes: none",
};

function meaningOf(open: readonly boolean[]): string {
  const pattern = open.map((one) => (one ? "1" : "0")).join("");
  return meanings[pattern] ?? `ports 8001 to 8004: ${pattern}`;
}

/** A row for each flow, a cell for each kind of pod. */
async function observe(all: readonly Flow[], subjects = world.subjects): Promise<Row[]> {
  // One try of each door first, all at once, because it is the closed ones that take time.
  const firsts = await Promise.all(
    all.map((flow) =>
      Promise.all(
        kinds.map((kind) =>
          Promise.all(
            doorsOf(flow, kind, subjects).map(async (door) => ({
              door,
              wasAnswered: (await door.agent.try(door.target, 1, FIRST_MS)).answered === 1,
            })),
          ),
        ),
      ),
    ),
  );
  const found: Row[] = [];
  for (const [i, { what }] of all.entries()) {
    const cells = await Promise.all(
      (firsts[i] ?? []).map(async (doors) => {
        const open = await Promise.all(doors.map(({ door, wasAnswered }) => isOpen(door, wasAnswered)));
        return meaningOf(open);
      }),
    );
    found.push({ what, cells });
  }
  return found;
}

/**
 * The rows that are different where the node's reverse-path filter is strict; that the others are the same takes only a
 * few tries of each door, all at once.
 */
async function observeOnStrictNode(all: readonly Flow[], usual: readonly Row[]): Promise<Row[]> {
  const found = await Promise.all(
    all.map(async (flow) => {
      const cells = await Promise.all(
        kinds.map(async (kind) => {
          const doors = doorsOf(flow, kind, world.onStrictNode);
          const tries = await Promise.all(doors.map(({ agent, target }) => agent.try(target, FEW, FIRST_MS)));
          return meaningOf(tries.map(({ answered }) => answered > 0));
        }),
      );
      return { flow, cells };
    }),
  );
  const others = found.filter(({ cells }, i) => cells.join() !== usual[i]?.cells.join());
  return observe(
    others.map(({ flow }) => ({ ...flow, what: `${flow.what}, strict \`rp_filter\`` })),
    world.onStrictNode,
  );
}

const rows: Row[] = [];

test("who reaches whom, and whose groups decide", async () => {
  // It may be tried again.
  rows.length = 0;
  rows.push(...(await observe([...flows, ...nodePortFlows])));
  for (const value of ["1", "0"]) {
    writeFileSync(demux, value);
    const state = `\`tcp_early_demux\` ${value === "1" ? "on" : "off"}`;
    rows.push(...(await observe([{ ...probe, what: `${probe.what}, ${state}`, isLeaky: value === "1" }])));
  }
  writeFileSync(demux, "1");
  const inMesh = { ...probe, what: "kubelet's probe from 169.254.7.127 (Istio ambient) → the pod" };
  rows.push(...(await world.inMesh(() => observe([inMesh]))));
  rows.push(...(await observe(hostPortFlows)));
  const cells = rows.flatMap((row) => row.cells);
  expect(cells.filter((cell) => !Object.values(meanings).includes(cell))).toEqual([]);
  expect(cells).toHaveLength((flows.length + nodePortFlows.length + 3 + hostPortFlows.length) * kinds.length);
}, 300_000);

test("node ports and host ports where the node's reverse-path filter is strict", async () => {
  const wanted = [...nodePortFlows, ...hostPortFlows];
  const usual = wanted.flatMap(({ what }) => rows.filter((row) => row.what === what));
  expect(usual).toHaveLength(wanted.length);
  await world.ground.vpc.setReversePathFilter("strict");
  try {
    rows.push(...(await observeOnStrictNode(wanted, usual)));
  } finally {
    await world.ground.vpc.setReversePathFilter("eks");
  }
}, 120_000);

test("whom a NetworkPolicy that is enforced on the node's end of the veth takes hold of", async () => {
  const found = await world.withPolicy(() => observe(policed));
  expect(found).toHaveLength(policed.length);
  rows.push(
    ...found.map(({ what, cells }) => ({
      what,
      cells: cells.map((cell) => (cell === "no" ? "enforced" : "not enforced")),
    })),
  );
}, 120_000);

describe.each(families)("over %s", (family) => {
  test("same-node traffic passes the VPC where the pod's groups decide, and does not where none do", async () => {
    const { vpc } = world.ground;
    const seen: Record<string, number> = {};
    for (const kind of kinds) {
      const [pod, neighbour] = [of(world.subjects, kind), of(world.neighbours, kind)];
      const target = { host: String(pod.branch[family]), port: ports.both };
      const flow = { from: String(neighbour.branch[family]), to: target.host, port: ports.both };
      await vpc.forget();
      expect(await inPortions(neighbour.agent, target)).toBe(TRIES);
      const [out, arrived] = [await vpc.seen(neighbour.branch, flow), await vpc.seen(pod.branch, flow)];
      // What one sends is what the other gets.
      expect({ ...out, delivered: out.sent, sent: 0 }).toEqual(arrived);
      expect(arrived).toMatchObject({ spoofed: 0, refused: 0 });
      seen[kind] = Math.min(arrived.delivered, TRIES);
    }
    expect(seen).toEqual({ direct: TRIES, "routed, standard": 0, "routed, strict": TRIES });
  });

  test("direct: who answers whom, as whom, and what of it the VPC carries", async () => {
    const { vpc } = world.ground;
    const [pod, neighbour] = [of(world.subjects, "direct"), of(world.neighbours, "direct")];
    const calls = callsOf(world, family);
    await vpc.forget();
    const replies = await Promise.all(
      calls.map(async ({ what, agent, to, reply }) => [
        what,
        (await agent.try(to, 1, reply === "" ? CLOSED_MS : PATIENCE_MS)).reply,
      ]),
    );
    expect(Object.fromEntries(replies)).toEqual(
      Object.fromEntries(calls.map(({ what, reply }) => [what, reply])),
    );

    const [own, primary] = [String(pod.branch[family]), pod.primary[family]];
    expect(await ping(undefined, own)).toBe(true);
    // A probe takes the short way, and so does its answer, which the node's ENI could not have got from this address.
    expect(await vpc.seen(vpc.nodePlug, { from: nodeIp[family], to: own })).toMatchObject({ sent: 0 });
    expect(await vpc.seen(pod.branch, { to: nodeIp[family] })).toMatchObject({ sent: 0 });
    for (const to of [agentIp, clusterIp])
      expect(await vpc.seen(pod.branch, { to: to[family] })).toMatchObject({ sent: 0 });
    expect(await vpc.seen(neighbour.branch, { to: pod.ownService[family] })).toMatchObject({ sent: 0 });
    // To the primary's address the primary answers.
    expect(await vpc.seen(pod.branch, { from: primary })).toMatchObject({ sent: 0, spoofed: 0 });
    // A Service's endpoint on the same node is asked through the VPC.
    const asEndpoint = { from: neighbour.primary[family], port: ports.both };
    expect((await vpc.seen(pod.branch, asEndpoint)).delivered).toBeGreaterThan(0);
    for (const [from, port] of [
      [neighbour.branch[family], ports.nobody],
      [regularIp[family], ports.node],
    ] as const) {
      const closed = await vpc.seen(pod.branch, { from: String(from), port });
      expect(closed).toMatchObject({ delivered: 0 });
      expect(closed.refused).toBeGreaterThan(0);
    }
  });

  // Over IPv6 the kernel looks for a source first, and the primary's address leads by host0 here as it does where an
  // application binds to it. It is taken because it has more in common with the machine's than the branch's address has.
  test("direct: a socket that is bound to host0 gets no further than the node, but over IPv6 as the primary", async () => {
    const { vpc } = world.ground;
    const { pod, branch, primary } = of(world.subjects, "direct");
    const target = String(world.machineHost[family]);
    expect(await ping(pod.netns, nodeIp[family])).toBe(true);
    expect(await ping(pod.netns, target)).toBe(true);
    await vpc.forget();
    const flag = family === "ipv4" ? "-4" : "-6";
    const bound = ["ping", flag, "-n", "-c", "1", "-W", "1", "-I", "host0", target] as const;
    expect((await exec(pod.netns, bound)).status === 0).toBe(family === "ipv6");
    const sent = family === "ipv6" ? 1 : 0;
    const byNode = { to: target, from: primary[family] };
    expect(await vpc.seen(vpc.nodePlug, byNode)).toMatchObject({ sent, spoofed: 0 });
    expect(await vpc.seen(branch, { to: target })).toMatchObject({ sent: 0 });
  });
});

test("a host port that does not work from outside: the node may not send for others", async () => {
  const client = String(world.elsewhereHost.ipv4);
  const spoofed: Record<string, boolean> = {};
  for (const kind of kinds) {
    const subject = of(world.subjects, kind);
    await world.ground.vpc.forget();
    await world.elsewhere.try(toHostPort(subject, ports.both), 1, CLOSED_MS);
    const flow = { from: client, to: String(subject.branch.ipv4), port: ports.both };
    spoofed[kind] = (await world.ground.vpc.seen(world.ground.vpc.nodePlug, flow)).spoofed > 0;
  }
  expect(spoofed).toEqual({ direct: true, "routed, standard": false, "routed, strict": true });
});

test("docs/datapaths.md has this table", () => {
  const table = tableOf(kinds, rows);
  const { committed, withTable } = splitPage();
  if (process.env["UPDATE_MATRIX"] === "1") {
    // The checkout cannot be written from here; exec.ts --out brings this back.
    writeFileSync("/run/out/datapaths.md", withTable(table));
    return;
  }
  expect(committed).toBe(table);
});

test("nothing of it is the switch's doing: the node's is as it was", () => {
  expect(readFileSync(demux, "utf8").trim()).toBe("1");
});
