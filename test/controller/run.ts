import { Random } from "../../src/simulator/model/random.ts";
import { Player, NOT_WARM, type WarmPlay, STEP_KINDS, type Step, type StepKind } from "./player.ts";

type Weights = Readonly<Partial<Record<StepKind, number>>>;

/** How often a step of each kind comes, of all that a run has; by what the run has much of. */
const THEMES = {
  everything: {
    pass: 12,
    "finish call": 28,
    "lose answer": 2,
    "lose request": 2,
    "refuse call": 3,
    deliver: 10,
    describe: 6,
    "complete caches": 2,
    "create pod": 14,
    "delete pod": 10,
    "end pod": 4,
    "edit policy": 2,
    "delete policy": 0.5,
    wait: 14,
    "wait long": 8,
    crash: 1,
    "take a VLAN id": 0.3,
    "deny annotations": 0.4,
    "allow annotations": 0.8,
  },
  policies: {
    pass: 12,
    "finish call": 28,
    "lose answer": 6,
    deliver: 10,
    describe: 2,
    "complete caches": 2,
    "create pod": 5,
    "delete pod": 1,
    "edit policy": 8,
    wait: 12,
    crash: 0.5,
  },
  restarts: {
    pass: 12,
    "finish call": 28,
    "lose request": 1,
    deliver: 8,
    describe: 12,
    "complete caches": 2,
    "create pod": 8,
    "delete pod": 5,
    "edit policy": 1,
    wait: 5,
    "wait long": 10,
    crash: 3,
  },
  churn: {
    pass: 12,
    "finish call": 26,
    "refuse call": 3,
    deliver: 10,
    describe: 2,
    "complete caches": 2,
    "create pod": 14,
    "delete pod": 9,
    wait: 6,
    "wait long": 8,
  },
  /** Of pods that live: everything, with more of what changes their groups. */
  "live groups": {
    pass: 12,
    "finish call": 34,
    "lose answer": 8,
    "lose request": 1,
    "refuse call": 2,
    deliver: 12,
    describe: 8,
    "complete caches": 2,
    "create pod": 10,
    "delete pod": 2,
    "end pod": 1,
    "edit policy": 14,
    "delete policy": 0.7,
    "revert policy": 10,
    "replace pod": 5,
    "break policy": 0.5,
    "relabel pod": 7,
    "lose policies": 0.7,
    "follow policies": 1.5,
    wait: 8,
    "wait long": 3,
    crash: 0.8,
  },
  /** With warm branches: pods of one namespace or another come and go for a long time. */
  warm: {
    pass: 10,
    "finish call": 40,
    "lose answer": 0.5,
    "lose request": 0.5,
    "refuse call": 0.5,
    deliver: 24,
    describe: 2,
    "complete caches": 3,
    "create pod": 10,
    "delete pod": 9,
    "end pod": 1,
    "edit policy": 0.3,
    "delete policy": 0.05,
    wait: 3,
    "wait long": 16,
    crash: 0.3,
    "take a VLAN id": 0.1,
    "deny annotations": 0.1,
    "allow annotations": 1,
    "fail over": 0.2,
    "be left alone": 8,
  },
  /** The same, with policies that change while pods get branches, and processes that come and go. */
  recycling: {
    pass: 10,
    "finish call": 40,
    "lose answer": 2,
    "lose request": 2,
    "refuse call": 2,
    deliver: 24,
    describe: 3,
    "complete caches": 3,
    "create pod": 10,
    "delete pod": 9,
    "edit policy": 3,
    wait: 3,
    "wait long": 16,
    crash: 0.2,
    "deny annotations": 1,
    "allow annotations": 2,
    "fail over": 0.7,
    "be left alone": 6,
  },
  /** With warm branches in a subnet that is full every now and then, so that they have to go. */
  scarcity: {
    pass: 10,
    "finish call": 40,
    "lose answer": 1,
    "lose request": 1,
    deliver: 24,
    describe: 2,
    "complete caches": 3,
    "create pod": 10,
    "delete pod": 9,
    "edit policy": 0.5,
    wait: 3,
    "wait long": 16,
    "fail over": 0.2,
    "be left alone": 8,
    "lose addresses": 4,
    "give addresses back": 6,
  },
  /** Answers and requests that come late, processes that follow each other, and a Node that comes again. */
  late: {
    pass: 12,
    "finish call": 24,
    "carry out call": 12,
    "late call": 6,
    "lose answer": 1,
    deliver: 12,
    describe: 8,
    "complete caches": 3,
    "create pod": 12,
    "delete pod": 7,
    "end pod": 2,
    "ask pod to end": 3,
    "replace pod": 2,
    "edit policy": 2,
    wait: 8,
    "wait long": 8,
    crash: 0.5,
    "fail over": 3,
    "lose node": 0.7,
    "return node": 3,
    "be left alone": 2,
  },
} as const satisfies Readonly<Record<string, Weights>>;
export type Theme = keyof typeof THEMES;

