import { vi } from "vitest";
import type { Circumstances } from "./circumstances.ts";

/** Defects, each of which the model has to find. Imported before the agent: it makes the agent's decisions exchangeable. */

type Conditions = typeof import("../../src/agent/conditions.ts");
type Decide = typeof import("../../src/agent/answer/decide.ts");
type Feature = typeof import("../../src/agent/feature.ts");
type Find = typeof import("../../src/agent/trunk/find.ts");
type List = typeof import("../../src/agent/install/list.ts");
type Sweep = typeof import("../../src/agent/sweep.ts");
type Answering = typeof import("../../src/agent/answer/answerer.ts");
type Sweeping = typeof import("../../src/agent/sweeper.ts");

/** What is planted now, as functions that get the right one besides its arguments. */
interface Planted {
  isReady?: (right: boolean) => boolean;
  decide?: (right: Decide["decide"], ...given: Parameters<Decide["decide"]>) => ReturnType<Decide["decide"]>;
  featurePatch?: () => undefined;
  findTrunk?: () => ReturnType<Find["findTrunk"]>;
  planList?: (
    right: List["planList"],
    ...given: Parameters<List["planList"]>
  ) => ReturnType<List["planList"]>;
  findEscaped?: (
    right: Sweep["findEscaped"],
    ...given: Parameters<Sweep["findEscaped"]>
  ) => ReturnType<Sweep["findEscaped"]>;
  /** Policies come from the cache, however old it is. */
  believesCache?: boolean;
  /** Only so many sweeps of a process. */
  sweeps?: number;
}

let planted: Planted = {};

vi.mock("../../src/agent/conditions.ts", async (original) => {
  const right = await original<Conditions>();
  return {
    Conditions: class extends right.Conditions {
      override get isReady(): boolean {
        return planted.isReady?.(super.isReady) ?? super.isReady;
      }
    },
  };
});
vi.mock("../../src/agent/answer/decide.ts", async (original) => {
  const right = await original<Decide>();
  return {
    ...right,
    decide: (...given: Parameters<Decide["decide"]>) =>
      planted.decide?.(right.decide, ...given) ?? right.decide(...given),
  };
});
vi.mock("../../src/agent/feature.ts", async (original) => {
  const right = await original<Feature>();
  return {
    ...right,
    featurePatch: (...given: Parameters<Feature["featurePatch"]>) =>
      planted.featurePatch === undefined ? right.featurePatch(...given) : planted.featurePatch(),
  };
});
vi.mock("../../src/agent/trunk/find.ts", async (original) => {
  const right = await original<Find>();
  return {
    ...right,
    findTrunk: (...given: Parameters<Find["findTrunk"]>) =>
      planted.findTrunk?.() ?? right.findTrunk(...given),
  };
});
vi.mock("../../src/agent/install/list.ts", async (original) => {
  const right = await original<List>();
  return {
    ...right,
    planList: (...given: Parameters<List["planList"]>) =>
      planted.planList?.(right.planList, ...given) ?? right.planList(...given),
  };
});
vi.mock("../../src/agent/sweep.ts", async (original) => {
  const right = await original<Sweep>();
  return {
    ...right,
    findEscaped: (...given: Parameters<Sweep["findEscaped"]>) =>
      planted.findEscaped?.(right.findEscaped, ...given) ?? right.findEscaped(...given),
  };
});
vi.mock("../../src/agent/sweeper.ts", async (original) => {
  const right = await original<Sweeping>();
  return {
    Sweeper: class extends right.Sweeper {
      private looks = 0;

      override check(again: () => void): void {
        this.looks += 1;
        if (this.looks <= (planted.sweeps ?? Number.POSITIVE_INFINITY)) super.check(again);
      }
    },
  };
});
vi.mock("../../src/agent/answer/answerer.ts", async (original) => {
  const right = await original<Answering>();
  return {
    ...right,
    Answerer: class extends right.Answerer {
      constructor(options: ConstructorParameters<Answering["Answerer"]>[0]) {
        super(options);
        if (planted.believesCache !== true) return;
        // It is private, and the only place where this is decided.
        Object.assign(this, {
          currentPolicies: async () => [...options.policies.values()].map(({ policy }) => policy),
        });
      }
    },
  };
});

