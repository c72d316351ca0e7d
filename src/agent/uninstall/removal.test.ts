import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { useScratch } from "../../../test/unit/scratch.ts";
import { KubernetesClient } from "../../kubernetes/client.ts";
import type { HttpRequest } from "../../kubernetes/connection.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { CNI_NODES } from "../../kubernetes/objects.ts";
import { Executable } from "../install/executable.ts";
import { DAEMON_SETS } from "./daemon-set.ts";
import { Removal, type RemovalOptions } from "./removal.ts";
import { reportOf } from "./report.ts";

const MARK = "20261128T150405Z";
const LATER = "20261128T160000Z";
const { signal } = new AbortController();
const scratch = useScratch();

const at = (...parts: string[]) => join(scratch.path, ...parts);
const LIST = "05-branchline.conflist";
const list = JSON.stringify({ name: "aws-cni", plugins: [{ type: "aws-cni" }] });

/** A node, and an API server with one DaemonSet and one CNINode. */
class World {
  readonly timer = new ManualTimer();
  readonly log: string[] = [];
  readonly events: string[] = [];
  readonly conditions = new Map<string, string>();
  /** What the API server has; undefined: 404. */
  daemonSet: { labels: Record<string, string> } | undefined = { labels: {} };
  /** What the cache has, which may be older. */
  seen: { labels: Record<string, string> } | undefined;
  /** Answers to the next requests instead of what is there: a status, or no answer. */
  readonly faults: (number | "silence")[] = [];
  readonly requests: string[] = [];
  isComplete = true;
  cniNode: { annotations: Record<string, string>; version: number } | undefined = {
    annotations: {},
    version: 1,
  };
  attachments = 0;
  questions = 0;
  readonly options: RemovalOptions;
  readonly removal: Removal;
  readonly executable = new Executable(at("source"), at("bin"));

  constructor() {
    const read = (object: { labels: Record<string, string> } | undefined) =>
      object && DAEMON_SETS.read({ metadata: { namespace: "kube-system", name: "agent", ...object } });
    this.options = {
      client: new KubernetesClient({ send: (request) => this.answer(request) }),
      daemonSet: { namespace: "kube-system", name: "agent" },
      daemonSets: {
        get: () => read(this.seen),
        state: () => ({
          isComplete: this.isComplete,
          isMissing: false,
          isFollowing: true,
          heardAt: 0,
          listedAt: 0,
          resourceVersion: "1",
          problem: undefined,
        }),
        whenComplete: async (its) => {
          if (!this.isComplete) await this.timer.sleep(Number.POSITIVE_INFINITY, its);
        },
      },
      nodeName: "node-1",
      cniNodes: { get: () => this.cniNode && CNI_NODES.read(this.cniNodeObject()) },
      cniConfDir: at("net.d"),
      listName: LIST,
      executable: this.executable,
      store: {
        keys: () => Array.from({ length: this.attachments }, () => ({ containerId: "c", ifName: "eth0" })),
      },
      conditions: { set: (name, isTrue, why) => this.conditions.set(name, `${isTrue} ${why}`) },
      reporter: { onNode: ({ message }) => this.events.push(message) },
      openQuestions: () => this.questions,
      timer: this.timer,
      log: (_level, message) => this.log.push(message),
    };
    this.removal = new Removal(this.options);
  }

  /** Marks the DaemonSet, as everybody sees it. */
  marked(mark: string | undefined): void {
    this.daemonSet = { labels: mark === undefined ? {} : { "branchline.dev/uninstall": mark } };
    this.seen = mark === undefined ? undefined : this.daemonSet;
  }

  get report() {
    return this.cniNode && reportOf({ annotations: this.cniNode.annotations });
  }

  private cniNodeObject(): object {
    const { annotations = {}, version = 0 } = this.cniNode ?? {};
    return { metadata: { name: "node-1", resourceVersion: String(version), annotations } };
  }

