import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Authority, Leaf } from "./certificates.ts";
import { type Action, type Facts, decide } from "./decide.ts";

const LIFETIMES = {
  authority: { validMs: 1_000, renewMs: 600 },
  leaf: { validMs: 100, renewMs: 50 },
};
const authority = (certificate: string, notAfter = 1_000): Authority => ({
  certificate,
  key: "",
  notBefore: 0,
  notAfter,
});
const leafOf = (issuer: string, notAfter = 100): Leaf => ({
  certificate: "",
  key: "",
  issuer,
  madeAt: notAfter - 100,
  notAfter,
});

const a = authority("a");
const b = authority("b");
const steady: Facts = {
  now: 0,
  lifetimes: LIFETIMES,
  current: a,
  previous: undefined,
  registered: ["a"],
  registeredBefore: ["a"],
  leadsHere: true,
  leaf: leafOf("a"),
};

describe("decide", () => {
  it.each<[string, Partial<Facts>, Action | undefined]>([
    ["nothing, when all is well", {}, undefined],
    ["an authority where there is none", { current: undefined }, { do: "renew" }],
    ["an authority before the old one ends", { now: 600 }, { do: "renew" }],
    ["no authority a moment before", { now: 599, leaf: leafOf("a", 650) }, undefined],
    ["registers", { registered: [] }, { do: "register", bundle: ["a"] }],
    ["registers both", { current: b, previous: a }, { do: "register", bundle: ["b", "a"] }],
    ["registers what leads elsewhere", { leadsHere: false }, { do: "register", bundle: ["a"] }],
    ["removes what is not ours", { registered: ["a", "x"] }, { do: "register", bundle: ["a"] }],
    ["takes no offence at the order", { current: b, previous: a, registered: ["a", "b"] }, undefined],
    ["signs at first", { leaf: undefined, registeredBefore: undefined }, { do: "sign", by: a }],
    ["signs before the old one ends", { now: 50 }, { do: "sign", by: a }],
    ["does not sign a moment before", { now: 49 }, undefined],
    [
      "signs by the new authority once it was registered at the look before",
      { current: b, previous: a, registered: ["b", "a"], registeredBefore: ["a", "b"] },
      { do: "sign", by: b },
    ],
    [
      "until then renews by the old one",
      { now: 50, current: b, previous: a, registered: ["b", "a"] },
      { do: "sign", by: a },
    ],
    [
      "starts with the old one while the new one may be unknown",
      { leaf: undefined, current: b, previous: a, registered: ["b", "a"], registeredBefore: undefined },
      { do: "sign", by: a },
    ],
    [
      "does not start with one that ends",
      {
        now: 950,
        leaf: undefined,
        current: authority("b", 1_600),
        previous: a,
        registered: ["b", "a"],
        registeredBefore: undefined,
      },
      { do: "sign", by: authority("b", 1_600) },
    ],
    ["replaces a leaf of nobody's", { leaf: leafOf("x") }, { do: "sign", by: a }],
  ])("%s", (_what, change, expected) => expect(decide({ ...steady, ...change })).toEqual(expected));
});

/** Two replicas on one Secret and one registration, each request of theirs in any order. */
class World {
  now = 0;
  private made = 0;
  private secret = {
    version: 0,
    current: undefined as Authority | undefined,
    previous: undefined as Authority | undefined,
  };
  private registration = { version: 0, bundle: [] as readonly string[], at: 0 };
  /** What API servers knew before the last change. */
  private known: readonly string[] = [];
  readonly replicas = [0, 1].map(() => ({
    steps: undefined as Generator<undefined, void> | undefined,
    leaf: undefined as Leaf | undefined,
    before: undefined as readonly string[] | undefined,
    lookAt: 0,
  }));

  /** Shorter than the time between two looks. */
  static readonly LAG = 5;
  static readonly LOOK = 10;

