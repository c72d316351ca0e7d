import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import { ScriptedApi } from "../../test/unit/scripted-api.ts";
import { Cache } from "./cache.ts";
import { KubernetesClient } from "./client.ts";
import { PODS, type Pod } from "./objects.ts";
import type { Change } from "./store.ts";

let api: ScriptedApi;
let timer: ManualTimer;
let cache: Cache<Pod>;
let changes: string[];
let warnings: string[];
let stop: AbortController;

const told = ({ type, object }: Change<Pod>) => `${type} ${object.metadata.name} ${object.metadata.uid}`;
const names = () => [...cache.values()].map(({ metadata }) => metadata.name).sort();
const lists = () => api.requests.filter((request) => request.includes("limit=")).length;
const watches = () => api.requests.filter((request) => request.includes("watch=true"));
/** The first back-off is at most 0.8 s. */
const soon = () => timer.advance(800);

/** How long each request is under way. */
let delayMs: number;

beforeEach(() => {
  api = new ScriptedApi();
  delayMs = 0;
  timer = new ManualTimer();
  stop = new AbortController();
  changes = [];
  warnings = [];
  cache = new Cache({
    client: new KubernetesClient({
      async send(request) {
        const answer = await api.send(request);
        if (delayMs > 0) await timer.sleep(delayMs, request.signal);
        return answer;
      },
    }),
    resource: PODS,
    scope: { fieldSelector: "spec.nodeName=node-1" },
    timer,
    random: () => 0.5,
    warn: (message) => warnings.push(message),
  });
  cache.listen((change) => changes.push(told(change)));
});

let running: Promise<void>;

async function start(): Promise<void> {
  running = cache.run(stop.signal);
  await settle();
}

afterEach(async () => {
  stop.abort(new Error("the test is over"));
  await running;
  // What is over holds nothing.
  if (api.openWatches > 0) throw new Error(`${api.openWatches} watches are left`);
});