  private async answer({ method, path, body }: HttpRequest) {
    this.requests.push(`${method} ${path}`);
    const fault = this.faults.shift();
    if (fault === "silence") throw new KubernetesError("retry", path, "no answer after 30 s");
    const answered = (status: number, value: object) => ({
      status,
      headers: {},
      body: (async function* () {
        yield Buffer.from(JSON.stringify(value));
      })(),
    });
    if (fault !== undefined)
      return answered(fault, { reason: fault === 404 ? "NotFound" : "", message: "no" });
    if (path === "/apis/apps/v1/namespaces/kube-system/daemonsets/agent") {
      return this.daemonSet === undefined
        ? answered(404, { reason: "NotFound", message: "no" })
        : answered(200, { metadata: { namespace: "kube-system", name: "agent", ...this.daemonSet } });
    }
    if (method !== "PATCH") throw new Error(`unexpected ${method} ${path}`);
    for (const { op, path: where, value } of JSON.parse(body ?? "") as Step[]) {
      if (this.cniNode === undefined) throw new Error("a patch of nothing");
      if (op === "test" && value !== String(this.cniNode.version)) return answered(422, { message: "test" });
      if (where === "/metadata/annotations") this.cniNode.annotations = value as Record<string, string>;
      else if (op === "add") this.cniNode.annotations["branchline.dev/uninstalled"] = String(value);
      else if (op === "remove") delete this.cniNode.annotations["branchline.dev/uninstalled"];
    }
    if (this.cniNode !== undefined) this.cniNode.version += 1;
    return answered(200, this.cniNodeObject());
  }
}