/** Kinds without which a run goes on: each run of everything draws which of them it has at all. */
const OPTIONAL: readonly StepKind[] = [
  "lose answer",
  "lose request",
  "refuse call",
  "end pod",
  "edit policy",
  "delete policy",
  "wait long",
  "crash",
  "take a VLAN id",
  "deny annotations",
  "break policy",
  "relabel pod",
  "lose policies",
];
/** Kinds that came after many seeds had become known: the last of the list. */
const LATER: readonly StepKind[] = STEP_KINDS.slice(STEP_KINDS.indexOf("fail over"));
/** What mostly comes at once after a step of a kind, as for a controller that is not busy. */
const NEXT: Readonly<Partial<Record<StepKind, StepKind>>> = {
  deliver: "pass",
  "finish call": "pass",
  wait: "pass",
  "wait long": "pass",
  "create pod": "deliver",
  "delete pod": "deliver",
  "end pod": "deliver",
  "edit policy": "deliver",
  "revert policy": "deliver",
  "replace pod": "deliver",
  "relabel pod": "deliver",
  "follow policies": "pass",
};
/** The same of living pods: what is undone before its answer is known, and what is described just after a change. */
const NEXT_OF_LIVING: typeof NEXT = { ...NEXT, "lose answer": "revert policy", describe: "revert policy" };
/** Until a trunk is there. */
const START: readonly StepKind[] = [
  "complete caches",
  "describe",
  "pass",
  "finish call",
  "finish call",
  "deliver",
  "wait",
];
const STARTS = 8;
/** Until some pods have their branch: each takes a few calls, one after another. */
const LIVING: readonly StepKind[] = [
  ...(["create pod", "create pod", "create pod", "deliver", "deliver", "deliver", "pass"] as const),
  ...Array.from({ length: 6 }, () => ["finish call", "finish call", "finish call", "pass"] as const).flat(),
  ...(["deliver", "deliver", "deliver", "pass"] as const),
];

export interface Run {
  readonly seed: number;
  /** Seconds. */
  readonly lag: { readonly describe: number; readonly create: number };
  /** Undefined: no branch is warm. */
  readonly warm?: WarmPlay;
  readonly steps: readonly Step[];
}

