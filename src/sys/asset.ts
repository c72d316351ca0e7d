import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeSync,
  type Stats,
} from "node:fs";
import { dirname } from "node:path";
import { getBuiltinModule } from "node:process";
import { errorCode } from "./errno.ts";
import {
  ensureOwnDirectory,
  isOwnDirectory,
  openDirectory,
  readOwn,
  removeFile,
  writeFileAtomic,
} from "./files.ts";

/** No directory has a native library that can be loaded. The message names each one tried and why it failed. */
export class AssetError extends Error {
  override name = "AssetError";
}

/** A file that the executable carries. */
export interface Asset {
  readonly name: string;
  /** First hexadecimal digits of its SHA-256; they identify the version and detect damage. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  /** Read only if the file has to be written. */
  readonly content: () => Uint8Array;
}

/** The directories for libraries, and the one that remembers which file has been verified. */
export interface Places {
  readonly directories: readonly string[];
  /** Lost on reboot, so that files are verified again after a power loss, which may have damaged them. */
  readonly stateDirectory: string;
}

const USUAL: Places = {
  directories: [dirname(process.execPath), "/var/lib/branchline", "/run/branchline/lib"],
  stateDirectory: "/run/branchline",
};

/**
 * Loads the asset from disk, writing it first if necessary.
 *
 * The executable's directory comes first, since it surely allows execution (Ubuntu mounts /run noexec). It may be
 * read-only, so there are others. A file is loaded only if nobody else can write to it and its content is what the
 * executable carries. If any directory has a good one, nothing is written. A file that is damaged or does not load is
 * written once more before the next directory is tried. AssetError if all fail.
 */
export function loadAsset<T>(asset: Asset, load: (path: string) => T, places: Places = USUAL): T {
  const candidates = places.directories.map((directory, index) => ({ directory, isChosen: index === 0 }));
  for (const { directory, isChosen } of candidates) {
    try {
      const path = pathIn(directory, asset);
      if (!existsSync(path) || (!isChosen && !isOwnDirectory(directory))) continue;
      if (isWhole(path, asset, places.stateDirectory)) return load(path);
    } catch {
      // The same problem is reported when the file is to be written.
    }
  }
  const refused: string[] = [];
  for (const { directory, isChosen } of candidates) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      // The administrator chose only the executable's directory; the others must be writable by us alone.
      if (!isChosen) isOwnDirectory(directory);
      return writeAndLoad(pathIn(directory, asset), asset, load, places.stateDirectory);
    } catch (error) {
      refused.push(`${directory}${whyNot(error)}`);
    }
  }
  throw new AssetError(`cannot load the native library from ${refused.join("; nor from ")}`);
}

function pathIn(directory: string, { hash, name }: Asset): string {
  return `${directory}/.branchline-${hash}-${name}`;
}

function whyNot(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const isMapping = errorCode(error) === "ERR_DLOPEN_FAILED" && text.includes("failed to map segment");
  return isMapping ? " (mounted noexec?)" : `: ${text}`;
}

function writeAndLoad<T>(path: string, asset: Asset, load: (path: string) => T, stateDirectory: string): T {
  if (existsSync(path)) requireOwn(path);
  write(path, asset);
  let library: T;
  try {
    library = load(path);
  } catch (error) {
    removeFile(path);
    throw error;
  }
  remember(path, stateDirectory);
  return library;
}

/** Throws unless it is a regular file that we own and nobody else can write to. */
function requireOwn(path: string): Stats {
  const found = lstatSync(path);
  if (!found.isFile() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} could have been written by others; remove it`);
  }
  return found;
}

/** Whether the file is the asset and only we could have written it. The content is verified once per boot. */
function isWhole(path: string, asset: Asset, stateDirectory: string): boolean {
  if (requireOwn(path).size !== asset.size) return false;
  if (isRemembered(path, stateDirectory)) return true;
  if (!hasHash(path, asset)) return false;
  remember(path, stateDirectory);
  return true;
}

function hasHash(path: string, { hash }: Asset): boolean {
  const { createHash } = getBuiltinModule("node:crypto");
  return createHash("sha256").update(readFileSync(path)).digest("hex").startsWith(hash);
}

/** Identifies the file and its content: if either is replaced, the change time differs. */
function stampOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
  return `${path} ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** Bytes. */
const MAX_STAMP = 8192;

function stampFile(stateDirectory: string): string {
  return `${stateDirectory}/library`;
}

function isRemembered(path: string, stateDirectory: string): boolean {
  try {
    return isOwnDirectory(stateDirectory) && readOwn(stampFile(stateDirectory), MAX_STAMP) === stampOf(path);
  } catch {
    // Verify the content instead.
    return false;
  }
}

/** If this fails, the next start only has to verify the content again. */
function remember(path: string, stateDirectory: string): void {
  try {
    ensureOwnDirectory(stateDirectory);
    // Left by killed processes. If a process is writing one right now, it only loses its stamp.
    for (const file of readdirSync(stateDirectory)) {
      if (/^library\.\d+\.tmp$/.test(file)) removeFile(`${stateDirectory}/${file}`);
    }
    writeFileAtomic(stampFile(stateDirectory), stampOf(path), 0o600);
  } catch {
    // A full or read-only file system, or a foreign file: calls that need the directory report it.
  }
}

/** Writes and syncs a temporary file, verifies it, and renames it into place. */
function write(path: string, asset: Asset): void {
  const content = asset.content();
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  removeAbandoned(path);
  const temporary = `${path}.${process.pid}`;
  const fd = openSync(temporary, "wx", 0o700);
  try {
    // Whatever the caller's umask.
    fchmodSync(fd, 0o755);
    for (let done = 0; done < content.length;) done += writeSync(fd, content, done);
    fsyncSync(fd);
    if (!hasHash(temporary, asset)) throw new Error(`${temporary} does not read as it was written`);
    renameSync(temporary, path);
  } catch (error) {
    removeFile(temporary);
    throw error;
  } finally {
    closeSync(fd);
  }
  syncDirectory(directory);
  removeOthers(path, asset);
}

function syncDirectory(directory: string): void {
  const fd = openDirectory(directory);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes libraries of other versions: a process that runs one has it open, and one that needs it writes it again. */
function removeOthers(path: string, { name, hash }: Asset): void {
  const directory = dirname(path);
  const libraries = /^\.branchline-([0-9a-f]+)-(.+)$/;
  for (const entry of readdirSync(directory)) {
    const [, other, file] = libraries.exec(entry) ?? [];
    if (file !== name || other === hash || other?.length !== hash.length) continue;
    const found = lstatSync(`${directory}/${entry}`, { throwIfNoEntry: false });
    if (found?.isFile() === true && found.uid === process.geteuid?.()) removeFile(`${directory}/${entry}`);
  }
}

/** Removes temporary files of killed processes, of any version. */
function removeAbandoned(path: string): void {
  const directory = dirname(path);
  const temporary = /^\.branchline-[0-9a-f]+-.+\.(\d+)$/;
  for (const entry of readdirSync(directory)) {
    const pid = temporary.exec(entry)?.[1];
    if (pid === undefined) continue;
    // We have not written ours yet, so a file with our PID was left by an earlier process. Others may tidy up as well.
    if (pid === String(process.pid) || !existsSync(`/proc/${pid}`)) removeFile(`${directory}/${entry}`);
  }
}
