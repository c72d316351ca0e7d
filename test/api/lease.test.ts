// Leader election over a real API server's Lease.
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { LEASES } from "../../src/kubernetes/lease-record.ts";
import { LeaderElection } from "../../src/kubernetes/lease.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { eventually } from "../ground/run.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const { signal } = new AbortController();
/** Long enough for a busy machine to renew in time. */
const DURATION_MS = 6_000;

interface Candidate {
  readonly election: LeaderElection;
  readonly lost: string[];
  readonly warnings: string[];
  /** Ends it as SIGKILL would: nothing is released. */
  kill(): Promise<void>;
  /** Ends it in order. */
  end(): Promise<void>;
}

let namespace: string;
let client: KubernetesClient;
let started: Candidate[];
let overlap: string | undefined;
let watching: NodeJS.Timeout;

beforeAll(() => {
  client = clientOf();
});

beforeEach(async () => {
  namespace = await makeNamespace("lease");
  started = [];
  overlap = undefined;
  watching = setInterval(() => {
    const leaders = started.filter(({ election }) => election.remainingMs() > 0);
    if (leaders.length > 1) overlap = leaders.map(({ election }) => election.holder).join(" and ");
  }, 1);
});

afterEach(async () => {
  for (const candidate of started) await candidate.kill();
  clearInterval(watching);
  if (overlap !== undefined) throw new Error(`two leaders: ${overlap}`);
});

function clientOf(): KubernetesClient {
  return new KubernetesClient(
    connectTo(loadKubeconfig({ path: shared.adminKubeconfig }, {}), "branchline-test"),
  );
}

function start(identity: string): Candidate {
  const stop = new AbortController();
  const [lost, warnings]: [string[], string[]] = [[], []];
  const election = new LeaderElection({
    client: clientOf(),
    namespace,
    name: "branchline-controller",
    identity,
    durationMs: DURATION_MS,
    timer: systemTimer,
    wallClock: Date.now,
    random: Math.random,
    acquired: () => {},
    lost: (reason) => lost.push(reason),
    warn: (message) => warnings.push(message),
  });
  const running = election.run(stop.signal);
  const kill = async () => {
    stop.abort(new Error("the test ends it"));
    await running;
  };
  const candidate: Candidate = {
    election,
    lost,
    warnings,
    kill,
    async end() {
      await kill();
      await election.release(signal);
    },
  };
  started.push(candidate);
  return candidate;
}

const until = (what: string, check: () => Promise<boolean> | boolean) =>
  eventually(what, async () => (await check()) || undefined, 30_000);
const leads = (candidate: Candidate) => candidate.election.remainingMs() > 0;
const lease = () => ({ namespace, name: "branchline-controller" });
const read = () => client.get(LEASES, lease(), signal);

/** A Lease that nobody holds, as the chart brings it: the first candidate takes it at once. */
async function makeLease(metadata: object = {}): Promise<void> {
  const object = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "branchline-controller", ...metadata },
    spec: {},
  };
  await client.create(LEASES, namespace, object, signal);
}

describe("two candidates", () => {
  it("have one leader; when it is killed, the other one after the duration", async () => {
    await makeLease({ labels: { app: "branchline" } });
    const first = start("first");
    await until("the first leads", () => leads(first));
    const second = start("second");
    // Renewed at least twice, from the other side.
    const { resourceVersion } = (await read()).metadata;
    await until("it is renewed", async () => (await read()).metadata.resourceVersion !== resourceVersion);
    await until("the second knows the first", () => second.election.holder === "first");
    const before = await read();
    expect(before).toMatchObject({ holder: "first", durationMs: DURATION_MS, transitions: 1 });
    expect(before.renewed).toMatch(/^20\d\d-.*\.\d{3}000Z$/);
    await first.kill();
    await until("the second leads", () => leads(second));
    expect(await read()).toMatchObject({ holder: "second", transitions: 2 });
    // What others have put there stays.
    expect((await read()).metadata.labels).toEqual({ app: "branchline" });
    expect([first.lost, second.lost]).toEqual([[], []]);
  });

  it("the other one at once, when the Lease is released", async () => {
    await makeLease();
    const first = start("first");
    await until("the first leads", () => leads(first));
    const second = start("second");
    await until("the second knows the first", () => second.election.holder === "first");
    await first.end();
    expect(first.election.remainingMs()).toBe(0);
    expect(await read()).toMatchObject({ holder: expect.stringMatching(/^(second)?$/) as string });
    await until("the second leads", () => leads(second));
    // A second end takes nothing away.
    await first.end();
    expect((await read()).holder).toBe("second");
  });
});

it("a Lease that is not there is made after the duration, and one that is deleted is made again by its holder", async () => {
  const first = start("first");
  await until("the first leads", () => leads(first));
  const made = await read();
  await client.delete(LEASES, lease(), made.metadata.uid, signal);
  const second = start("second");
  await until("there is another", async () => {
    const found = await client.get(LEASES, lease(), signal).catch(() => undefined);
    return found !== undefined && found.metadata.uid !== made.metadata.uid;
  });
  expect((await read()).holder).toBe("first");
  expect([leads(first), leads(second), first.lost]).toEqual([true, false, []]);
});

it("a leader whose Lease somebody else has taken says so once", async () => {
  await makeLease();
  const first = start("first");
  await until("the first leads", () => leads(first));
  await until("it is stolen", async () => {
    const { metadata } = await read();
    const steps = [
      { op: "test", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
      { op: "add", path: "/spec/holderIdentity", value: "thief" },
    ] as const;
    return client.patch(LEASES, lease(), steps, signal).then(
      () => true,
      () => false,
    );
  });
  await until("it is lost", () => first.lost.length > 0);
  expect(first.lost).toEqual(["it is now thief"]);
  expect(first.election.remainingMs()).toBe(0);
  await first.end();
  expect((await read()).holder).toBe("thief");
});
