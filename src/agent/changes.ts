import { type FSWatcher, watch } from "node:fs";
import { basename } from "node:path";
import { isTemporary } from "../sys/durable.ts";
import { LinkedAbort } from "../sys/linked-abort.ts";
import { type Timer, pause } from "../sys/timer.ts";

/** Writers of a list take some milliseconds; a half-written one is not valid. */
const SETTLE_MS = 100;

/** Changes of the configuration directories, and others that are noticed. */
export class Changes {
  private readonly directories: ReadonlySet<string>;
  private readonly signal: AbortSignal;
  private wake = new AbortController();
  private readonly watchers = new Map<string, FSWatcher>();

  constructor(directories: ReadonlySet<string>, signal: AbortSignal) {
    this.directories = directories;
    this.signal = signal;
  }

  notice(): void {
    this.wake.abort();
  }

  /** Forgets what was noticed so far; changes from now on are. */
  clear(): void {
    this.wake = new AbortController();
    for (const directory of this.directories) this.watch(directory);
  }

  private watch(directory: string): void {
    if (this.watchers.has(directory)) return;
    const forget = () => {
      this.watchers.get(directory)?.close();
      this.watchers.delete(directory);
    };
    try {
      // A directory that goes away, and comes again as another one, is told by its own name.
      const watcher = watch(directory, (_event, name) => {
        if (name === basename(directory)) forget();
        // Our own half-done files: a write that fails would wake itself for ever.
        if (name === null || !isTemporary(name)) this.notice();
      });
      watcher.on("error", forget);
      this.watchers.set(directory, watcher);
    } catch {
      // Not there yet: the recheck will find it.
    }
  }

  /** Until something is noticed, and a moment for what comes with it, or the time is up. */
  async wait(timer: Timer, milliseconds: number): Promise<void> {
    // A directory that cannot be watched is looked at more often.
    const isWatched = this.watchers.size === this.directories.size;
    using either = new LinkedAbort(this.wake.signal, this.signal);
    await pause(timer, isWatched ? milliseconds : Math.min(milliseconds, 1_000), either.signal);
    if (either.signal.aborted) await pause(timer, SETTLE_MS, this.signal);
  }

  close(): void {
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }
}
