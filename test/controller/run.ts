import { Random } from "../../src/simulator/model/random.ts";
import { Player, STEP_KINDS, type Step, type StepKind } from "./player.ts";

/** How often a step of each kind comes, of all that a run has. */
const WEIGHTS: Readonly<Record<StepKind, number>> = {
  pass: 30,
  "finish call": 34,
  "lose answer": 2,
  "lose request": 2,
  "refuse call": 3,
  deliver: 20,
  describe: 6,
  "create pod": 8,
  "delete pod": 5,
  "end pod": 2,
  "edit policy": 1,
  "delete policy": 0.5,
  wait: 8,
  "wait long": 3,
  crash: 1,
  "take a VLAN id": 0.3,
  "deny annotations": 0.4,
  "allow annotations": 0.8,
};
/** Kinds without which a run goes on: each run draws which of them it has at all. */
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
];

export interface Run {
  readonly seed: number;
  readonly lag: { readonly describe: number; readonly create: number };
  readonly steps: readonly Step[];
}

export function runOf(seed: number, length: number): Run {
  const random = new Random(seed);
  const left = new Set(OPTIONAL.filter(() => random.next() < 0.3));
  const kinds = STEP_KINDS.filter((kind) => !left.has(kind));
  // Each run has its own, so that some have much of what is seldom.
  const weights = new Map(kinds.map((kind) => [kind, WEIGHTS[kind] * 3 ** (random.next() * 2 - 1)]));
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  const draw = (): StepKind => {
    let at = random.next() * sum;
    return kinds.find((kind) => (at -= weights.get(kind) ?? 0) < 0) ?? "pass";
  };
  const lag = {
    describe: random.next() < 0.5 ? 0 : Math.floor(random.next() * 20),
    create: random.next() < 0.7 ? 0 : Math.floor(random.next() * 5),
  };
  const steps = Array.from({ length }, () => ({ what: draw(), pick: Math.floor(random.next() * 2 ** 20) }));
  return { seed, lag, steps };
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

export async function play({ seed, lag, steps }: Run): Promise<Verdict> {
  const player = new Player(seed, lag);
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
