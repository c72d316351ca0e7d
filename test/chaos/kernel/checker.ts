import { sleep } from "../../ground/run.ts";
import { type Lines, differences } from "../model/lines.ts";
import { fileDefects } from "../model/files.ts";
import { neighboursPodLines, nodeLines } from "../model/node-lines.ts";
import type { Outcome } from "../model/expectation.ts";
import { podLines } from "../model/pod-lines.ts";
import { type World, sandboxesIn } from "../model/world.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Ground } from "./ground.ts";

/** What is not as the model says. */
export interface Defect {
  readonly what: "answer" | "node" | "namespace";
  /** One for each difference: `- …` is missing, `+ …` should not be there. */
  readonly lines: readonly string[];
}

export class DefectError extends Error {
  override name = "DefectError";
  readonly defect: Defect;

  constructor(defect: Defect) {
    super(defect.lines.join("\n"));
    this.defect = defect;
  }
}

/** Holds the node, the state directory and the namespaces against the model. */
export class Checker {
  readonly #ground: Ground;
  /** Of each namespace that was as it should be, its bytes at that moment. */
  readonly #prints = new Map<string, Buffer>();
  /** How many namespaces were read whole, and how many were known by their bytes. */
  reads = 0;
  matches = 0;

  readonly #settlingMs: number;

  /** How long the kernel is given to finish what it has begun. */
  constructor(ground: Ground, settlingMs: number) {
    this.#ground = ground;
    this.#settlingMs = settlingMs;
  }

  /** The world of one of the outcomes, which the kernel is in. Throws DefectError when it is in none. */
  async find(outcomes: readonly Outcome[], everything: boolean): Promise<World> {
    const { world, touched } = await this.#findNode(outcomes);
    for (const state of sandboxesIn(world)) {
      if (!state.namespace) continue;
      const { netns, id } = state.spec;
      const lines = podLines(world, state, this.#ground.around);
      if (lines === undefined) this.#prints.delete(netns);
      else await this.#expectNamespace(netns, lines, everything || touched.includes(id));
    }
    const { netns, base } = this.#ground.neighboursPod;
    await this.#expectNamespace(netns, neighboursPodLines(world, base), everything);
    return world;
  }

  async #findNode(outcomes: readonly Outcome[]): Promise<Outcome> {
    const judge = async () => {
      const files = this.#ground.files();
      const seen = await this.#ground.read();
      return outcomes.map((outcome) => ({
        outcome,
        wrong: [
          ...fileDefects(outcome.world, files),
          ...differences(nodeLines(outcome.world, this.#ground.base), seen),
        ],
      }));
    };
    const judged = await this.#settled(judge, (all) => all.some(({ wrong }) => wrong.length === 0));
    // The nearest, should there be none that fits.
    const [best] = judged.toSorted((a, b) => a.wrong.length - b.wrong.length);
    if (best === undefined) throw new Error("an operation without an outcome");
    if (best.wrong.length > 0) throw new DefectError({ what: "node", lines: best.wrong });
    return best.outcome;
  }

  async #expectNamespace(netns: string, lines: Lines, whole: boolean): Promise<void> {
    const known = this.#prints.get(netns);
    if (!whole && known !== undefined && known.equals(fingerprintOf(netns))) {
      this.matches += 1;
      return;
    }
    this.reads += 1;
    this.#prints.delete(netns);
    const look = async () => {
      // Before it is read: what changes in between is seen the next time.
      const print = fingerprintOf(netns);
      return { print, wrong: differences(lines, await this.#ground.readPod(netns)) };
    };
    const { print, wrong } = await this.#settled(look, (seen) => seen.wrong.length === 0);
    if (wrong.length > 0)
      throw new DefectError({ what: "namespace", lines: wrong.map((line) => `${netns}: ${line}`) });
    this.#prints.set(netns, print);
  }

  async #settled<T>(look: () => Promise<T>, isGood: (seen: T) => boolean): Promise<T> {
    const end = Date.now() + this.#settlingMs;
    for (;;) {
      const seen = await look();
      if (isGood(seen) || Date.now() > end) return seen;
      await sleep(50);
    }
  }
}
