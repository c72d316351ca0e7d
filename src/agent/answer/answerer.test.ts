import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualTimer, settle } from "../../../test/unit/manual-timer.ts";
import { Cache } from "../../kubernetes/cache.ts";
import { KubernetesClient } from "../../kubernetes/client.ts";
import type { HttpAnswer, HttpRequest } from "../../kubernetes/connection.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { PODS, SECURITY_GROUP_POLICIES } from "../../kubernetes/objects.ts";
import type { BranchAnswer, GoneAnswer } from "../../state/answer.ts";
import type { AskedPodName } from "../../state/question.ts";
import { Answerer } from "./answerer.ts";

const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1";
const annotation = JSON.stringify([{ eniId: "eni-0b1", ifAddress: "02:b1:00:00:00:07", vlanId: 7 }]);
const asked = { namespace: "shop", name: "web-0", uid: "u1" };

/** What the API server would say now: a list of objects, one object, or a failure. */
let objects: Record<string, object | undefined>;
let isAway: boolean;
/** Something before it answers everything. */
let isProxy: boolean;
/** Lists of events are never answered. */
let areEventsSlow: boolean;
let requests: string[];
let answerer: Answerer;
let timer: ManualTimer;
let stop: AbortController;
let events: ((line: object) => void) | undefined;
let obstacle: string;
let told: string[];

