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

/** No directory gives a native library that can be loaded; the message names each one tried and why it failed. */
export class AssetError extends Error {
  override name = "AssetError";
}

/** A file that the executable carries. */
export interface Asset {
  readonly name: string;
  /** The first digits of its content's SHA-256, in hexadecimal: they tell versions apart, and a damaged file. */
  readonly hash: string;
  /** Bytes. */
  readonly size: number;
  /** Only asked for when it is not on disk yet. */
  readonly content: () => Uint8Array;
}

/** Where libraries may lie, and where it is remembered which file has been verified. */
export interface Places {
  readonly directories: readonly string[];
  /** Of the node's state: gone after a reboot, and with it what was remembered of files that a power loss may have torn. */
  readonly stateDirectory: string;
}

const USUAL: Places = {
  directories: [dirname(process.execPath), "/var/lib/branchline", "/run/branchline/lib"],
  stateDirectory: "/run/branchline",
};

/**
 * Loads the asset from where it lies, or puts it on disk first.
 *
 * The directory of the executable comes first: it is the one sure to allow execution (/run is mounted noexec on
 * Ubuntu). It may be read-only, so others follow. A file is loaded only when nobody else can write it and its content is
 * what the executable carries. Nothing is written while a good one lies anywhere. One that is damaged or cannot be loaded
 * is written once more, and then the next directory is tried. AssetError when none is left.
 */
export function loadAsset<T>(asset: Asset, load: (path: string) => T, places: Places = USUAL): T {
  const candidates = places.directories.map((directory, index) => ({ directory, isChosen: index === 0 }));
  for (const { directory, isChosen } of candidates) {
    try {
      const path = pathIn(directory, asset);
      if (!existsSync(path) || (!isChosen && !isOwnDirectory(directory))) continue;
      if (isWhole(path, asset, places.stateDirectory)) return load(path);
    } catch {
      // What is wrong with it shows again where it is to be written.
    }
  }
  const refused: string[] = [];
  for (const { directory, isChosen } of candidates) {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o755 });
      // Nobody chose the others: what lies there must be ours alone.
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
    // What cannot be loaded is of no use to anybody.
    removeFile(path);
    throw error;
  }
  remember(path, stateDirectory);
  return library;
}

/** Throws unless it is a regular file of ours that nobody else may write. */
function requireOwn(path: string): Stats {
  const found = lstatSync(path);
  if (!found.isFile() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} could have been written by others; remove it`);
  }
  return found;
}

/** Whether the file is the asset, which nobody but us could have written. Its content is looked at once a boot. */
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

/** What the file is to the kernel: another content, or another file in its place, has another change time. */
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
    // Then the content is looked at.
    return false;
  }
}

/** It costs the next start a look at the content when it cannot be remembered, and nothing else. */
function remember(path: string, stateDirectory: string): void {
  try {
    ensureOwnDirectory(stateDirectory);
    // What processes were writing when they were killed. One that is at it now does without.
    for (const file of readdirSync(stateDirectory)) {
      if (/^library\.\d+\.tmp$/.test(file)) removeFile(`${stateDirectory}/${file}`);
    }
    writeFileAtomic(stampFile(stateDirectory), stampOf(path), 0o600);
  } catch {
    // A full or read-only file system, or something foreign in its place: other calls name that.
  }
}

/** Writes the file whole, and on the disk, before it has its name; then looks at what can be read of it. */
function write(path: string, asset: Asset): void {
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

/** Libraries of other versions: who runs one has it open, and who needs one writes it. */
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

/** Temporary files of processes that were killed while writing, of whatever version. */
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