/** Half of the seeds are of everything, unless a theme is given. */
export function runOf(seed: number, length: number, given?: Theme): Run {
  const random = new Random(seed);
  const others = ["policies", "restarts", "churn"] as const;
  const theme = given ?? others[Math.floor(random.next() * 6)] ?? "everything";
  const nexts = theme === "live groups" ? NEXT_OF_LIVING : NEXT;
  // Of living pods that have had a warm branch, or leave one: each second run.
  const isWarm =
    theme === "warm" ||
    theme === "recycling" ||
    theme === "scarcity" ||
    (theme === "late" && seed % 3 > 0) ||
    (theme === "live groups" && seed % 2 === 1);
  const isMixed = theme === "everything" || theme === "warm" || theme === "live groups";
  const draw = drawing(THEMES[theme], isMixed ? OPTIONAL : [], random);
  const lag = {
    describe: random.next() < 0.5 ? 0 : Math.floor(random.next() * 20),
    create: random.next() < 0.7 ? 0 : Math.floor(random.next() * 5),
  };
  // Most runs are about branches, and have their trunk soon.
  const trunk = random.next() < 0.8 ? Array.from({ length: STARTS }, () => START).flat() : [];
  const start = theme === "live groups" ? [...trunk, ...LIVING, ...LIVING] : trunk;
  const steps: Step[] = [];
  let next: StepKind | undefined;
  while (steps.length < length) {
    const what: StepKind = next ?? start[steps.length] ?? draw();
    steps.push({ what, pick: Math.floor(random.next() * 2 ** 20) });
    next = steps.length >= start.length && random.next() < 0.7 ? nexts[what] : undefined;
  }
  return isWarm ? { seed, lag, warm: warmPlay(random), steps } : { seed, lag, steps };
}

function warmPlay(random: Random): WarmPlay {
  const modes = ["same-groups", "same-groups", "across-groups", "off"] as const;
  return {
    target: 1 + Math.floor(random.next() * 4),
    share: 1 + Math.floor(random.next() * 5),
    recycle: modes[Math.floor(random.next() * modes.length)] ?? "same-groups",
  };
}

/** Each run has weights of its own, so that some have much of what is seldom. */
function drawing(weights: Weights, optional: readonly StepKind[], random: Random): () => StepKind {
  // A kind that came later draws nothing where there is none of it: seeds mean what they did.
  const had = STEP_KINDS.filter((kind) => kind in weights || !LATER.includes(kind));
  const left = new Set(optional.filter((kind) => had.includes(kind) && random.next() < 0.3));
  const own = had
    .filter((kind) => !left.has(kind))
    .map((kind) => [kind, (weights[kind] ?? 0) * 3 ** (random.next() * 2 - 1)] as const);
  const sum = own.reduce((total, [, weight]) => total + weight, 0);
  return () => {
    let at = random.next() * sum;
    return own.find(([, weight]) => (at -= weight) < 0)?.[0] ?? "pass";
  };
}

/** Steps as text: what and pick, with commas between. */
export function textOf(steps: readonly Step[]): string {
  return steps.map(({ what, pick }) => `${what} ${pick}`).join(", ");
}

export function stepsOf(text: string): readonly Step[] {
  return text.split(", ").map((words) => {
    const at = words.lastIndexOf(" ");
    const what = STEP_KINDS.find((kind) => kind === words.slice(0, at));
    if (what === undefined) throw new Error(`no step: ${words}`);
    return { what, pick: Number(words.slice(at + 1)) };
  });
}

export interface Verdict {
  /** In one line each; empty if all is as it should be. */
  readonly faults: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Rounds of ten seconds until everything is right, once nothing fails any more. */
const HEALING = 90;

export async function play({ seed, lag, warm = NOT_WARM, steps }: Run): Promise<Verdict> {
  const player = new Player(seed, lag, warm);
  const { rules, bugs } = player;
  for (const [i, step] of steps.entries()) {
    await player.play(step);
    if (rules.broken.length + bugs.length > 0) {
      return {
        faults: [...rules.broken, ...bugs].map((fault) => `step ${i}: ${fault}`),
        counts: rules.counts,
      };
    }
  }
  await player.heal(HEALING);
  const faults = [...rules.broken, ...bugs, ...player.remains()];
  player.empty();
  await player.heal(HEALING);
  faults.push(...player.remains().map((fault) => `without pods: ${fault}`));
  return { faults: faults.map((fault) => `in the end: ${fault}`), counts: rules.counts };
}