async function send({ path, signal }: HttpRequest): Promise<HttpAnswer> {
  requests.push(path);
  if (isAway) throw new KubernetesError("retry", `GET ${path}`, "connect ECONNREFUSED");
  if (isProxy) return { status: 404, headers: {}, body: pieces("default backend - 404") };
  const url = new URL(path, "http://api");
  if (areEventsSlow && url.pathname.endsWith("/events")) return new Promise(() => undefined);
  if (url.searchParams.has("watch")) return { status: 200, headers: {}, body: watched(url.pathname, signal) };
  const found = objects[url.pathname];
  const body = JSON.stringify(found ?? { reason: "NotFound", message: `${url.pathname} not found` });
  return { status: found === undefined ? 404 : 200, headers: {}, body: pieces(body) };
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** The watch of pods, which tests write to. */
async function* watched(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const lines: object[] = [];
  let wake = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => wake.resolve());
  if (path === "/api/v1/pods") {
    events = (line) => {
      lines.push(line);
      wake.resolve();
    };
  }
  for (;;) {
    signal.throwIfAborted();
    const line = lines.shift();
    if (line !== undefined) yield Buffer.from(`${JSON.stringify(line)}\n`);
    else {
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  }
}

const list = (...items: object[]) => ({ metadata: { resourceVersion: "5" }, items });

function podOf(
  is: {
    uid?: string;
    asks?: boolean;
    annotation?: string;
    labels?: object;
    deleted?: boolean;
    phase?: string;
    node?: string;
  } = {},
) {
  return {
    metadata: {
      namespace: "shop",
      name: "web-0",
      uid: is.uid ?? "u1",
      resourceVersion: String(Math.floor(timer.now()) + 6),
      labels: is.labels ?? { app: "web" },
      annotations: is.annotation === undefined ? {} : { "vpc.amazonaws.com/pod-eni": is.annotation },
      ...(is.deleted === true && { deletionTimestamp: "2026-11-28T00:00:00Z" }),
    },
    spec: {
      nodeName: is.node ?? "n1",
      serviceAccountName: "cashier",
      containers: [{ resources: is.asks === true ? { limits: { "vpc.amazonaws.com/pod-eni": "1" } } : {} }],
    },
    status: { phase: is.phase ?? "Running" },
  };
}

const policy = (spec: object) => ({
  metadata: { namespace: "shop", name: "p", uid: "p1", resourceVersion: "3" },
  spec: { securityGroups: { groupIds: ["sg-1"] }, ...spec },
});
/** No operator that there is. */
const BAD = { matchExpressions: [{ key: "app", operator: "Likes", values: [] }] };
const renamed = (pod: ReturnType<typeof podOf> | undefined, name: string) => ({
  ...pod,
  metadata: { ...pod?.metadata, name },
});
const POD_PATH = "/api/v1/namespaces/shop/pods/web-0";
const POLICIES_PATH = `${POLICIES}/namespaces/shop/securitygrouppolicies`;

beforeEach(() => {
  timer = new ManualTimer();
  stop = new AbortController();
  requests = [];
  isAway = false;
  isProxy = false;
  areEventsSlow = false;
  obstacle = "";
  told = [];
  objects = {
    "/api/v1/pods": list(),
    [`${POLICIES}/securitygrouppolicies`]: list(),
    [POLICIES_PATH]: list(),
  };
});

let running: Promise<unknown>;

async function start(): Promise<void> {
  const client = new KubernetesClient({ send });
  const common = { client, scope: {}, timer, random: () => 0.5, warn: () => undefined };
  const pods = new Cache({ ...common, resource: PODS });
  const policies = new Cache({ ...common, resource: SECURITY_GROUP_POLICIES });
  answerer = new Answerer({
    client,
    nodeName: "n1",
    pods,
    policies,
    timer,
    networkPoliciesOf: () => ({ enforced: "none" }),
    obstacle: () => obstacle,
    unrequested: "refuse",
    tell: ({ metadata }, what, reason) => told.push(`${metadata.name} ${what}: ${reason}`),
    signal: stop.signal,
  });
  const first = pods.run(stop.signal);
  await timer.advance(1);
  running = Promise.all([first, policies.run(stop.signal)]);
  await settle();
  requests = [];
}

afterEach(async () => {
  stop.abort(new Error("the test is over"));
  await running;
});

function ask(pod: AskedPodName = asked, timeoutMs = 30_000): Promise<BranchAnswer | GoneAnswer> {
  return answerer.answer({ ask: "branch", pod, annotation: null, datapath: "direct", timeoutMs });
}

describe("a pod without a branch", () => {
  it("is answered none after one list of its namespace's policies, however many ask", async () => {
    objects["/api/v1/pods"] = list(podOf());
    await start();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(answers.map(({ answer }) => answer))).toEqual(new Set(["none"]));
    // The first asks at once, all others together.
    expect(requests).toEqual([`${POLICIES_PATH}?limit=500`, `${POLICIES_PATH}?limit=500`]);
  });

  it("is refused by a policy that the cache has not heard of yet", async () => {
    objects["/api/v1/pods"] = list(podOf());
    await start();
    objects[POLICIES_PATH] = list(policy({ podSelector: {} }));
    expect(await ask({ ...asked, name: "none" })).toMatchObject({ answer: "refused" });
    // There is nothing to tell of a pod that does not exist.
    expect(told).toEqual([]);
    expect(await ask()).toMatchObject({
      answer: "refused",
      reason: expect.stringContaining("shop/p") as string,
    });
  });

  it("is judged by its ServiceAccount's labels where a policy asks for them", async () => {
    objects["/api/v1/pods"] = list(podOf());
    objects[POLICIES_PATH] = list(policy({ serviceAccountSelector: { matchLabels: { team: "till" } } }));
    const path = "/api/v1/namespaces/shop/serviceaccounts/cashier";
    await start();
    objects[path] = { metadata: { name: "cashier", labels: { team: "other" } } };
    expect(await ask()).toEqual({ answer: "none" });
    objects[path] = { metadata: { name: "cashier", labels: { team: "till" } } };
    expect((await ask()).answer).toBe("refused");
    objects[path] = undefined;
    expect(await ask()).toMatchObject({
      reason: expect.stringContaining("the labels of ServiceAccount cashier are not known") as string,
    });
  });

  it("is looked at before ADD asks", async () => {
    await start();
    const [one, two, three] = ["u1", "u2", "u3"].map((uid) => podOf({ uid, phase: "Pending" }));
    for (const object of [one, two, three].map((pod, i) => renamed(pod, `web-${i}`)))
      events?.({ type: "ADDED", object });
    await settle();
    expect(new Set(requests)).toEqual(new Set([`${POLICIES_PATH}?limit=500`]));
    requests = [];
    isAway = true;
    for (const [i, uid] of ["u1", "u2", "u3"].entries())
      expect(await ask({ namespace: "shop", name: `web-${i}`, uid })).toEqual({ answer: "none" });
    expect(requests).toEqual([]);
    // Whoever asks again wants to know it anew.
    isAway = false;
    objects[POLICIES_PATH] = list(policy({ podSelector: {} }));
    const again = { namespace: "shop", name: "web-0", uid: "u1" };
    expect((await ask(again)).answer).toBe("refused");
  });

  it.each([
    ["a policy selects it", {}],
    ["a policy may select it", BAD],
  ])("that is looked at before ADD asks is refused if %s", async (_what, podSelector) => {
    await start();
    objects[POLICIES_PATH] = list(policy({ podSelector }));
    events?.({ type: "ADDED", object: podOf({ phase: "Pending" }) });
    await settle();
    expect(requests).toHaveLength(1);
    expect((await ask()).answer).toBe("refused");
  });

  it("that is looked at in vain is asked about again", async () => {
    await start();
    isAway = true;
    events?.({ type: "ADDED", object: podOf({ phase: "Pending" }) });
    await settle();
    isAway = false;
    requests = [];
    expect(await ask()).toEqual({ answer: "none" });
    expect(requests).toEqual([`${POLICIES_PATH}?limit=500`]);
  });

  it("that comes to its ADD late is asked about again", async () => {
    await start();
    events?.({ type: "ADDED", object: podOf({ phase: "Pending" }) });
    await timer.advance(31_000);
    objects[POLICIES_PATH] = list(policy({ podSelector: {} }));
    expect((await ask()).answer).toBe("refused");
  });

  it.each([
    ["asks for a branch", { phase: "Pending", asks: true }],
    ["has an annotation", { phase: "Pending", annotation }],
    ["runs", {}],
  ])("nothing is asked beforehand about one that %s", async (_what, is) => {
    await start();
    events?.({ type: "ADDED", object: podOf(is) });
    await settle();
    expect(requests).toEqual([]);
  });

  it("is answered none when there are no policies in this cluster at all", async () => {
    objects["/api/v1/pods"] = list(podOf());
    objects[POLICIES_PATH] = undefined;
    objects[`${POLICIES}/securitygrouppolicies`] = undefined;
    objects["/apis"] = { groups: [] };
    await start();
    expect(await ask()).toEqual({ answer: "none" });
  });

  it("waits when the policies are said not to exist and discovery knows them", async () => {
    objects["/api/v1/pods"] = list(podOf());
    objects["/apis"] = { groups: [{ name: "vpcresources.k8s.aws", versions: [{ version: "v1beta1" }] }] };
    objects[POLICIES] = { resources: [{ name: "securitygrouppolicies" }] };
    await start();
    objects[POLICIES_PATH] = undefined;
    const answer = ask(asked, 1_000);
    await timer.advance(1_000);
    expect(await answer).toMatchObject({
      answer: "wait",
      reason: expect.stringContaining("not found") as string,
    });
  });
});

