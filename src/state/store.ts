import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../sys/clock.ts";
import {
  ForeignFileError,
  ensureOwnDirectory,
  isOwnDirectory,
  readOwn,
  removeFile,
  removeOwn,
  writeFileAtomic,
} from "../sys/files.ts";
import { AssetError } from "../sys/asset.ts";
import { lockDirectory, lockFile } from "../sys/lock.ts";
import { type AttachmentRecord, formatRecord, parseRecord } from "./record.ts";
import { errorCode } from "../sys/errno.ts";

/** The node's state. A reboot clears /run, along with everything that the records describe. */
export const STATE_DIRECTORY = "/run/branchline";

/** How long to wait for another call on the same VLAN id or node: well within kubelet's deadlines. */
export const LOCK_WAIT_MS = 30_000;

/** Bytes. On a node with ten thousand addresses of its own, each of which is a step, a record has about two million. */
const MAX_RECORD = 16 * 1024 * 1024;

/** The records cannot be used. The message names the file or directory and the problem. */
export class StateError extends Error {
  override name: string = "StateError";
  /** More information, one item per line. */
  readonly details: readonly string[];

  constructor(
    message: string,
    { details = [], ...options }: ErrorOptions & { details?: readonly string[] } = {},
  ) {
    super(message, options);
    this.details = details;
  }
}

/** The attachment is completely undone, but the state directory could not be updated. */
export class LeftBehindError extends StateError {
  override name = "LeftBehindError";
}

/** Receives the state directory's errors from callers that continue in spite of them. */
export type OnStateError = (error: StateError) => void;

/** The lock was not released in time. */
export class LockTimeoutError extends Error {
  override name = "LockTimeoutError";
}

/** Identifies an attachment. */
export interface AttachmentKey {
  readonly containerId: string;
  readonly ifName: string;
}

interface Entry extends AttachmentKey {
  readonly vlanId: number;
  readonly file: string;
}

/**
 * The records, one file each, named `<vlan>:<container id>:<interface>.json`, so that listing the directory is enough to
 * find them by container or VLAN id. Neither container ids nor interface names may contain a colon (CNI spec, section
 * 2), so the names are unambiguous.
 */
export class AttachmentStore {
  readonly stateDirectory: string;
  readonly #directory: string;
  readonly #locks: string;
  readonly #clock: Clock;
  #holdsAll = false;

  constructor(stateDirectory: string, clock: Clock) {
    this.stateDirectory = stateDirectory;
    this.#directory = `${stateDirectory}/attachments`;
    this.#locks = `${stateDirectory}/locks`;
    this.#clock = clock;
  }

  /** Creates the directories. StateError if that fails or others can write to them. */
  prepare(): void {
    for (const directory of [this.stateDirectory, this.#directory, this.#locks]) {
      try {
        ensureOwnDirectory(directory);
      } catch (error) {
        throw asStateError(`Cannot make ${directory}`, error);
      }
    }
  }

  /**
   * Runs the callback under the lock of this VLAN id. With `tolerate`, for callers that only undo: if the lock file cannot
   * be used, the problem is reported and the directory is locked instead.
   */
  withVlan<T>(vlanId: number, waitMs: number, callback: () => T, tolerate?: OnStateError): T {
    const locked = () => {
      this.#removeUnfinished(vlanId, tolerate);
      return callback();
    };
    return this.#locked(`vlan-${vlanId}`, `VLAN id ${vlanId}`, waitMs, locked, tolerate);
  }

  /** Runs the callback under the lock of what all pods of the node share. The caller may hold a VLAN id's lock. */
  withNode<T>(waitMs: number, callback: () => T, tolerate?: OnStateError): T {
    return this.#locked("node", "what the node's pods share", waitMs, callback, tolerate);
  }

  #locked<T>(file: string, what: string, waitMs: number, callback: () => T, tolerate?: OnStateError): T {
    let lock: Disposable | undefined;
    try {
      this.prepare();
      lock = lockFile(`${this.#locks}/${file}`, waitMs, this.#clock);
    } catch (error) {
      const problem = asStateError(`Cannot lock ${what}`, error);
      if (tolerate === undefined) throw problem;
      tolerate(problem);
      return this.#lockedAll(what, waitMs, callback);
    }
    if (lock === undefined) throw tooLong(what, waitMs);
    using _held = lock;
    return callback();
  }

  /**
   * Under the lock of the whole directory. While we hold it no lock file can be created (see lockFile), so nobody else can
   * hold this lock. If the directory is missing, every other call fails earlier anyway.
   */
  #lockedAll<T>(what: string, waitMs: number, callback: () => T): T {
    // We hold it already: withNode may run inside withVlan.
    if (this.#holdsAll) return callback();
    using lock = this.#lockDeepest(waitMs);
    if (lock === undefined) throw tooLong(what, waitMs);
    this.#holdsAll = true;
    try {
      return callback();
    } finally {
      this.#holdsAll = false;
    }
  }

  #lockDeepest(waitMs: number): Disposable | undefined {
    const usable = [this.#locks, this.stateDirectory].find((directory) => {
      try {
        return isOwnDirectory(directory);
      } catch {
        return false;
      }
    });
    const directory = usable ?? dirname(this.stateDirectory);
    try {
      return lockDirectory(directory, waitMs, this.#clock);
    } catch (error) {
      throw asStateError(`Cannot lock ${directory}`, error);
    }
  }

