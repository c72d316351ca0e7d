import { errorCode } from "../../sys/errno.ts";
import { messageOf } from "../../text/error-words.ts";
import type { Conditions } from "../conditions.ts";
import type { AgentOptions } from "../options.ts";
import type { Reporter } from "../reporter.ts";
import { installList } from "./directory.ts";

/** More repairs in an hour are somebody else's writing. */
const REPAIRS = 5;
const HOUR_MS = 3_600_000;

/** Keeps our list right and first, and counts how often it had to be repaired. */
export class ListKeeper {
  /** Since the agent started. */
  repairs = 0;
  private readonly options: AgentOptions;
  private readonly conditions: Conditions;
  private readonly reporter: Reporter;
  /** When it was repaired, in the last hour. */
  private recent: number[] = [];
  private hasWritten = false;

  constructor(options: AgentOptions, conditions: Conditions, reporter: Reporter) {
    this.options = options;
    this.conditions = conditions;
    this.reporter = reporter;
  }

  check(): void {
    const { cniConfDir, primaryConfDir, listName, primaryType, entry } = this.options;
    const path = `${cniConfDir}/${listName}`;
    try {
      const wanted = { ours: listName, primaryType, entry };
      const { plan, problem } = installList(cniConfDir, wanted, primaryConfDir);
      if (plan.action === "write") {
        this.reporter.log("info", `wrote ${path}: ${plan.why}`);
        if (this.hasWritten) this.repaired(plan.why);
        this.hasWritten = true;
      }
      this.conditions.set("ListFirst", problem === undefined, problem ?? path);
    } catch (error) {
      // Not the message: it has the temporary file's name, which is another each time.
      const why = errorCode(error) ?? messageOf(error);
      this.conditions.set("ListFirst", false, `Cannot write ${path}: ${why}`);
    }
  }

  /** Somebody who may has removed the list: that it is written again will be no repair. */
  forget(): void {
    this.hasWritten = false;
  }

  private repaired(why: string): void {
    const { cniConfDir, listName, timer } = this.options;
    this.repairs += 1;
    this.reporter.onNode({
      type: "Normal",
      reason: "ListRepaired",
      message: `${cniConfDir}/${listName}: ${why}`,
    });
    const now = timer.now();
    this.recent = [...this.recent.filter((at) => now - at < HOUR_MS), now];
    if (this.recent.length <= REPAIRS) return;
    this.reporter.log(
      "warn",
      `the list was written ${this.recent.length} times in the last hour (now because ${why}): somebody else writes ${cniConfDir} as well`,
    );
  }
}
