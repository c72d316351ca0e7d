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

/** Where the node's state lies. /run is gone after a reboot, and so is everything a record is about. */
export const STATE_DIRECTORY = "/run/branchline";

/** How long to wait for another call that works on the same: well within kubelet's deadlines. */
export const LOCK_WAIT_MS = 30_000;

/** Bytes. One of a node with ten thousand addresses of its own, each a step, has some two million. */
const MAX_RECORD = 16 * 1024 * 1024;

/** The records cannot be used: the message names the file or directory and what is wrong with it. */
export class StateError extends Error {
  override name: string = "StateError";
  /** What else is known, one item a line. */
  readonly details: readonly string[];

  constructor(
    message: string,
    { details = [], ...options }: ErrorOptions & { details?: readonly string[] } = {},
  ) {
    super(message, options);
    this.details = details;
  }
}

/** All of an attachment is taken back, but the state directory could not be brought up to date. */
export class LeftBehindError extends StateError {
  override name = "LeftBehindError";
}

/** Told of what is wrong with the state directory by who goes on all the same. */
export type OnStateError = (error: StateError) => void;

/** A VLAN id stayed locked for as long as one may wait for it. */
export class LockTimeoutError extends Error {
  override name = "LockTimeoutError";
}

/** Which attachment a record is of. */
export interface AttachmentKey {
  readonly containerId: string;
  readonly ifName: string;
}

interface Entry extends AttachmentKey {
  readonly vlanId: number;
  readonly file: string;
}

/**
 * The records, a file each, named `<vlan>:<container id>:<interface>.json`: found by container and by VLAN id from the
 * listing alone, however many there are. Neither a container id nor an interface name may hold a colon (CNI spec,
 * section 2), so the name reads back without doubt.
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

  /** Makes the directories; throws StateError when that cannot be, or others could write there. */
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
   * Runs the callback while no other process changes anything about this VLAN id. With `tolerate`, for who only takes
   * something back: where the lock's file cannot be used, what is wrong is told, and the directory is locked instead.
   */
  withVlan<T>(vlanId: number, waitMs: number, callback: () => T, tolerate?: OnStateError): T {
    const locked = () => {
      this.#removeUnfinished(vlanId, tolerate);
      return callback();
    };
    return this.#locked(`vlan-${vlanId}`, `VLAN id ${vlanId}`, waitMs, locked, tolerate);
  }

  /** Runs the callback while no other process changes what the node's pods share. A VLAN's lock may be held already. */
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
    // It is held by us already: what the node's pods share is locked within a VLAN's lock.
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

  /** Whatever stands in its place goes. Throws LeftBehindError. */
  remove(record: AttachmentKey & { readonly vlanId: number }): void {
    const path = this.#path(record);
    try {
      removeFile(path);
    } catch (error) {
      throw new LeftBehindError(asStateError(`Cannot remove ${path}`, error).message, { cause: error });
    }
  }

  /**
   * Throws StateError where no record could be written: for who would change something before he writes one. The
   * caller holds the VLAN's lock.
   */
  tryToWrite(vlanId: number): void {
    // As a record is named that is not whole yet: should we be killed here, the next call on the VLAN id tidies it up.
    const path = `${this.#directory}/${vlanId}:trial.tmp`;
    try {
      // As much as the file system gives out at once.
      writeFileAtomic(path, " ".repeat(4096), 0o600);
      removeFile(path);
    } catch (error) {
      throw asStateError(`Cannot write into ${this.#directory}`, error);
    }
  }

  /** The record of an attachment; undefined when there is none. A broken one throws, with its path. */
  find({ containerId, ifName }: AttachmentKey): AttachmentRecord | undefined {
    const entry = this.#entries().find(
      (found) => found.containerId === containerId && found.ifName === ifName,
    );
    return entry === undefined ? undefined : this.#read(entry);
  }

  /** The records of a VLAN id: more than one only when a process was killed between two steps of a take-over. */
  withVlanId(vlanId: number): AttachmentRecord[] {
    return this.#entries()
      .filter((entry) => entry.vlanId === vlanId)
      .flatMap((entry) => this.#read(entry) ?? []);
  }

  /**
   * The records whose text has one of these strings in it. Those that cannot be read are left out: what is wrong with
   * one pod's record is no reason to fail every other pod.
   */
  mentioning(texts: readonly string[]): AttachmentRecord[] {
    return this.#entries().flatMap((entry) => {
      try {
        const text = this.#text(entry);
        if (text === undefined || !texts.some((one) => text.includes(one))) return [];
        return parseRecord(text) ?? [];
      } catch (error) {
        if (error instanceof StateError) return [];
        throw error;
      }
    });
  }

  /** The attachments of a VLAN id, from the listing alone: also those whose records cannot be read. */
  keysOf(vlanId: number): AttachmentKey[] {
    return this.keys((entry) => entry.vlanId === vlanId);
  }

  /** The VLAN ids of an attachment, from the listing alone: more than one only when it was made twice. */
  vlanIdsOf({ containerId, ifName }: AttachmentKey): number[] {
    return this.#entries()
      .filter((entry) => entry.containerId === containerId && entry.ifName === ifName)
      .map(({ vlanId }) => vlanId);
  }

  /** The attachments of a container, from the listing alone. */
  attachmentsOf(containerId: string): (AttachmentKey & { readonly vlanId: number })[] {
    return this.#entries().filter((entry) => entry.containerId === containerId);
  }

  /** All attachments, from the listing alone. */
  keys(wanted: (entry: AttachmentKey & { vlanId: number }) => boolean = () => true): AttachmentKey[] {
    return this.#entries()
      .filter(wanted)
      .map(({ containerId, ifName }) => ({ containerId, ifName }));
  }

  /** What processes were writing when they were killed: nobody else writes while we hold the VLAN id's lock. */
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

  /** Names in the directory of records; none while it is not there. */
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

  /** Undefined when another call removed it since the listing. */
  #read(entry: Entry): AttachmentRecord | undefined {
    const path = `${this.#directory}/${entry.file}`;
    const text = this.#text(entry);
    const record = text === undefined ? undefined : parseRecord(text);
    if (text !== undefined && record === undefined) {
      throw new StateError(
        `${path} is no attachment record of this version of branchline; remove it if container ${entry.containerId} is no more`,
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
 * What a file's or a directory's failure means for the records; `what` is what was tried. Without the native library
 * nothing can be locked, which is no matter of the records: AssetError goes on as it is.
 */
export function asStateError(what: string, error: unknown): StateError {
  if (error instanceof AssetError) throw error;
  if (error instanceof StateError) return error;
  if (error instanceof ForeignFileError) return new StateError(error.message, { cause: error });
  const code = errorCode(error);
  const why = code ?? (error instanceof Error ? error.message : String(error));
  return new StateError(`${what}: ${why}`, { cause: error });
}
