import type { Note } from "./action.ts";

/** Notes that are remembered; the oldest are forgotten, and may be said again. */
const MOST = 10_000;

/** Tells what lasts apart from what was said already: a decision says it each time, and people need it once. */
export class LastingNotes {
  private readonly said = new Map<string, string>();

  isNew({ about, reason, message, lasts }: Note): boolean {
    if (about === "node") return true;
    const key = about.uid;
    if (lasts !== true) {
      // What has changed since may come again.
      if (reason === "GroupsChanged") this.said.delete(key);
      return true;
    }
    const text = `${reason} ${message}`;
    if (this.said.get(key) === text) return false;
    this.said.delete(key);
    this.said.set(key, text);
    const [oldest] = this.said.size > MOST ? this.said.keys() : [];
    if (oldest !== undefined) this.said.delete(oldest);
    return true;
  }
}
