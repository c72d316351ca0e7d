import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualTimer, settle } from "../../../test/unit/manual-timer.ts";
import { groupsOfPod } from "../../policy/groups-of-pod.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { canonical } from "../canonical.ts";
import { SEEN_PODS, SEEN_POLICIES, type SeenPod, type SeenPolicy } from "../objects.ts";
import { groupStates } from "./groups.ts";
import { PolicyReporter, type PolicyReporterOptions } from "./reporter.ts";
import type { PolicyStatus } from "./status.ts";

/** As many as a cluster may have. */
const PODS = 50_000;
const GROUP = "sg-0123456789abcdef0";

let ending: AbortController;
let written: { name: string; status: PolicyStatus }[];
let events: string[];
let reporter: PolicyReporter;
let timer: ManualTimer;
let isLeader: boolean;
let hasStatus: boolean;
let refusal: KubernetesError | undefined;
/** Of policies, whose statuses alone are refused. */
let refused: string | undefined;
/** Milliseconds that counting has taken. */
let spent: number;
/** Called for each pod that is counted. */
let counted: () => undefined;

const policy = (name: string, app: string, more: object = {}): SeenPolicy =>
  SEEN_POLICIES.read({
    metadata: { namespace: "shop", name, uid: name, generation: 2 },
    spec: { podSelector: { matchLabels: { app } }, securityGroups: { groupIds: [GROUP] } },
    ...more,
  });
const pod = (name: string, app: string): SeenPod =>
  SEEN_PODS.read({
    metadata: { namespace: "shop", name, uid: name, labels: { app, index: String(name.length) } },
    spec: {},
  });
const add = (object: SeenPod) => reporter.podChanged({ type: "added", object });
const put = (object: SeenPolicy) => reporter.policyChanged({ type: "added", object });

beforeEach(() => {
  ending = new AbortController();
  written = [];
  events = [];
  isLeader = true;
  hasStatus = true;
  refusal = undefined;
  refused = undefined;
  spent = 0;
  counted = () => undefined;
  timer = new ManualTimer();
  const options: PolicyReporterOptions = {
    port: {
      hasStatus: () => Promise.resolve(hasStatus),
      setStatus({ metadata: { name } }, status) {
        if (refusal !== undefined && (refused === undefined || refused === name))
          return Promise.reject(refusal);
        written.push({ name, status: status as PolicyStatus });
        return Promise.resolve();
      },
    },
    groupsOf: ({ metadata: { namespace, labels }, serviceAccount }, policies) =>
      groupsOfPod(
        policies.map((one) => one.policy),
        { namespace, labels, serviceAccount },
        {},
      ),
    areGroupsCurrent: () => true,
    branchOf: () => counted(),
    groups: () => ({ of: groupStates(new Set([GROUP]), []), vpc: undefined, problem: undefined }),
    quota: 5,
    liveGroups: true,
    say: ({ metadata }, { reason }) => void events.push(`${metadata.name} ${reason}`),
    mayAct: () => isLeader,
    timer: { now: () => timer.now() + spent, sleep: (ms, signal) => timer.sleep(ms, signal) },
    log: () => undefined,
  };
  reporter = new PolicyReporter(options);
});

afterEach(() => ending.abort());

it("50,000 pods are counted without keeping decisions waiting, and are no write each", async () => {
  put(policy("web", "web"));
  put(policy("none", "none"));
  for (let i = 0; i < PODS; i += 1) add(pod(`web-${i}`, "web"));
  // Pods that are counted in one turn of the event loop.
  let turns = 0;
  let total = 0;
  const inTurn = new Map<number, number>();
  counted = () => {
    total += 1;
    inTurn.set(turns, (inTurn.get(turns) ?? 0) + 1);
    return undefined;
  };
  const over = new AbortController();
  const watch = (async () => {
    for (; !over.signal.aborted; turns += 1) await new Promise((done) => setImmediate(done));
  })();
  /** Until so many have been counted in all. */
  const count = async (wanted: number) => {
    await timer.advance(5_000);
    await expect.poll(() => total).toBe(wanted);
    await settle();
  };
  void reporter.run(ending.signal);
  await count(PODS);
  expect(written).toHaveLength(2);
  // They all come again, as after a rollout.
  for (let i = 0; i < PODS; i += 1) add(pod(`web-${i}`, "web"));
  await count(2 * PODS);
  over.abort();
  await watch;
  expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(500);
  expect(written).toHaveLength(2);
  expect(Object.fromEntries(written.map(({ name, status }) => [name, status.matched]))).toEqual({
    web: PODS,
    none: 0,
  });
});

