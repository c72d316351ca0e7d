import { lstatSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import type { Clock } from "../sys/clock.ts";
import { removeFile, writeFileAtomic } from "../sys/files.ts";
import { lockFile } from "../sys/lock.ts";
import { type AttachmentRecord, parseRecord } from "./record.ts";
import { errorCode } from "../sys/errno.ts";

/** Where the node's state lies. /run is gone after a reboot, and so is everything a record is about. */
export const STATE_DIRECTORY = "/run/branchline";

/** How long to wait for another call that works on the same: well within kubelet's deadlines. */
export const LOCK_WAIT_MS = 30_000;

/** The records cannot be used: the message names the file or directory and what is wrong with it. */
export class AttachmentError extends Error {
  override name = "AttachmentError";
}

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

  constructor(stateDirectory: string, clock: Clock) {
    this.stateDirectory = stateDirectory;
    this.#directory = `${stateDirectory}/attachments`;
    this.#locks = `${stateDirectory}/locks`;
    this.#clock = clock;
  }

  /** Makes the directories; throws AttachmentError when that cannot be, or others could write there. */
  prepare(): void {
    for (const directory of [this.stateDirectory, this.#directory, this.#locks]) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        const { mode, uid } = lstatSync(directory);
        if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) {
          throw new AttachmentError(`${directory} can be written by others; expected mode 0700`);
        }
        if (!lstatSync(directory).isDirectory()) throw new AttachmentError(`${directory} is no directory`);
      } catch (error) {
        throw asAttachmentError(`Cannot make ${directory}`, error);
      }
    }
  }

  /** Runs the callback while no other process changes anything about this VLAN id. */
  withVlan<T>(vlanId: number, waitMs: number, callback: () => T): T {
    return this.#locked(`vlan-${vlanId}`, `VLAN id ${vlanId}`, waitMs, () => {
      this.#removeUnfinished(vlanId);
      return callback();
    });
  }

  /** Runs the callback while no other process changes what the node's pods share. A VLAN's lock may be held already. */
  withNode<T>(waitMs: number, callback: () => T): T {
    return this.#locked("node", "what the node's pods share", waitMs, callback);
  }

  #locked<T>(file: string, what: string, waitMs: number, callback: () => T): T {
    this.prepare();
    let lock: Disposable | undefined;
    try {
      lock = lockFile(`${this.#locks}/${file}`, waitMs, this.#clock);
    } catch (error) {
      throw asAttachmentError(`Cannot lock ${what}`, error);
    }
    if (lock === undefined) {
      throw new LockTimeoutError(
        `${what} is still being worked on by another call after ${Math.round(waitMs / 1000)} s`,
      );
    }
    using _held = lock;
    return callback();
  }

  write(record: AttachmentRecord): void {
    this.prepare();
    const path = this.#path(record);
    try {
      writeFileAtomic(path, `${JSON.stringify(record)}\n`, 0o600);
    } catch (error) {
      throw asAttachmentError(`Cannot write ${path}`, error);
    }
  }

  remove(record: AttachmentKey & { readonly vlanId: number }): void {
    const path = this.#path(record);
    try {
      removeFile(path);
    } catch (error) {
      throw asAttachmentError(`Cannot remove ${path}`, error);
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

  /** All attachments, from the listing alone. */
  keys(wanted: (entry: AttachmentKey & { vlanId: number }) => boolean = () => true): AttachmentKey[] {
    return this.#entries()
      .filter(wanted)
      .map(({ containerId, ifName }) => ({ containerId, ifName }));
  }

  /** What processes were writing when they were killed: nobody else writes while we hold the VLAN id's lock. */
  #removeUnfinished(vlanId: number): void {
    for (const file of this.#files()) {
      if (!file.startsWith(`${vlanId}:`) || !file.endsWith(".tmp")) continue;
      const path = `${this.#directory}/${file}`;
      try {
        removeFile(path);
      } catch (error) {
        throw asAttachmentError(`Cannot remove ${path}`, error);
      }
    }
  }

  #files(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw asAttachmentError(`Cannot list ${this.#directory}`, error);
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

  #read(entry: Entry): AttachmentRecord | undefined {
    const path = `${this.#directory}/${entry.file}`;
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      // Another call removed it since the listing.
      if (errorCode(error) === "ENOENT") return undefined;
      throw asAttachmentError(`Cannot read ${path}`, error);
    }
    const record = parseRecord(text);
    if (record === undefined) {
      throw new AttachmentError(`${path} is no attachment record of this version of branchline`);
    }
    return record;
  }

  #path({ vlanId, containerId, ifName }: AttachmentKey & { vlanId: number }): string {
    return `${this.#directory}/${vlanId}:${containerId}:${ifName}.json`;
  }
}

function asAttachmentError(what: string, error: unknown): AttachmentError {
  if (error instanceof AttachmentError) return error;
  const code = errorCode(error);
  const why = code ?? (error instanceof Error ? error.message : String(error));
  return new AttachmentError(`${what}: ${why}`, { cause: error });
}
