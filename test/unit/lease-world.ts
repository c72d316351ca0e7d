// Candidates for a Lease in modelled time: an API server in memory, a network that is slow and loses things, processes that
// crash and stand still, clocks that do not go alike. All of it from one seed.
import type { Connection, HttpAnswer, HttpRequest } from "../../src/kubernetes/connection.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";
import { Heap } from "../../src/kubernetes/heap.ts";
import { LeaderElection, type LeaseOptions } from "../../src/kubernetes/lease.ts";
import type { Timer } from "../../src/sys/timer.ts";
import { Random } from "../../src/simulator/model/random.ts";

export const DURATION_MS = 15_000;
/** Clocks differ by at most a hundredth in speed, and stand still for at most four seconds at a time. */
const DRIFT = 0.01;
const STILL_MS = 4_000;
const ROUGH_MS = 150_000;
/** After which a leader has to be there once all is well: the duration, a candidate's longest pause twice, and requests. */
export const LIVENESS_MS = DURATION_MS + 2 * 4_400 + 1_000;

interface Event {
  readonly at: number;
  readonly turn: number;
  readonly do: () => void;
}

/** Makes what is tested: the product's, or a variant with a defect. */
export type Make = (options: LeaseOptions) => LeaderElection;

export interface Verdict {
  /** Empty when all was well. */
  readonly wrong: readonly string[];
  /** How often somebody began to lead. */
  readonly terms: number;
}

/** Plays a seed: rough times, then quiet ones in which the leader crashes. */
export async function playLease(seed: number, make: Make, { keepsVersions = true } = {}): Promise<Verdict> {
  const world = new World(seed, make, keepsVersions);
  await world.play();
  return { wrong: world.wrong, terms: world.terms };
}

class World {
  readonly random: Random;
  readonly wrong: string[] = [];
  terms = 0;
  now = 0;
  isRough = true;
  private readonly make: Make;
  private readonly events = new Heap<Event>((a, b) => a.at < b.at || (a.at === b.at && a.turn < b.turn));
  private turns = 0;
  private readonly server: Server;
  private readonly candidates: Candidate[] = [];
  private names = 0;

  constructor(seed: number, make: Make, keepsVersions: boolean) {
    this.random = new Random(seed);
    this.make = make;
    this.server = new Server(keepsVersions);
  }

  chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  after(milliseconds: number, what: () => void): void {
    this.events.add({ at: this.now + Math.max(0, milliseconds), turn: ++this.turns, do: what });
  }

  async play(): Promise<void> {
    const count = 2 + Math.floor(this.random.next() * 2);
    // Swarm: which troubles there are at all is drawn as well.
    const troubles = {
      crashes: this.chance(0.6),
      pauses: this.chance(0.6),
      stills: this.chance(0.6),
      deletes: this.chance(0.4),
      cuts: this.chance(0.6),
    };
    this.server.troubles = { refuses: this.chance(0.5), loses: this.chance(0.5), slow: this.chance(0.7) };
    for (let i = 0; i < count; i++) this.join();
    for (let at = 0; at < ROUGH_MS; at += 2_000 + this.random.next() * 12_000) {
      this.after(at, () => this.trouble(troubles));
    }
    await this.until(ROUGH_MS);
    this.isRough = false;
    for (const candidate of this.candidates) candidate.heal();
    // Whatever is under way has to end first; then the leader crashes, if there is one.
    await this.until(this.now + STILL_MS + LIVENESS_MS);
    this.expectLeader("after rough times");
    this.leader?.crash();
    await this.until(this.now + LIVENESS_MS);
    this.expectLeader("after a crash");
    const { leader } = this;
    await this.until(this.now + 60_000);
    if (this.leader !== leader) this.wrong.push("the leader changed in quiet times");
    for (const candidate of this.candidates) candidate.crash();
  }

  private get leader(): Candidate | undefined {
    return this.candidates.find((candidate) => candidate.leads);
  }

  private expectLeader(when: string): void {
    if (this.leader === undefined) this.wrong.push(`no leader ${when}`);
  }

  private join(): void {
    const name = `c${++this.names}`;
    const candidate = new Candidate(name, this, this.server, this.make, () => this.rejoin(candidate));
    this.candidates.push(candidate);
  }

  /** A process that lost the Lease ends and is started again, as another. */
  private rejoin(candidate: Candidate): void {
    candidate.crash();
    this.after(1_000, () => this.join());
  }

