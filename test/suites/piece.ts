import { spawnSync } from "node:child_process";

/** What git says of the checkout's commit. */
export interface Commit {
  /** In hexadecimal digits. */
  readonly hash: string;
  /** It and its first parents, as far as the clone has them. */
  readonly number: number;
  /** Whether the clone lacks older ones, so that the number says nothing: CI often clones the last commit only. */
  readonly shallow: boolean;
}

/**
 * The piece of the kernel suite, from 1 to `pieces`, that belongs to a commit: by its number, so that any `pieces`
 * commits in a row cover all; by its hash where the clone is shallow. The first without a commit.
 */
export function pieceOf(commit: Commit | undefined, pieces: number): number {
  if (commit === undefined) return 1;
  const { hash, number, shallow } = commit;
  return ((shallow ? Number.parseInt(hash.slice(0, 8), 16) : number) % pieces) + 1;
}

/** Reads the commit of a checkout; undefined where git knows none, as in an unpacked archive. */
export function readCommit(cwd: string): Commit | undefined {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync("git", args, { cwd, encoding: "utf8" });
    return status === 0 ? stdout.trim() : undefined;
  };
  const hash = git("rev-parse", "HEAD");
  const number = Number(git("rev-list", "--count", "--first-parent", "HEAD"));
  if (hash === undefined || !Number.isSafeInteger(number)) return undefined;
  return { hash, number, shallow: git("rev-parse", "--is-shallow-repository") === "true" };
}