  write(record: AttachmentRecord): void {
    this.prepare();
    const path = this.#path(record);
    try {
      writeFileAtomic(path, `${formatRecord(record)}\n`, 0o600);
    } catch (error) {
      throw asStateError(`Cannot write ${path}`, error);
    }
  }

  /** Removes the record, or whatever is in its place. Throws LeftBehindError. */
  remove(record: AttachmentKey & { readonly vlanId: number }): void {
    const path = this.#path(record);
    try {
      removeFile(path);
    } catch (error) {
      throw new LeftBehindError(asStateError(`Cannot remove ${path}`, error).message, { cause: error });
    }
  }

  /**
   * Throws StateError if no record could be written: for callers that change something before they write one. The caller
   * holds the VLAN id's lock.
   */
  tryToWrite(vlanId: number): void {
    // Named like an unfinished record: if we are killed here, the next call for the VLAN id removes it.
    const path = `${this.#directory}/${vlanId}:trial.tmp`;
    try {
      // One block of the file system.
      writeFileAtomic(path, " ".repeat(4096), 0o600);
      removeFile(path);
    } catch (error) {
      throw asStateError(`Cannot write into ${this.#directory}`, error);
    }
  }

  /** The record of an attachment; undefined if there is none. StateError with the path if it cannot be read. */
  find({ containerId, ifName }: AttachmentKey): AttachmentRecord | undefined {
    const entry = this.#entries().find(
      (found) => found.containerId === containerId && found.ifName === ifName,
    );
    return entry === undefined ? undefined : this.#read(entry);
  }

  /** The records of a VLAN id; more than one only if a process was killed during a take-over. */
  withVlanId(vlanId: number): AttachmentRecord[] {
    return this.#entries()
      .filter((entry) => entry.vlanId === vlanId)
      .flatMap((entry) => this.#read(entry) ?? []);
  }

  /**
   * The records whose text contains one of these strings. Unreadable records are skipped: one pod's bad record must not
   * fail every other pod. `seen` gets the file names of all that there are.
   */
  mentioning(texts: readonly string[], seen?: Set<string>): AttachmentRecord[] {
    return this.#entries().flatMap((entry) => {
      seen?.add(entry.file);
      const text = readable(() => this.#text(entry));
      if (text === undefined || !texts.some((one) => text.includes(one))) return [];
      return readable(() => parseRecord(text)) ?? [];
    });
  }

  /** The records that have come since these were seen, without those of the attachment itself and unreadable ones. */
  since(seen: ReadonlySet<string>, { containerId, ifName }: AttachmentKey): AttachmentRecord[] {
    return this.#entries().flatMap((entry) => {
      const isOwn = entry.containerId === containerId && entry.ifName === ifName;
      return isOwn || seen.has(entry.file) ? [] : (readable(() => this.#read(entry)) ?? []);
    });
  }

  /** The attachments of a VLAN id, by file name only, so including those whose records cannot be read. */
  keysOf(vlanId: number): AttachmentKey[] {
    return this.keys((entry) => entry.vlanId === vlanId);
  }

  /** The VLAN ids of an attachment, by file name only; more than one only if it was attached twice. */
  vlanIdsOf({ containerId, ifName }: AttachmentKey): number[] {
    return this.#entries()
      .filter((entry) => entry.containerId === containerId && entry.ifName === ifName)
      .map(({ vlanId }) => vlanId);
  }

  /** The attachments of a container, by file name only. */
  attachmentsOf(containerId: string): (AttachmentKey & { readonly vlanId: number })[] {
    return this.#entries().filter((entry) => entry.containerId === containerId);
  }

  /** All attachments that are `wanted`, by file name only. */
  keys(wanted: (entry: AttachmentKey & { vlanId: number }) => boolean = () => true): AttachmentKey[] {
    return this.#entries()
      .filter(wanted)
      .map(({ containerId, ifName }) => ({ containerId, ifName }));
  }

  /** Removes what killed processes left unfinished: nobody else writes while we hold the VLAN id's lock. */
  #removeUnfinished(vlanId: number, tolerate?: OnStateError): void {
    try {
      for (const file of this.#files()) {
        if (!file.startsWith(`${vlanId}:`) || !file.endsWith(".tmp")) continue;
        removeOwn(`${this.#directory}/${file}`);
      }
    } catch (error) {
      const problem = asStateError(`Cannot tidy up ${this.#directory}`, error);
      if (tolerate === undefined) throw problem;
      tolerate(problem);
    }
  }

  /** File names in the directory of records; none if it does not exist. */
  #files(): string[] {
    try {
      return isOwnDirectory(this.stateDirectory) && isOwnDirectory(this.#directory)
        ? readdirSync(this.#directory)
        : [];
    } catch (error) {
      throw asStateError(`Cannot list ${this.#directory}`, error);
    }
  }

  #entries(): Entry[] {
    return this.#files().flatMap((file) => {
      const parts = /^(\d+):([^:]+):([^:]+)\.json$/.exec(file);
      const [, vlan, containerId, ifName] = parts ?? [];
      if (vlan === undefined || containerId === undefined || ifName === undefined) return [];
      return [{ vlanId: Number(vlan), containerId, ifName, file }];
    });
  }

  /** Undefined if another call has removed it since the listing. */
  #read(entry: Entry): AttachmentRecord | undefined {
    const path = `${this.#directory}/${entry.file}`;
    const text = this.#text(entry);
    const record = text === undefined ? undefined : parseRecord(text);
    if (text !== undefined && record === undefined) {
      throw new StateError(
        `${path} is not an attachment record of this version; remove it if container ${entry.containerId} is gone`,
      );
    }
    return record;
  }

  #text({ file }: Entry): string | undefined {
    const path = `${this.#directory}/${file}`;
    try {
      return readOwn(path, MAX_RECORD);
    } catch (error) {
      throw asStateError(`Cannot read ${path}`, error);
    }
  }

  #path({ vlanId, containerId, ifName }: AttachmentKey & { vlanId: number }): string {
    return `${this.#directory}/${vlanId}:${containerId}:${ifName}.json`;
  }
}

function tooLong(what: string, waitMs: number): LockTimeoutError {
  const seconds = Math.round(waitMs / 1000);
  return new LockTimeoutError(`${what} is still being worked on by another call after ${seconds} s`);
}

/**
 * Converts a file error to StateError; `what` is what was tried. AssetError (no native library, so no locks) is not about
 * the records and is thrown as it is.
 */
export function asStateError(what: string, error: unknown): StateError {
  if (error instanceof AssetError) throw error;
  if (error instanceof StateError) return error;
  if (error instanceof ForeignFileError) return new StateError(error.message, { cause: error });
  const code = errorCode(error);
  const why = code ?? (error instanceof Error ? error.message : String(error));
  return new StateError(`${what}: ${why}`, { cause: error });
}

/** Undefined when it cannot be read. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof StateError) return undefined;
    throw error;
  }
}
