import { lstatSync, readdirSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";
import { readOwn, removeFile, removeOwn, writeFileAtomic } from "../sys/files.ts";
import type { IpFamily } from "../values/ip.ts";
import { StateError, asStateError } from "./store.ts";

/** What strict mode changed on the node, so that it can be restored. */
export interface StrictState {
  /** Families whose rule for table local was moved. */
  readonly moved: readonly IpFamily[];
  /** tcp_early_demux before we switched it off. */
  readonly earlyDemux?: string;
}

/** Bytes; it usually has about fifty. */
const MAX_FILE = 4096;

/** `strict.json`. Callers hold the node's lock to change it. All methods throw StateError. */
export class StrictFile {
  readonly #directory: string;
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#directory = stateDirectory;
    this.#path = `${stateDirectory}/strict.json`;
  }

  exists(): boolean {
    return this.#guarded("read", () => lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined);
  }

  /** Undefined if there is none. */
  read(): StrictState | undefined {
    const text = this.#guarded("read", () => readOwn(this.#path, MAX_FILE));
    if (text === undefined) return undefined;
    const state = parse(text);
    if (state !== undefined) return state;
    throw new StateError(`${this.#path} is not what this version of branchline writes; remove it`);
  }

  write(state: StrictState): void {
    this.#guarded("write", () => writeFileAtomic(this.#path, `${JSON.stringify(state)}\n`, 0o600));
  }

  remove(): void {
    this.#guarded("remove", () => removeFile(this.#path));
  }

  /** Removes what killed processes left unfinished: nobody else writes while we hold the node's lock. */
  removeUnfinished(): void {
    try {
      for (const file of readdirSync(this.#directory)) {
        if (/^strict\.json\.\d+\.tmp$/.test(file)) removeOwn(`${this.#directory}/${file}`);
      }
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw asStateError(`Cannot tidy up ${this.#directory}`, error);
    }
  }

  #guarded<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw asStateError(`Cannot ${what} ${this.#path}`, error);
    }
  }
}

function parse(text: string): StrictState | undefined {
  let value: Partial<StrictState> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  const { moved, earlyDemux } = value ?? {};
  const isState =
    Array.isArray(moved) &&
    moved.every((family) => family === 4 || family === 6) &&
    (earlyDemux === undefined || typeof earlyDemux === "string");
  return isState ? { moved, ...(earlyDemux !== undefined && { earlyDemux }) } : undefined;
}
