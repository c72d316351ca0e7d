import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  type BigIntStats,
} from "node:fs";
import { dirname, join } from "node:path";
import { removeDurably, removeTemporaries, replaceDurably } from "../../sys/durable.ts";

/** The plugin's executable in the runtime's directory, such as /opt/cni/bin/branchline. */

const MODE = 0o755;
/** It has more than 100 MB, and the agent shall not. */
const CHUNK = 1024 * 1024;

/** The plugin writes its native library beside itself (src/sys/asset.ts). */
const LIBRARY = /^\.branchline-[0-9a-f]+-\w+\.node$/;

/** It was written and reads back as something else. */
export class InstallError extends Error {
  override name = "InstallError";
}

/** Keeps a copy of `source` in a directory. */
export class Executable {
  readonly path: string;
  private readonly source: string;
  /** Of the copy, when it was last compared: what has not changed since is not read again. */
  private compared = "";

  constructor(source: string, directory: string, name = "branchline") {
    this.source = source;
    this.path = join(directory, name);
  }

  /** Makes the copy right; says whether it had to be written. */
  install(): boolean {
    const found = lstatSync(this.path, { throwIfNoEntry: false, bigint: true });
    if (found !== undefined && this.compared !== "" && identityOf(found) === this.compared) return false;
    removeTemporaries(this.path);
    if (found !== undefined && this.isRight(found)) return false;
    replaceDurably(this.path, chunksOf(this.source), MODE);
    if (this.isRight(lstatSync(this.path, { bigint: true }))) return true;
    throw new InstallError(`${this.path} does not read back as it was written: does somebody else write it?`);
  }

  get isThere(): boolean {
    return lstatSync(this.path, { throwIfNoEntry: false }) !== undefined;
  }

  /** Removes the copy, and the native libraries that it has written. */
  remove(): void {
    const directory = dirname(this.path);
    if (!existsSync(directory)) return;
    removeTemporaries(this.path);
    for (const name of readdirSync(directory)) {
      if (LIBRARY.test(name)) removeDurably(join(directory, name));
    }
    removeDurably(this.path);
  }

  private isRight(found: BigIntStats): boolean {
    const isRight =
      // No link, and nobody else's: they could be changed behind our back.
      found.isFile() &&
      (found.mode & 0o7777n) === BigInt(MODE) &&
      Number(found.uid) === process.geteuid?.() &&
      isSame(chunksOf(this.source), chunksOf(this.path));
    this.compared = isRight ? identityOf(found) : "";
    return isRight;
  }
}

/** Changes with each write and each change of mode. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

/** Each piece is overwritten by the next one. */
function* chunksOf(path: string): Generator<Uint8Array, void, undefined> {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const chunk = new Uint8Array(CHUNK);
    for (let done = 0; done < size;) {
      const count = readSync(fd, chunk, 0, Math.min(CHUNK, size - done), done);
      if (count === 0) return;
      done += count;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

function isSame(a: Iterable<Uint8Array>, b: Iterable<Uint8Array>): boolean {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  try {
    for (;;) {
      const [one, other] = [left.next(), right.next()];
      if (one.done === true || other.done === true) return one.done === other.done;
      if (Buffer.compare(one.value, other.value) !== 0) return false;
    }
  } finally {
    left.return?.();
    right.return?.();
  }
}