it("what is there already is not written, and no policy more often than every 5 s", async () => {
  put(policy("web", "web"));
  void reporter.run(ending.signal);
  await timer.advance(250);
  expect(written).toHaveLength(1);
  put({ ...policy("web", "web"), status: JSON.stringify(written[0]?.status) });
  for (let i = 0; i < 49; i += 1) {
    add(pod(`web-${i}`, "web"));
    await timer.advance(100);
  }
  expect(written).toHaveLength(1);
  await timer.advance(1_500);
  expect(written.map(({ status }) => status.matched)).toEqual([0, 49]);
});

it("statuses of many policies are written at a bounded rate, after a burst", async () => {
  for (let i = 0; i < 40; i += 1) put(policy(`p-${i}`, `app-${i}`));
  void reporter.run(ending.signal);
  await timer.advance(250);
  expect(written).toHaveLength(20);
  await timer.advance(5_000);
  expect(written.length).toBeGreaterThanOrEqual(26);
  expect(written.length).toBeLessThanOrEqual(30);
  await timer.advance(10_000);
  expect(written).toHaveLength(40);
});

it("only the leader writes, and nothing is written where policies have no status: events tell", async () => {
  put(policy("web", "web"));
  isLeader = false;
  void reporter.run(ending.signal);
  await timer.advance(60_000);
  expect([written, events]).toEqual([[], []]);
  hasStatus = false;
  isLeader = true;
  await timer.advance(250);
  expect(events).toEqual(["web GroupMissing"]);
  reporter.markAll();
  await timer.advance(60_000);
  // Once in the same words.
  expect([written, events]).toEqual([[], ["web GroupMissing"]]);
});

it("what the API server refuses is tried again", async () => {
  put(policy("web", "web"));
  refusal = new KubernetesError("retry", "PATCH", "no answer");
  void reporter.run(ending.signal);
  await timer.advance(1_000);
  refusal = undefined;
  await timer.advance(8_000);
  expect(written).toEqual([]);
  await timer.advance(1_500);
  expect(written).toHaveLength(1);
});

it("one status that the API server refuses keeps no other from being written", async () => {
  for (const name of ["a", "b", "c"]) put(policy(name, name));
  refusal = new KubernetesError("invalid", "PATCH", "status.conditions[0].message: Too long");
  refused = "b";
  void reporter.run(ending.signal);
  await timer.advance(1_000);
  expect(written.map(({ name }) => name)).toEqual(["a", "c"]);
  refusal = undefined;
  await timer.advance(12_000);
  expect(written.map(({ name }) => name)).toEqual(["a", "c", "b"]);
});

it("a namespace that takes long to count rests as long as it is to, also while statuses wait", async () => {
  for (let i = 0; i < 40; i += 1) put(policy(`p-${i}`, `app-${i}`));
  add(pod("web-0", "web"));
  let times = 0;
  counted = () => {
    times += 1;
    spent += 500;
    return undefined;
  };
  void reporter.run(ending.signal);
  await timer.advance(250);
  expect([times, written.length]).toEqual([1, 20]);
  await timer.advance(9_000);
  expect(times).toBe(1);
  await timer.advance(1_500);
  expect(times).toBe(2);
});

it("of thousands of namespaces whose statuses wait, those are counted again whose turn it is", async () => {
  for (let i = 0; i < 1_000; i += 1) {
    put({
      ...policy("web", "web"),
      metadata: { ...policy("web", "web").metadata, uid: `u-${i}`, namespace: `n-${i}` },
    });
    const { metadata, ...rest } = pod("web-0", "web");
    add({ ...rest, metadata: { ...metadata, namespace: `n-${i}` } });
  }
  let times = 0;
  counted = () => {
    times += 1;
    return undefined;
  };
  void reporter.run(ending.signal);
  await expect.poll(async () => [await timer.advance(250), times][1]).toBe(1_000);
  await timer.advance(20_000);
  expect(written.length).toBeGreaterThanOrEqual(58);
  expect(times).toBeLessThan(1_100);
});

it("a status that somebody else has written over is written again", async () => {
  put(policy("web", "web"));
  void reporter.run(ending.signal);
  await timer.advance(250);
  const ours = { ...policy("web", "web"), status: canonical(written[0]?.status) };
  put(ours);
  await timer.advance(10_000);
  expect(written).toHaveLength(1);
  put({ ...ours, status: "{}" });
  await timer.advance(10_000);
  expect(written.map(({ status }) => status.matched)).toEqual([0, 0]);
});

it("what the API server does not keep is written once", async () => {
  put(policy("web", "web"));
  void reporter.run(ending.signal);
  await timer.advance(250);
  put({ ...policy("web", "web"), status: '{"matched":0}' });
  await timer.advance(60_000);
  expect(written).toHaveLength(1);
});
