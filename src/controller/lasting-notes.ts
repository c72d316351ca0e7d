import type { Note } from "./action.ts";
import { SaidOnce } from "./said-once.ts";

/** Tells what lasts apart from what was said already: a decision says it each time. */
export class LastingNotes {
  private readonly said = new SaidOnce();

  isNew({ about, reason, message, lasts }: Note): boolean {
    if (about === "node") return true;
    if (lasts === true) return this.said.isNew(about.uid, `${reason} ${message}`);
    // What has changed since may come again.
    if (reason === "GroupsChanged") this.said.forget(about.uid);
    return true;
  }
}
