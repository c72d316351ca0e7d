import { describe, expect, it } from "vitest";
import { DURATION_MS, type Make, playLease } from "../../test/unit/lease-world.ts";
import { ManualTimer } from "../../test/unit/manual-timer.ts";
import { KubernetesClient } from "./client.ts";
import type { HttpAnswer, HttpRequest } from "./connection.ts";
import { LeaderElection } from "./lease.ts";
import type { LeaseObject } from "./lease-record.ts";

const SEEDS = 100;

/** The first seed that goes wrong like this, and how. */
async function findIn(seeds: number, make: Make, how = "", more?: { keepsVersions: boolean }) {
  let terms = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const verdict = await playLease(seed, make, more);
    if (verdict.wrong.some((words) => words.includes(how))) return { seed, wrong: verdict.wrong, terms };
    terms += verdict.terms;
  }
  return { seed: undefined, wrong: [], terms };
}

describe("candidates in rough times", () => {
  it("are never two leaders, and have one again soon after", async () => {
    const found = await findIn(SEEDS, (options) => new LeaderElection(options));
    expect(found).toMatchObject({ seed: undefined, wrong: [] });
    // Most seeds have several changes of leader, or nothing was tried.
    expect(found.terms).toBeGreaterThan(3 * SEEDS);
  });
});

describe("a candidate that could not do a leader's work yet", () => {
  const held = { spec: { holderIdentity: "before", leaseDurationSeconds: 15 } };

  it.each<[string, object | undefined]>([
    ["that there is not", undefined],
    ["whose holder is gone", held],
  ])("leaves a Lease to others %s, and takes it as soon as it could", async (_what, first) => {
    let lease = first;
    const written: string[] = [];
    const send = async ({ method, body = "" }: HttpRequest): Promise<HttpAnswer> => {
      if (method !== "GET") {
        written.push(method);
        lease = JSON.parse(body) as object;
      }
      const value = lease === undefined ? { reason: "NotFound" } : withVersion(lease, written.length);
      return { status: lease === undefined ? 404 : 200, headers: {}, body: once(JSON.stringify(value)) };
    };
    const timer = new ManualTimer();
    const ready = Promise.withResolvers<void>();
    let isLeader = false;
    const election = new LeaderElection({
      client: new KubernetesClient({ send }),
      namespace: "kube-system",
      name: "branchline",
      identity: "a",
      durationMs: DURATION_MS,
      timer,
      wallClock: () => 0,
      random: () => 0,
      ready: ready.promise,
      acquired: () => (isLeader = true),
      lost: () => {},
      warn: () => {},
    });
    const stop = new AbortController();
    const running = election.run(stop.signal);
    await timer.advance(120_000);
    expect([isLeader, written]).toEqual([false, []]);
    ready.resolve();
    await timer.advance(0);
    expect([isLeader, written.length, election.remainingMs() > 0]).toEqual([true, 1, true]);
    stop.abort();
    await running;
  });
});

function withVersion(lease: object, version: number): object {
  return { ...lease, metadata: { uid: "u", resourceVersion: String(version) } };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

/** By the holder's own clock. */
class ByTimestamp extends LeaderElection {
  protected override freeAt(lease: LeaseObject | undefined, before: LeaseObject | undefined): number {
    const { timer, wallClock } = this.options;
    const since = Date.parse(lease?.renewed ?? "") - wallClock();
    return Number.isNaN(since) ? super.freeAt(lease, before) : timer.now() + since + DURATION_MS;
  }
}

/** Whoever renews does not prolong it. */
class FromTheFirstLook extends LeaderElection {
  private readonly first = new Map<string, number>();
  protected override freeAt(lease: LeaseObject | undefined, before: LeaseObject | undefined): number {
    const holder = lease?.holder ?? "";
    const known = this.first.get(holder);
    if (known !== undefined) return known;
    const at = super.freeAt(lease, before);
    this.first.set(holder, at);
    return at;
  }
}

class DeletedIsFree extends LeaderElection {
  protected override freeAt(lease: LeaseObject | undefined, before: LeaseObject | undefined): number {
    return lease === undefined ? Number.NEGATIVE_INFINITY : super.freeAt(lease, before);
  }
}

class FromTheAnswer extends LeaderElection {
  protected override safeFrom(): number {
    return this.options.timer.now();
  }
}

/** Leads until the moment in which another may take it. */
class WithoutReserve extends LeaderElection {
  protected override safeFrom(sentAt: number): number {
    return sentAt + DURATION_MS / 3;
  }
}

/** Believes what it saw last. */
class ByWhatItSaw extends LeaderElection {
  override remainingMs(): number {
    return this.holder === this.options.identity ? DURATION_MS : 0;
  }
}

describe("the same simulation", () => {
  it.each<[string, Make]>([
    ["an expiry by the holder's timestamps", (options) => new ByTimestamp(options)],
    ["an expiry since the first look", (options) => new FromTheFirstLook(options)],
    ["a deleted Lease that is free at once", (options) => new DeletedIsFree(options)],
    ["a leader whose time counts from the answer", (options) => new FromTheAnswer(options)],
    ["a leader without a reserve", (options) => new WithoutReserve(options)],
    ["a leader that believes what it saw", (options) => new ByWhatItSaw(options)],
  ])("finds %s", async (_what, make) => {
    expect((await findIn(3 * SEEDS, make, " lead at ")).seed).toBeDefined();
  });

  it("finds updates that replace whatever is there", async () => {
    const make: Make = (options) => new LeaderElection(options);
    expect((await findIn(3 * SEEDS, make, " lead at ", { keepsVersions: false })).seed).toBeDefined();
  });
});