  private trouble(kinds: Record<"crashes" | "pauses" | "stills" | "deletes" | "cuts", boolean>): void {
    const alive = this.candidates.filter((candidate) => !candidate.isCrashed);
    // The leader, as often as not: others have nothing to lose.
    const any = alive[Math.floor(this.random.next() * alive.length)];
    const one = this.chance(0.5) ? (this.leader ?? any) : any;
    const enabled = Object.entries(kinds).flatMap(([kind, isOn]) => (isOn ? [kind] : []));
    switch (enabled[Math.floor(this.random.next() * enabled.length)]) {
      case "crashes":
        if (one !== undefined) this.rejoin(one);
        break;
      case "pauses":
        one?.pause(this.random.next() * 40_000);
        break;
      case "stills":
        one?.standStill(STILL_MS * (0.7 + 0.3 * this.random.next()));
        break;
      case "cuts":
        one?.cut(this.random.next() * 40_000);
        if (kinds.stills) one?.standStill(STILL_MS * (0.7 + 0.3 * this.random.next()));
        break;
      case "deletes":
        // What is there so shortly that nobody sees it cannot be counted with.
        if (this.now - this.server.createdAt > DURATION_MS) this.server.lease = undefined;
        break;
      case undefined:
        break;
    }
  }

  private async until(end: number): Promise<void> {
    for (
      let event = this.events.first();
      event !== undefined && event.at <= end;
      event = this.events.first()
    ) {
      this.events.remove(event);
      this.now = event.at;
      event.do();
      // All that does not wait for time.
      await new Promise((resolve) => setImmediate(resolve));
      this.check();
    }
    this.now = end;
  }

  private check(): void {
    const leaders = this.candidates.filter((candidate) => candidate.leads).map(({ name }) => name);
    if (leaders.length > 1 && this.wrong.length < 5)
      this.wrong.push(`${leaders.join(" and ")} lead at ${Math.round(this.now)} ms`);
  }
}

class Candidate {
  readonly name: string;
  isCrashed = false;
  private readonly world: World;
  private readonly election: LeaderElection;
  private readonly speed: number;
  private readonly pending = new Set<(reason: Error) => void>();
  /** Milliseconds for which its clock has stood still. */
  private stood = 0;
  private stillSince: number | undefined;
  private stillAgainAt = 0;
  private pausedUntil = 0;
  private cutUntil = 0;

  constructor(name: string, world: World, server: Server, make: Make, lost: () => void) {
    this.name = name;
    this.world = world;
    this.speed = 1 + DRIFT * (2 * world.random.next() - 1);
    const skew = (world.random.next() - 0.5) * 120_000;
    let losses = 0;
    this.election = make({
      client: new KubernetesClient(this.connectionTo(server)),
      namespace: "kube-system",
      name: "branchline",
      identity: name,
      durationMs: DURATION_MS,
      timer: this.timer(),
      wallClock: () => Math.floor(1_764_000_000_000 + world.now + skew),
      random: () => world.random.next(),
      acquired: () => void (world.terms += 1),
      lost: () => {
        if (++losses > 1) world.wrong.push(`${name} lost it twice`);
        if (!this.isCrashed) lost();
      },
      warn: () => {},
    });
    void this.election.run(new AbortController().signal);
  }

  get leads(): boolean {
    return !this.isCrashed && this.election.remainingMs() > 0;
  }

  crash(): void {
    this.isCrashed = true;
    for (const reject of this.pending) reject(new Error("crashed"));
    this.pending.clear();
  }

  /** Nothing reaches it, and nothing of it arrives. */
  cut(milliseconds: number): void {
    this.cutUntil = this.world.now + milliseconds;
  }

  get isCut(): boolean {
    return this.world.now < this.cutUntil;
  }

  heal(): void {
    this.cutUntil = 0;
    if (this.stillSince === undefined) this.pausedUntil = 0;
  }

  /** The process does not run, its clock goes on. */
  pause(milliseconds: number): void {
    this.pausedUntil = this.world.now + milliseconds;
  }

  /** The machine does not run, and neither does its clock. Never so that a leader's reserve is used up twice. */
  standStill(milliseconds: number): void {
    const { now } = this.world;
    if (now < this.stillAgainAt) return;
    this.stillAgainAt = now + 2 * DURATION_MS;
    this.stillSince = now;
    this.pausedUntil = Math.max(this.pausedUntil, now + milliseconds);
    this.world.after(milliseconds, () => {
      this.stood += milliseconds;
      this.stillSince = undefined;
    });
  }