interface Step {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

let world: World;

beforeEach(() => {
  for (const name of ["net.d", "bin"]) mkdirSync(at(name));
  writeFileSync(at("net.d", "10-aws.conflist"), list);
  writeFileSync(at("net.d", LIST), list);
  writeFileSync(at("bin", "branchline"), "x");
  world = new World();
});

const isListThere = () => existsSync(at("net.d", LIST));
const isExecutableThere = () => existsSync(at("bin", "branchline"));

describe("everything stays", () => {
  it.each<[string, () => void]>([
    ["without a mark", () => world.marked(undefined)],
    ["without a DaemonSet", () => (world.daemonSet = undefined)],
    ["while it is not known whether there is one", () => (world.isComplete = false)],
    ["with a label that is no time", () => world.marked("false")],
    [
      "with a mark that only the cache still has",
      () => {
        world.marked(MARK);
        world.daemonSet = { labels: {} };
      },
    ],
    [
      "with another mark than the cache has",
      () => {
        world.marked(MARK);
        world.daemonSet = { labels: { "branchline.dev/uninstall": LATER } };
      },
    ],
    ...([404, 401, 403, 500, "silence"] as const).map((fault): [string, () => void] => [
      `when the API server answers ${fault}`,
      () => {
        world.marked(MARK);
        world.faults.push(fault);
      },
    ]),
  ])("%s", async (_what, arrange) => {
    arrange();
    expect(await world.removal.proceed(signal)).toBeUndefined();
    world.removal.end();
    expect([isListThere(), isExecutableThere(), world.report]).toEqual([true, true, undefined]);
  });

  it("in an agent without a DaemonSet, whatever the API server has", async () => {
    world.marked(MARK);
    const removal = new Removal({ ...world.options, daemonSet: undefined, daemonSets: undefined });
    await removal.whenKnown(signal);
    expect(await removal.proceed(signal)).toBeUndefined();
    expect([isListThere(), world.requests]).toEqual([true, []]);
  });
});

describe("with the mark", () => {
  it("the list goes at once, and the executable a moment later", async () => {
    world.marked(MARK);
    const first = await world.removal.proceed(signal);
    expect(isListThere()).toBe(false);
    expect(isExecutableThere()).toBe(true);
    expect(first).toBe(2_000);
    expect(world.report).toMatchObject({ mark: MARK, list: "removed", executable: "kept" });
    await world.timer.advance(5_000);
    expect(await world.removal.proceed(signal)).toBe(30_000);
    expect(isExecutableThere()).toBe(false);
    expect(world.report).toEqual({
      mark: MARK,
      list: "removed",
      executable: "removed",
      attachments: 0,
      why: "",
    });
    expect(readdirSync(at("net.d"))).toEqual(["10-aws.conflist"]);
    const said = `${at("net.d", LIST)} is removed, since the DaemonSet has the mark of ${MARK}`;
    expect([...world.conditions]).toEqual([
      ["ListFirst", `false ${said}`],
      ["ExecutableInstalled", `false ${at("bin", "branchline")}`],
    ]);
    expect(world.events).toEqual([`${said}; ADDs under way are waited for`, said]);
    // Confirmed once, and reported only when something has changed.
    await world.removal.proceed(signal);
    expect(world.requests).toHaveLength(3);
  });

  it("the executable stays as long as pods are attached, looked at every 2 s for ten minutes and then as all else", async () => {
    world.marked(MARK);
    world.attachments = 10;
    await world.removal.proceed(signal);
    await world.timer.advance(599_000);
    expect(await world.removal.proceed(signal)).toBe(2_000);
    await world.timer.advance(1_000);
    expect(await world.removal.proceed(signal)).toBe(30_000);
    expect(isExecutableThere()).toBe(true);
    expect(world.report).toMatchObject({
      list: "removed",
      executable: "kept",
      attachments: 10,
      why: `${at("bin", "branchline")} stays until 10 attached pods have ended`,
    });
    world.attachments = 0;
    await world.removal.proceed(signal);
    expect(isExecutableThere()).toBe(false);
  });

  it("the executable stays while ADDs wait for an answer", async () => {
    world.marked(MARK);
    world.questions = 1;
    await world.removal.proceed(signal);
    await world.timer.advance(60_000);
    await world.removal.proceed(signal);
    expect(isExecutableThere()).toBe(true);
    world.questions = 0;
    await world.removal.proceed(signal);
    expect(isExecutableThere()).toBe(false);
  });

  it("the list stays while it is the only one, with the remedy; the moment counts from its end", async () => {
    rmSync(at("net.d", "10-aws.conflist"));
    world.marked(MARK);
    await world.removal.proceed(signal);
    expect(isListThere()).toBe(true);
    expect(world.report).toMatchObject({
      list: "kept",
      why: expect.stringContaining("let the primary plugin write its list") as string,
    });
    await world.timer.advance(60_000);
    writeFileSync(at("net.d", "10-aws.conflist"), list);
    await world.removal.proceed(signal);
    expect([isListThere(), isExecutableThere()]).toEqual([false, true]);
  });

  it("a list that cannot be removed is reported", async () => {
    rmSync(at("net.d"), { recursive: true });
    writeFileSync(at("net.d"), "");
    world.marked(MARK);
    await world.removal.proceed(signal);
    expect(world.report).toMatchObject({ list: "kept", why: expect.stringContaining("ENOTDIR") as string });
  });

  it("an end removes the executable of a node without attached pods, at once", async () => {
    world.marked(MARK);
    await world.removal.proceed(signal);
    world.removal.end();
    expect(isExecutableThere()).toBe(false);
  });

  it("an end leaves the executable that attached pods need", async () => {
    world.marked(MARK);
    world.attachments = 1;
    await world.removal.proceed(signal);
    world.removal.end();
    expect(isExecutableThere()).toBe(true);
  });

  it.each([404, 401, 403, 500, "silence"] as const)(
    "neither the DaemonSet's end nor the answer %s takes the mark away",
    async (fault) => {
      world.marked(MARK);
      await world.removal.proceed(signal);
      world.daemonSet = undefined;
      world.seen = undefined;
      world.faults.push(fault);
      expect(await world.removal.proceed(signal)).toBe(2_000);
    },
  );

  it("taken away, the report goes too; set again, it is a new one", async () => {
    world.marked(MARK);
    await world.removal.proceed(signal);
    world.marked(undefined);
    expect(await world.removal.proceed(signal)).toBeUndefined();
    expect(world.report).toBeUndefined();
    writeFileSync(at("net.d", LIST), list);
    world.removal.end();
    expect(isListThere()).toBe(true);
    world.marked(LATER);
    await world.removal.proceed(signal);
    expect(world.report).toMatchObject({ mark: LATER, list: "removed" });
    expect(isListThere()).toBe(false);
  });

  it("a mark set anew while the old one stood is reported too", async () => {
    world.marked(MARK);
    await world.removal.proceed(signal);
    world.marked(LATER);
    await world.removal.proceed(signal);
    expect(world.report).toMatchObject({ mark: LATER });
  });

  it("what cannot be reported is tried again", async () => {
    world.marked(MARK);
    const cniNode = world.cniNode;
    world.cniNode = undefined;
    await world.removal.proceed(signal);
    expect(world.log.join("\n")).toContain("there is no CNINode node-1 to report on");
    world.cniNode = cniNode;
    world.faults.push(403);
    await world.removal.proceed(signal);
    expect(world.report).toBeUndefined();
    expect(world.log.join("\n")).toContain("no (403)");
    await world.removal.proceed(signal);
    expect(world.report).toMatchObject({ list: "removed" });
  });
});

describe("at the start", () => {
  it("what is known is waited for, but not for long", async () => {
    await world.removal.whenKnown(signal);
    world.isComplete = false;
    let isKnown = false;
    const waiting = world.removal.whenKnown(signal).then(() => (isKnown = true));
    await world.timer.advance(9_999);
    expect(isKnown).toBe(false);
    await world.timer.advance(1);
    await waiting;
    expect(world.log.join("\n")).toContain("is not known, so it is not: there was no answer");
  });
});