  /** What an API server trusts at least and what at most: it may or may not have heard of the last change. */
  private trusted(): readonly (readonly string[])[] {
    const isNew = this.now - this.registration.at < World.LAG;
    return isNew ? [this.known, this.registration.bundle] : [this.registration.bundle];
  }

  private *look(replica: World["replicas"][number]): Generator<undefined, void> {
    for (let step = 0; step < 4; step++) {
      const registration = this.registration;
      yield;
      const secret = this.secret;
      yield;
      const valid = (one: Authority | undefined) =>
        one !== undefined && one.notAfter > this.now ? one : undefined;
      const facts: Facts = {
        now: this.now,
        lifetimes: LIFETIMES,
        current: valid(secret.current),
        previous: valid(secret.previous),
        registered: registration.bundle,
        registeredBefore: replica.before,
        leadsHere: true,
        leaf: replica.leaf,
      };
      const action = decide(facts);
      yield;
      if (action === undefined) {
        replica.before = facts.registered;
        return;
      }
      if (action.do === "renew") {
        if (this.secret !== secret) return;
        const made = authority(`authority-${(this.made += 1)}`, this.now + LIFETIMES.authority.validMs);
        this.secret = { version: secret.version + 1, current: made, previous: facts.current };
      } else if (action.do === "register") {
        if (this.registration !== registration) return;
        this.known = registration.bundle;
        this.registration = { version: registration.version + 1, bundle: action.bundle, at: this.now };
      } else {
        const notAfter = Math.min(this.now + LIFETIMES.leaf.validMs, action.by.notAfter);
        replica.leaf = leafOf(action.by.certificate, notAfter);
      }
    }
  }

  /** One request of a replica, or the beginning of a look if it is time. */
  step(index: number): void {
    const replica = this.replicas[index];
    if (replica === undefined) return;
    if (replica.steps === undefined && this.now >= replica.lookAt) replica.steps = this.look(replica);
    if (replica.steps?.next().done === true) {
      replica.steps = undefined;
      replica.lookAt = this.now + World.LOOK;
    }
  }

  /** A replica that does not run for long is another matter: none is late by more than the time between two looks. */
  keepUp(): void {
    for (const [index, replica] of this.replicas.entries())
      while (replica.lookAt + World.LOOK <= this.now) this.step(index);
  }

  restart(index: number): void {
    const replica = this.replicas[index];
    if (replica !== undefined)
      Object.assign(replica, { steps: undefined, leaf: undefined, before: undefined, lookAt: 0 });
  }

  /** Certificates in use that an API server does not trust, or that have expired. */
  faults(): readonly string[] {
    return this.replicas.flatMap(({ leaf }) => {
      if (leaf === undefined) return [];
      const isUnknown = this.trusted().some((bundle) => !bundle.includes(leaf.issuer));
      return [
        ...(isUnknown
          ? [`${this.now}: ${leaf.issuer} signed, and API servers trust ${JSON.stringify(this.trusted())}`]
          : []),
        ...(leaf.notAfter <= this.now ? [`${this.now}: a leaf has expired`] : []),
      ];
    });
  }
}

it("two replicas, requests in any order, restarts: what is in use is always trusted", () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ do: fc.constant("step" as const), by: fc.nat(1) }) },
    {
      weight: 8,
      arbitrary: fc.record({ do: fc.constant("time" as const), by: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), by: fc.nat(1) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 500, maxLength: 1_500, size: "max" }), (steps) => {
      const world = new World();
      // The first start: nothing is trusted until it is registered, and nobody has been served yet.
      for (let i = 0; i < 40; i++) world.step(i % 2);
      world.now += World.LAG;
      for (const one of steps) {
        if (one.do === "step") world.step(one.by);
        else if (one.do === "restart") world.restart(one.by);
        else {
          world.keepUp();
          world.now += one.by;
        }
        expect(world.faults()).toEqual([]);
      }
    }),
    { numRuns: 60, seed: 20_261_128, endOnFailure: true },
  );
});
