import {
  closeSync,
  existsSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { removeFile } from "./files.ts";

/** Thrown when no directory can hold the native library; the message names each one tried and why it failed. */
export class AssetError extends Error {
  override name = "AssetError";
}

/** A file that the executable carries. */
export interface Asset {
  readonly name: string;
  /** Of the content; a few digits that tell versions apart. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  /** Only asked for when it is not on disk yet. */
  readonly content: () => Uint8Array;
}

/**
 * Puts the asset on disk, so that it can be loaded, and returns its path.
 *
 * The directory of the executable comes first: it is the one sure to allow execution (/run is mounted noexec on
 * Ubuntu). It may be read-only, so others follow. The name carries the content's hash: a file of that name, of that
 * size, that only we could have written, is the asset, and a new version never replaces a library in use.
 */
export function materialize(
  asset: Asset,
  directories: readonly string[] = [dirname(process.execPath), "/var/lib/branchline", "/run/branchline/lib"],
): string {
  const refused: string[] = [];
  for (const directory of directories) {
    try {
      return place(`${directory}/.branchline-${asset.hash}-${asset.name}`, asset);
    } catch (error) {
      refused.push(`${directory}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new AssetError(`Cannot write the native library anywhere: ${refused.join("; ")}`);
}

function place(path: string, asset: Asset): string {
  if (existsSync(path) && trusted(path, asset.size)) return path;
  const content = asset.content();
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  removeAbandoned(path);
  const temporary = `${path}.${process.pid}`;
  const fd = openSync(temporary, "wx", 0o700);
  try {
    // The umask of whoever called us must not decide.
    fchmodSync(fd, 0o755);
    for (let done = 0; done < content.length;) done += writeSync(fd, content, done);
    renameSync(temporary, path);
  } catch (error) {
    removeFile(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  return path;
}

/** Whether the file is a regular one of ours, complete, which nobody else may write. */
function trusted(path: string, size: number): boolean {
  const found = lstatSync(path);
  if (!found.isFile() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} could have been written by others; remove it`);
  }
  return found.size === size;
}

/** Temporary files of processes that were killed while writing. */
function removeAbandoned(path: string): void {
  const [directory, prefix] = [dirname(path), `${path.slice(path.lastIndexOf("/") + 1)}.`];
  for (const entry of readdirSync(directory)) {
    if (!entry.startsWith(prefix)) continue;
    const pid = entry.slice(prefix.length);
    // Ours is not written yet: one of our number is another's who had it before. Others may tidy up at the same time.
    if (pid === String(process.pid) || !existsSync(`/proc/${pid}`)) removeFile(`${directory}/${entry}`);
  }
}
