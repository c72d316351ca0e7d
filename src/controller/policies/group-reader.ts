import { backOffMs } from "../../ec2/budget.ts";
import type { CallOptions, Ec2Port } from "../../ec2/port.ts";
import { type Timer, pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import { failureOf, refusalOf } from "../failure.ts";
import { type GroupFacts, groupStates, isGroupId } from "./groups.ts";

/** All groups are described anew after so long. */
const AGAIN_MS = 60_000;
/** A permission that is missing is not asked for sooner. */
const DENIED_MS = 60_000;
/** So often EC2 may fail to answer before what it has said last is not held to be so any more. */
const PATIENCE = 3;
/** From a policy's change to the call: several come at once. */
const GATHER_MS = 250;
/** EC2 takes no more values in a filter. */
const VALUES = 200;

export interface GroupReaderOptions {
  readonly port: Pick<Ec2Port, "groups">;
  readonly vpc: (call: CallOptions) => Promise<string | undefined>;
  /** Ids that policies name. */
  readonly wanted: () => ReadonlySet<string>;
  /** Something is known otherwise than before. */
  readonly changed: () => void;
  readonly timer: Timer;
  readonly random: () => number;
  readonly log: (level: "warn", message: string) => void;
}

/** Keeps what EC2 says of the groups that policies name: DescribeSecurityGroups by id, in pages, once a minute at most unless a policy names another. */
export class GroupReader {
  private readonly options: GroupReaderOptions;
  private known: GroupFacts = { of: groupStates(new Set(), []), vpc: undefined, problem: undefined };
  private asked: ReadonlySet<string> = new Set();
  /** What it was said that is known; undefined: nothing was said yet. */
  private said: string | undefined;
  private woken = Promise.withResolvers<void>();

  constructor(options: GroupReaderOptions) {
    this.options = options;
  }

  get facts(): GroupFacts {
    return this.known;
  }

  /** A policy names these. A start brings thousands of policies: it is not looked through all of them for each. */
  named(groups: readonly string[]): void {
    if (groups.some((id) => isGroupId(id) && !this.asked.has(id))) this.woken.resolve();
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { timer, random, log } = this.options;
    let failures = 0;
    while (!signal.aborted) {
      this.woken = Promise.withResolvers();
      let next = AGAIN_MS;
      const before = this.known;
      try {
        await this.read({ signal, priority: "changing" });
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const failure = failureOf(error);
        next = failure.kind === "denied" ? DENIED_MS : backOffMs(failures, random);
        const problem = refusalOf({ ...failure, message: messageOf(error) });
        if (problem !== before.problem)
          log("warn", `which security groups there are is not known: ${problem}`);
        // Each that is told makes every policy's status another.
        const isLasting = failure.kind === "denied" || failures >= PATIENCE;
        this.known = { ...before, problem: isLasting ? problem : before.problem };
      }
      this.tell();
      await Promise.race([pause(timer, next, signal), ...(failures > 0 ? [] : [this.woken.promise])]);
      if (!signal.aborted) await pause(timer, GATHER_MS, signal);
    }
  }

  /** Whoever is told counts every pod of a policy: not each minute, but when it is news. */
  private tell(): void {
    const { vpc, problem, of } = this.known;
    const text = JSON.stringify([vpc, problem, [...this.asked].toSorted().map((id) => [id, of(id)])]);
    if (text === this.said) return;
    this.said = text;
    this.options.changed();
  }

  private async read(call: CallOptions): Promise<void> {
    const { port, vpc, wanted } = this.options;
    const asked = new Set([...wanted()].filter(isGroupId));
    const ids = [...asked];
    const answered = [];
    for (let at = 0; at < ids.length; at += VALUES)
      answered.push(...(await port.groups({ "group-id": ids.slice(at, at + VALUES) }, call)));
    // A cluster without policies needs no VPC for them.
    const own = ids.length === 0 ? this.known.vpc : await vpc(call);
    this.asked = asked;
    this.known = { of: groupStates(asked, answered), vpc: own, problem: undefined };
  }
}