describe("with the API server away", () => {
  /** The pod waits, and it is said for what. */
  async function expectRefusedConnection() {
    const answer = ask(asked, 1_000);
    await timer.advance(1_000);
    expect(await answer).toMatchObject({
      answer: "wait",
      reason: expect.stringContaining("ECONNREFUSED") as string,
    });
  }

  it("the caches answer for ten minutes for a pod that they have seen", async () => {
    objects["/api/v1/pods"] = list(podOf());
    await start();
    isAway = true;
    expect(await ask()).toEqual({ answer: "none" });
    await timer.advance(601_000);
    await expectRefusedConnection();
  });

  it("a pod that came after the list of policies waits: there may be one that the cache has not heard of", async () => {
    await start();
    events?.({ type: "ADDED", object: podOf() });
    await settle();
    isAway = true;
    const answer = ask(asked, 1_000);
    await timer.advance(1_000);
    expect(await answer).toMatchObject({ answer: "wait" });
  });

  it("but not if another list has shown since that no policy selects it", async () => {
    await start();
    events?.({ type: "ADDED", object: podOf() });
    await settle();
    expect(await ask()).toEqual({ answer: "none" });
    isAway = true;
    expect(await ask()).toEqual({ answer: "none" });
    events?.({ type: "DELETED", object: podOf() });
    events?.({ type: "ADDED", object: podOf() });
    await settle();
    const answer = ask(asked, 1_000);
    await timer.advance(1_000);
    expect(await answer).toMatchObject({ answer: "wait" });
  });

  it("404 of something before the API server is no answer", async () => {
    await start();
    events?.({ type: "ADDED", object: podOf() });
    await settle();
    isProxy = true;
    const answer = ask(asked, 1_000);
    await timer.advance(1_000);
    expect(await answer).toMatchObject({ answer: "wait" });
    expect(await answerer.answer({ ask: "gone", pod: asked })).toMatchObject({ answer: "wait" });
  });

  it("a pod that they have not seen waits", async () => {
    await start();
    isAway = true;
    const answer = ask(asked, 1_000);
    await timer.advance(1_000);
    expect(await answer).toMatchObject({ answer: "wait" });
  });

  it("a pod with a branch gets it from the cache", async () => {
    objects["/api/v1/pods"] = list(podOf({ annotation }));
    await start();
    isAway = true;
    expect(await ask()).toMatchObject({ answer: "branch", annotation });
  });

  it("but not after ten minutes: it may have been deleted, and its branch be another's", async () => {
    objects["/api/v1/pods"] = list(podOf({ annotation }));
    await start();
    isAway = true;
    await timer.advance(601_000);
    await expectRefusedConnection();
    // Nobody has told the cache yet that it is there again.
    isAway = false;
    objects[POD_PATH] = podOf({ annotation });
    expect(await ask()).toMatchObject({ answer: "branch", annotation });
  });
});

