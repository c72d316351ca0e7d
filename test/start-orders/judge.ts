import { FEATURE } from "../../src/agent/feature.ts";
import type { Circumstances } from "./circumstances.ts";
import type { ModelClock } from "./clock.ts";
import type { ModelNode } from "./node.ts";
import type { Added } from "./plugin.ts";

/** A pod from its creation on, as one sees it from outside. */
export interface PodStory {
  readonly name: string;
  readonly uid: string;
  /** Of the same second as the policy, so that nobody can tell by the timestamps which was first. */
  isOfOneSecond: boolean;
  /** A policy selected it when it was made. */
  readonly isSelected: boolean;
  readonly hasLimit: boolean;
  /** The ENI that EKS' controller gave it. */
  eniId: string | undefined;
  runs: { readonly since: number; readonly network: "branch" | "ordinary" } | undefined;
  /** Why it was not started, at the last try. */
  failure: { readonly isRefused: boolean; readonly reason: string } | undefined;
  /** BranchRefused, as the pod's event has it. */
  refusal: string | undefined;
  /** When the event PodUnprotected was there. */
  reportedAt: number | undefined;
  isDeleted: boolean;
}

/** `escaped`: without its branch, and reported. */
export type Outcome = "branch" | "ordinary" | "refused" | "escaped";

/** An escaped pod is reported so soon after it runs and the agent has heard from the API server. */
const REPORT_MS = 10_000;
/** The agent hears from an API server that is there after so long: the longest back-off (src/kubernetes/back-off.ts). */
const HEARD_MS = 30_000;

/** Looks at all that happens, and says what must not. */
export class Judge {
  readonly violations: string[] = [];
  readonly stories: PodStory[] = [];
  private readonly clock: ModelClock;
  private readonly node: ModelNode;
  private readonly circumstances: Circumstances;
  private isApiUp = false;
  private isAgentUp = false;
  /** Since when both have been up. */
  private upSince: number | undefined;
  /** Since when the agent has had the list of pods. */
  private watchedSince: number | undefined;

  constructor(clock: ModelClock, node: ModelNode, circumstances: Circumstances) {
    this.clock = clock;
    this.node = node;
    this.circumstances = circumstances;
  }

  /** What the pod has come to; undefined while that is open. */
  static outcomeOf(story: PodStory): Outcome | undefined {
    const { isSelected, runs, failure, refusal, reportedAt } = story;
    if (runs?.network === "branch") return "branch";
    if (runs?.network === "ordinary" && !isSelected) return "ordinary";
    if (runs?.network === "ordinary" && reportedAt !== undefined) return "escaped";
    if (runs?.network === "ordinary") return undefined;
    return failure?.isRefused === true && refusal !== undefined ? "refused" : undefined;
  }

  say(violation: string): void {
    this.violations.push(violation);
    this.node.trace(() => `VIOLATION: ${violation}`);
  }

  apiIs(isUp: boolean): void {
    this.isApiUp = isUp;
    this.lookAgain();
  }

  agentIs(isUp: boolean): void {
    this.isAgentUp = isUp;
    this.lookAgain();
  }

  /** The agent is told which pods there are. */
  listsPods(): void {
    if (this.watchedSince !== undefined) return;
    this.watchedSince = this.clock.now;
    this.stories.forEach((story) => this.expectReport(story));
  }

  patchesCniNode(): void {
    if (!this.node.asksForBranches)
      this.say(`the feature ${FEATURE} is declared, and the runtime's list asks for no branches`);
  }

  /** Its containers start. */
  runs(story: PodStory, added: Exclude<Added, { network: "none" }>): void {
    const { name, isSelected, isOfOneSecond, hasLimit } = story;
    story.runs = { since: this.clock.now, network: added.network };
    if (added.network === "branch") {
      if (added.eniId !== story.eniId)
        this.say(`pod ${name} runs on ${added.eniId}, its branch is ${story.eniId ?? "none"}`);
      if (!isSelected && !isOfOneSecond) this.say(`pod ${name} has a branch, and no policy selected it`);
    } else if (isSelected) {
      if (this.circumstances.mode === "closed" && added.by === "another list")
        this.say(`pod ${name} was started by a list that is not ours, and nobody else writes there`);
      if (added.by === "our plugin")
        this.say(`pod ${name}, which a policy selected, is let go by our plugin`);
      if (hasLimit && this.circumstances.trunk === "asked")
        this.say(`pod ${name} asks for a branch and started before our list: capacity came first`);
      this.expectReport(story);
    }
  }

  told(uid: string, reason: string, message: string): void {
    const story = this.stories.find((one) => one.uid === uid);
    if (story === undefined) return;
    if (reason === "BranchRefused") this.refused(story, message);
    if (reason === "PodUnprotected") this.reported(story);
  }

  /** Each pod whose end is open is said to hang. */
  atTheEnd(): void {
    for (const story of this.stories) {
      if (story.isDeleted || Judge.outcomeOf(story) !== undefined) continue;
      const { runs, failure } = story;
      const what = runs === undefined ? (failure?.reason ?? "it was never tried") : `it runs ${runs.network}`;
      this.say(`pod ${story.name} came to no end: ${what}`);
    }
  }

  private refused(story: PodStory, message: string): void {
    story.refusal = message;
    if (!/SecurityGroupPolicy shop\/\S+ selects pod shop\/\S+, .*; delete it, /.test(message))
      this.say(`pod ${story.name} is refused with a reason that nobody can act on: ${message}`);
  }

  private reported(story: PodStory): void {
    story.reportedAt ??= this.clock.now;
    if (story.runs?.network === "branch") this.say(`pod ${story.name} is on its branch and reported`);
    else if (!story.isSelected && !story.isOfOneSecond)
      this.say(`pod ${story.name} is reported, and no policy selected it when it was made`);
  }

  private lookAgain(): void {
    const isUp = this.isApiUp && this.isAgentUp;
    if (isUp === (this.upSince !== undefined)) return;
    const since = isUp ? this.clock.now : undefined;
    this.upSince = since;
    this.watchedSince = undefined;
    if (!isUp) return;
    this.clock.after(HEARD_MS, () => {
      if (this.upSince === since && this.watchedSince === undefined)
        this.say(`the agent has not listed its pods ${HEARD_MS / 1000} s after the API server was there`);
    });
  }

  private expectReport(story: PodStory): void {
    const { isSelected, runs } = story;
    if (runs?.network !== "ordinary" || !isSelected) return;
    if (this.watchedSince === undefined) return;
    const since = this.watchedSince;
    this.clock.after(REPORT_MS, () => {
      // Whoever was to see it has been away meanwhile, and it is expected anew.
      if (story.reportedAt !== undefined || story.isDeleted || this.watchedSince !== since) return;
      this.say(
        `pod ${story.name}, which a policy selected when it was made, runs without its branch and is not reported after ${REPORT_MS / 1000} s`,
      );
    });
  }
}