export interface Plant {
  readonly defect: string;
  /** What the model says of it. */
  readonly found: RegExp;
  readonly planted: Planted;
  /** In which it shows; the rest is plain. */
  readonly where?: Partial<Circumstances>;
}

export const PLANTS: readonly Plant[] = [
  {
    defect: "the feature is declared whether the list stands or not",
    found: /feature .* is declared, and the runtime's list asks for no branches/,
    planted: { isReady: () => true },
  },
  {
    defect: "our list comes after aws-node's",
    found: /feature .* is declared, and the runtime's list asks for no branches/,
    planted: {
      planList: (right, files, options, primaries) => ({
        ...right(files, { ...options, ours: "90-branchline.conflist" }, primaries),
        problem: undefined,
      }),
    },
  },
  {
    defect: "our entry is switched off",
    found: /feature .* is declared, and the runtime's list asks for no branches/,
    planted: {
      planList: (right, files, options, primaries) =>
        right(files, { ...options, entry: { ...options.entry, enablePodENI: false } }, primaries),
    },
  },
  {
    defect: "our entry lets a pod pass whose annotation is late",
    found: /pod \S+, which a policy selected, is let go by our plugin/,
    planted: {
      planList: (right, files, options, primaries) =>
        right(files, { ...options, entry: { ...options.entry, missingAnnotation: "pass" } }, primaries),
    },
  },
  {
    defect: "none is answered from a cache that is older than the pod",
    found: /pod \S+, which a policy selected, is let go by our plugin/,
    planted: { believesCache: true },
    where: { lag: { pods: 0, policies: 5_000 } },
  },
  {
    defect: "a pod with the limit is let go when its annotation is late",
    found: /pod \S+, which a policy selected, is let go by our plugin/,
    planted: {
      decide: (right, facts) => {
        const decision = right(facts);
        return decision.answer === "wait" ? { answer: "none" } : decision;
      },
    },
  },
  {
    defect: "a pod that a policy selects is let go when it has no limit",
    found: /pod \S+, which a policy selected, is let go by our plugin/,
    planted: { decide: (right, facts) => right({ ...facts, unrequested: "allow" }) },
  },
  {
    defect: "a pod is given a branch that is not its own",
    found: /pod \S+ runs on eni-\S+, its branch is eni-/,
    planted: {
      decide: (right, facts) => {
        const decision = right(facts);
        if (decision.answer !== "branch") return decision;
        const eniId = /eni-[0-9a-f]+/.exec(decision.annotation)?.[0] ?? "";
        const annotation = decision.annotation.replace(eniId, `${eniId.slice(0, -1)}f`);
        return { ...decision, annotation };
      },
    },
  },
  {
    defect: "the sweep passes over pods with the limit",
    found: /pod \S+, which a policy selected when it was made, runs without its branch and is not reported/,
    planted: {
      findEscaped: (right, facts) =>
        right({ ...facts, pods: [...facts.pods].filter(({ asksForBranch }) => !asksForBranch) }),
    },
    where: { trunk: "left" },
  },
  {
    defect: "the sweep passes over policies that match ServiceAccounts",
    found: /pod \S+, which a policy selected when it was made, runs without its branch and is not reported/,
    planted: {
      findEscaped: (right, facts) =>
        right({
          ...facts,
          policies: [...facts.policies].filter(({ policy }) => policy.serviceAccountSelector === undefined),
        }),
    },
    where: { selector: "account" },
  },
  {
    defect: "the sweep counts policies that are younger than the pod",
    found: /pod \S+ is reported, and no policy selected it when it was made/,
    planted: {
      findEscaped: (right, facts) =>
        right({
          ...facts,
          policies: [...facts.policies].map((policy) => ({
            ...policy,
            metadata: { ...policy.metadata, creationTimestamp: "" },
          })),
        }),
    },
  },
  {
    defect: "the sweep is made at the start only",
    found: /pod \S+, which a policy selected when it was made, runs without its branch and is not reported/,
    planted: { sweeps: 1 },
    where: { gap: 700 },
  },
  {
    defect: "the feature is never declared",
    found: /came to no end/,
    planted: { featurePatch: () => undefined },
  },
  {
    defect: "the trunk is not found",
    found: /came to no end/,
    planted: { findTrunk: () => ({ problem: "no trunk yet" }) },
  },
];

/** Plants a defect until it is called again. */
export function plant(one: Plant | undefined): void {
  planted = one?.planted ?? {};
}