describe("which pod", () => {
  it.each([
    [
      "unknown to the cache and to the API server",
      undefined,
      "the API server has no pod shop/web-0 with UID u1",
    ],
    ["another of its name", { uid: "u2" }, "the API server has no pod shop/web-0 with UID u1"],
    ["being deleted", { deleted: true }, "pod shop/web-0 is being deleted"],
  ])("%s: refused", async (_what, is, reason) => {
    await start();
    objects[POD_PATH] = is === undefined ? undefined : podOf(is);
    expect(await ask()).toEqual({ answer: "refused", reason });
  });

  it("the cache's older pod of that name is not taken for it", async () => {
    objects["/api/v1/pods"] = list(podOf({ uid: "u0", annotation }));
    await start();
    objects[POD_PATH] = podOf({ asks: false });
    expect(await ask()).toEqual({ answer: "none" });
  });

  it("without a UID, the API server is asked, not the cache", async () => {
    objects["/api/v1/pods"] = list(podOf({ annotation }));
    await start();
    objects[POD_PATH] = podOf({ uid: "u9" });
    expect(await ask({ ...asked, uid: "" })).toEqual({ answer: "none" });
  });

  it("without a UID, one of another node is another of its name", async () => {
    await start();
    objects[POD_PATH] = podOf({ uid: "u9", annotation, node: "n2" });
    expect(await ask({ ...asked, uid: "" })).toEqual({
      answer: "refused",
      reason: "the API server has no pod shop/web-0 on this node",
    });
  });

  it("a static pod's mirror is known by its configuration's hash", async () => {
    const mirror = podOf({ uid: "m1" });
    objects["/api/v1/pods"] = list({
      ...mirror,
      metadata: { ...mirror.metadata, annotations: { "kubernetes.io/config.hash": "u1" } },
    });
    await start();
    expect(await ask()).toEqual({ answer: "none" });
  });
});

