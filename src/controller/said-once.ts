/** What is remembered; the oldest are forgotten, and may be said again. */
const MOST = 10_000;

/** Tells what is new to people apart from what was said already: it is worked out each time, and they need it once. */
export class SaidOnce {
  private readonly said = new Map<string, string>();

  /** Whether the last text of this key was another, or is forgotten. */
  isNew(key: string, text: string): boolean {
    if (this.said.get(key) === text) return false;
    this.said.delete(key);
    this.said.set(key, text);
    const [oldest] = this.said.size > MOST ? this.said.keys() : [];
    if (oldest !== undefined) this.said.delete(oldest);
    return true;
  }

  /** It is over, and may come again. */
  forget(key: string): void {
    this.said.delete(key);
  }
}