describe("a cache", () => {
  it("lists in pages, is then complete, and watches from there with bookmarks", async () => {
    for (const name of ["a", "b", "c"]) api.put(name, `uid-${name}`);
    api.pageSize = 2;
    expect(cache.state()).toMatchObject({ isComplete: false, heardAt: undefined });
    await start();
    expect(names()).toEqual(["a", "b", "c"]);
    expect(cache.state()).toEqual({
      isComplete: true,
      isMissing: false,
      isFollowing: true,
      heardAt: 0,
      listedAt: 0,
      resourceVersion: "4",
      problem: undefined,
    });
    expect(api.requests).toEqual([
      "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500",
      "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500&continue=2",
      "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&watch=true&allowWatchBookmarks=true&resourceVersion=4&timeoutSeconds=276",
    ]);
  });

  it("is as of the moment when its list was asked for, not when the answer came", async () => {
    delayMs = 300;
    api.put("a", "u1");
    await timer.advance(1_000);
    await start();
    expect(cache.state()).toMatchObject({ isComplete: false, listedAt: undefined });
    await timer.advance(300);
    expect(cache.state()).toMatchObject({ isComplete: true, listedAt: 1_000, heardAt: 1_000 });
    await timer.advance(300);
    api.put("b", "u2");
    await settle();
    expect(names()).toEqual(["a", "b"]);
    expect(cache.state()).toMatchObject({ listedAt: 1_000, heardAt: 1_600 });
  });

  it("follows additions, changes and deletions", async () => {
    await start();
    api.put("a", "1");
    api.put("a", "1", { labels: { app: "web" } });
    api.remove("a");
    await settle();
    expect(changes).toEqual(["added a 1", "updated a 1", "deleted a 1"]);
    expect(cache.size).toBe(0);
  });

  it("takes another UID under the same name as a deletion and a creation", async () => {
    api.put("a", "1");
    await start();
    api.put("a", "2");
    await settle();
    expect(changes).toEqual(["added a 1", "deleted a 1", "added a 2"]);
  });

  it("goes on where it was after the server has ended the watch, without a list", async () => {
    await start();
    api.put("a", "1");
    await timer.advance(276_000);
    api.endWatches();
    await settle();
    expect(lists()).toBe(1);
    expect(watches().at(-1)).toContain("resourceVersion=2");
    api.put("b", "2");
    await settle();
    expect(names()).toEqual(["a", "b"]);
    expect(warnings).toEqual([]);
  });

  it("goes on from a bookmark", async () => {
    await start();
    api.bookmark();
    await timer.advance(60_000);
    expect(cache.state().heardAt).toBe(0);
    api.endWatches("broken");
    await soon();
    expect(watches().at(-1)).toContain("resourceVersion=2");
    expect(lists()).toBe(1);
  });

  it("lists again when its version is too old, and tells only what differs", async () => {
    api.put("gone", "1");
    api.put("stays", "2");
    api.put("other", "3");
    await start();
    api.endWatches("broken");
    api.forget("gone");
    api.put("other", "4");
    api.put("new", "5");
    api.oldest = 100;
    changes.length = 0;
    await soon();
    api.oldest = 0;
    await timer.advance(2_000);
    expect(changes).toEqual(["deleted gone 1", "deleted other 3", "added other 4", "added new 5"]);
    expect(lists()).toBe(2);
    expect(warnings).toEqual(["GET: socket hang up", expect.stringContaining("too old resource version")]);
  });

  it.each([
    ["a refused connection", "connect ECONNREFUSED 127.0.0.1:6443"],
    ["500", { status: 500, body: "no leader" }],
    ["401", { status: 401 }],
    ["403", { status: 403 }],
    ["429", { status: 429 }],
    ["a page of a proxy", { status: 200, body: "<html>" }],
    ["an object without metadata", { status: 200, body: "{}" }],
  ])("is not ended by %s", async (_what, fault) => {
    api.put("a", "1");
    api.faults.push(fault, fault, fault);
    await start();
    expect(cache.state().isComplete).toBe(false);
    expect(cache.state().problem?.message).toContain("/api/v1/pods");
    // 0.6 + 1.2 + 2.4 s: doubled, with jitter.
    await timer.advance(4_199);
    expect(names()).toEqual([]);
    await timer.advance(1);
    expect(names()).toEqual(["a"]);
    expect(cache.state().problem).toBeUndefined();
    expect(warnings).toHaveLength(3);
  });

  it("keeps what it has, and says since when, while the server is away", async () => {
    api.put("a", "1");
    await start();
    await timer.advance(10_000);
    api.put("b", "2");
    await settle();
    api.faults.push(...Array.from({ length: 100 }, () => "connect ECONNREFUSED 127.0.0.1:6443"));
    api.endWatches("broken");
    await timer.advance(600_000);
    expect(names()).toEqual(["a", "b"]);
    expect(cache.state()).toMatchObject({ isComplete: true, heardAt: 10_000 });
    expect(cache.state().problem?.message).toContain("ECONNREFUSED");
    // At most 30 s apart, at least 15.
    const asked = watches().length;
    await timer.advance(300_000);
    expect(watches().length - asked).toBeGreaterThanOrEqual(10);
    expect(watches().length - asked).toBeLessThanOrEqual(20);
  });

  it("follows while a watch is open, also one that says nothing, and not from its end to the next", async () => {
    api.put("a", "1");
    expect(cache.state().isFollowing).toBe(false);
    await start();
    expect(cache.state().isFollowing).toBe(true);
    api.faults.push("connect ECONNREFUSED 127.0.0.1:6443");
    api.endWatches("broken");
    await settle();
    expect(cache.state()).toMatchObject({ isComplete: true, isFollowing: false });
    await soon();
    expect(cache.state().isFollowing).toBe(false);
    await timer.advance(1_600);
    expect(cache.state().isFollowing).toBe(true);
  });

  it("waits as long as the server asks", async () => {
    api.faults.push({ status: 429, headers: { "retry-after": "20" } });
    await start();
    await timer.advance(19_999);
    expect(lists()).toBe(1);
    await timer.advance(1);
    expect(lists()).toBe(2);
  });

  it("gives up a watch that is silent past its end", async () => {
    await start();
    await timer.advance(276_000 + 10_000);
    await soon();
    expect(warnings).toEqual(["the watch of pods: nothing was heard for 281 s"]);
    expect(watches()).toHaveLength(2);
  });

  it("gives up a watch within two minutes when its bookmarks stay away", async () => {
    await start();
    await timer.advance(60_000);
    api.bookmark();
    await timer.advance(101_000);
    expect(warnings).toEqual(["the watch of pods: nothing was heard for 95 s"]);
    expect(watches()).toHaveLength(2);
  });

  it("pauses when watches end at once", async () => {
    await start();
    for (let i = 0; i < 20; i++) {
      api.endWatches();
      await timer.advance(100);
    }
    expect(watches().length).toBeLessThan(5);
  });

  it("a resource that does not exist is no objects, and is looked for each minute", async () => {
    api.isServed = false;
    await start();
    expect(cache.state()).toMatchObject({ isComplete: true, isMissing: true });
    api.isServed = true;
    api.put("a", "1");
    await timer.advance(60_000);
    expect(cache.state()).toMatchObject({ isComplete: true, isMissing: false });
    expect(names()).toEqual(["a"]);
  });

  it("404 of something before the API server, and for a resource that is served, proves nothing", async () => {
    api.put("a", "1");
    const notFound = JSON.stringify({ reason: "NotFound", message: "not found" });
    const proxy = { status: 404, body: "default backend - 404" };
    // The second one's discovery is the proxy's as well.
    api.faults.push(proxy, { status: 404, body: notFound }, proxy, { status: 404, body: notFound });
    await start();
    for (let i = 0; i < 2; i += 1) {
      expect(cache.state()).toMatchObject({ isComplete: false, isMissing: false });
      await timer.advance(1_300);
    }
    await timer.advance(10_000);
    expect(cache.state()).toMatchObject({ isComplete: true, isMissing: false });
  });

  it("a resource that is deleted takes its objects along", async () => {
    api.put("a", "1");
    await start();
    api.isServed = false;
    api.endWatches();
    await timer.advance(2_000);
    expect(changes).toEqual(["added a 1", "deleted a 1"]);
    expect(cache.state()).toMatchObject({ isMissing: true });
  });

  it.each([
    ["a line that is no JSON", "{"],
    ["a type that it does not know", '{"type":"RENAMED","object":{"metadata":{"resourceVersion":"9"}}}'],
    ["an object without a version", '{"type":"ADDED","object":{"metadata":{"name":"x"}}}'],
    ["an error", '{"type":"ERROR","object":{"code":500,"message":"etcd is away"}}'],
  ])("%s ends the watch, not the cache", async (_what, line) => {
    await start();
    api.say(line);
    api.put("a", "1");
    await soon();
    api.put("b", "2");
    await settle();
    expect(names()).toContain("b");
    expect(warnings).toHaveLength(1);
  });

  it("a listener that throws is named, and does not keep others from hearing", async () => {
    cache.listen(() => {
      throw new Error("oops");
    });
    const heard: string[] = [];
    cache.listen((change) => heard.push(told(change)));
    await start();
    api.put("a", "1");
    await settle();
    expect(heard).toEqual(["added a 1"]);
    expect(warnings).toEqual([expect.stringContaining("a listener of pods threw: Error: oops")]);
  });

  it("tells whoever waits for it, and whoever gives up waiting", async () => {
    api.faults.push("away");
    const given = new AbortController();
    const gaveUp = cache.whenComplete(given.signal);
    given.abort(new Error("no time"));
    await expect(gaveUp).rejects.toThrow("no time");
    const waited = cache.whenComplete(stop.signal);
    await start();
    await soon();
    await waited;
  });
});