describe("a late annotation", () => {
  it("is answered when it comes, and not before", async () => {
    objects["/api/v1/pods"] = list(podOf({ asks: true }));
    await start();
    let said: BranchAnswer | GoneAnswer | undefined;
    const answer = ask().then((value) => (said = value));
    await timer.advance(20_000);
    expect(said).toBeUndefined();
    events?.({ type: "MODIFIED", object: podOf({ asks: true, annotation }) });
    // Woken by the watch: no time passes.
    await answer;
    expect(said).toEqual({ answer: "branch", annotation, datapath: "direct" });
    // The pod was in the cache all the while; the events are read once.
    expect(requests).toEqual([expect.stringContaining("/events?")]);
  });

  it("ends with the reason when the time is up", async () => {
    objects["/api/v1/pods"] = list(podOf({ asks: true }));
    await start();
    obstacle = "no trunk yet";
    const answer = ask(asked, 25_000);
    await timer.advance(9_999);
    expect(told).toEqual([]);
    await timer.advance(1);
    expect(told).toEqual(["web-0 BranchLate: no trunk yet"]);
    await timer.advance(15_000);
    expect(await answer).toEqual({ answer: "wait", reason: "no trunk yet" });
  });

  it("ends with what the controller last said of the pod", async () => {
    objects["/api/v1/pods"] = list(podOf({ asks: true }));
    const message = "NetworkInterfaceLimitExceeded";
    objects["/api/v1/namespaces/shop/events"] = list({
      source: { component: "vpc-resource-controller" },
      lastTimestamp: "2026-11-28T12:00:00Z",
      reason: "BranchAllocationFailed",
      message,
    });
    await start();
    const answer = ask(asked, 12_000);
    await timer.advance(12_000);
    expect(await answer).toEqual({
      answer: "wait",
      reason: `waiting for the annotation vpc.amazonaws.com/pod-eni; vpc-resource-controller says BranchAllocationFailed: ${message}`,
    });
    // Asked for once, when the branch is late.
    expect(requests.filter((path) => path.includes("/events?"))).toHaveLength(1);
  });

  it("waits for no list of events, neither with the annotation nor when the time is up", async () => {
    areEventsSlow = true;
    objects["/api/v1/pods"] = list(podOf({ asks: true }));
    await start();
    const [first, second] = [ask(), ask(asked, 20_000)];
    await timer.advance(20_000);
    expect(await second).toMatchObject({ answer: "wait" });
    events?.({ type: "MODIFIED", object: podOf({ asks: true, annotation }) });
    expect(await first).toMatchObject({ answer: "branch" });
  });

  it("ends with the pod", async () => {
    objects["/api/v1/pods"] = list(podOf({ asks: true }));
    await start();
    const answer = ask();
    await settle();
    events?.({ type: "DELETED", object: podOf({ asks: true }) });
    expect(await answer).toMatchObject({ answer: "refused" });
  });
});

describe("gone", () => {
  it.each<[string, object | undefined, string]>([
    ["no pod", undefined, "gone"],
    ["another pod of its name", podShape("u2"), "gone"],
    ["the pod", podShape("u1"), "exists"],
  ])("%s", async (_what, object, expected) => {
    // The cache is never asked.
    objects["/api/v1/pods"] = list(podOf());
    await start();
    objects[POD_PATH] = object;
    expect(await answerer.answer({ ask: "gone", pod: asked })).toEqual({ answer: expected });
  });

  it("is not known while the API server is away", async () => {
    await start();
    isAway = true;
    expect(await answerer.answer({ ask: "gone", pod: asked })).toMatchObject({ answer: "wait" });
  });
});

function podShape(uid: string): object {
  return { metadata: { namespace: "shop", name: "web-0", uid, resourceVersion: "9" } };
}