  private local(): number {
    const { now } = this.world;
    const still = this.stood + (this.stillSince === undefined ? 0 : now - this.stillSince);
    return (now - still) * this.speed;
  }

  /** Once the process runs again. */
  private whenRunning(what: () => void): void {
    if (this.isCrashed) return;
    const left = this.pausedUntil - this.world.now;
    if (left <= 0) what();
    // It may be woken before.
    else this.world.after(Math.min(left, 1_000), () => this.whenRunning(what));
  }

  private timer(): Timer {
    return {
      now: () => this.local(),
      sleep: (milliseconds, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const due = this.local() + milliseconds;
        const look = () => {
          if (signal.aborted) return;
          const left = due - this.local();
          if (left <= 0) this.whenRunning(resolve);
          // Time goes on, however short the rest is.
          else this.world.after(Math.max(0.01, left / this.speed), look);
        };
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        look();
        return promise;
      },
    };
  }

  private connectionTo(server: Server): Connection {
    return {
      send: (request) => {
        const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
        if (this.isCrashed) reject(new Error("crashed"));
        else {
          this.pending.add(reject);
          request.signal.addEventListener("abort", () => reject(request.signal.reason as Error), {
            once: true,
          });
          const fail = (words: string) =>
            this.whenRunning(() => reject(new KubernetesError("retry", request.method, words)));
          if (this.isCut) this.world.after(1_000, () => fail("no route to host"));
          else {
            server.exchange(this.world, request, {
              answer: (answer) => this.whenRunning(() => (this.isCut ? fail("reset") : resolve(answer))),
              fail,
            });
          }
        }
        return promise;
      },
    };
  }
}

interface Stored {
  readonly version: number;
  readonly body: { readonly metadata?: { readonly resourceVersion?: string } };
}

class Server {
  lease: Stored | undefined;
  createdAt = 0;
  troubles = { refuses: false, loses: false, slow: false };
  private readonly keepsVersions: boolean;
  private version = 0;

  constructor(keepsVersions: boolean) {
    this.keepsVersions = keepsVersions;
  }

  exchange(
    world: World,
    request: HttpRequest,
    { answer, fail }: { answer: (answer: HttpAnswer) => void; fail: (words: string) => void },
  ): void {
    const { isRough } = world;
    const { refuses, loses, slow } = this.troubles;
    const delay = () => world.random.next() * (isRough && slow && world.chance(0.3) ? 5_000 : 50);
    const [there, back] = [delay(), delay()];
    const refused = isRough && refuses && world.chance(0.3);
    const lost = isRough && loses && world.chance(0.2);
    // What was sent arrives, even if whoever sent it does not wait any more.
    world.after(there, () => {
      if (refused) {
        world.after(back, () => fail("connect ECONNREFUSED"));
        return;
      }
      const wasThere = this.lease !== undefined;
      const done = this.answer(request);
      if (!wasThere && this.lease !== undefined) this.createdAt = world.now;
      world.after(back, () => (lost ? fail("socket hang up") : answer(done)));
    });
  }

  private answer({ method, body = "" }: HttpRequest): HttpAnswer {
    if (method === "GET") return this.lease === undefined ? refusal(404, "NotFound") : this.shown(this.lease);
    const given = JSON.parse(body) as Stored["body"];
    if (method === "POST" && this.lease !== undefined) return refusal(409, "AlreadyExists");
    if (method === "PUT") {
      if (this.lease === undefined) return refusal(404, "NotFound");
      const isOld = given.metadata?.resourceVersion !== String(this.lease.version);
      if (isOld && this.keepsVersions) return refusal(409, "Conflict");
    }
    this.lease = { version: ++this.version, body: given };
    return this.shown(this.lease);
  }

  private shown({ version, body }: Stored): HttpAnswer {
    const metadata = { ...body.metadata, uid: "u", resourceVersion: String(version) };
    return answerOf(200, { ...body, metadata });
  }
}

function refusal(status: number, reason: string): HttpAnswer {
  return answerOf(status, { kind: "Status", reason, message: reason });
}

function answerOf(status: number, value: object): HttpAnswer {
  return { status, headers: {}, body: once(Buffer.from(JSON.stringify(value))) };
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
