import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import { pieceOf, readCommit } from "./piece.ts";

const scratch = useScratch();

function git(cwd: string, ...args: string[]): string {
  const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgSign=false"];
  const { status, stdout, stderr } = spawnSync("git", [...author, ...args], { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** A repository with as many commits, the last one checked out. */
function repositoryOf(commits: number): string {
  const cwd = join(scratch.path, "whole");
  git(scratch.path, "init", "--quiet", cwd);
  for (let number = 1; number <= commits; number++)
    git(cwd, "commit", "--quiet", "--allow-empty", "--message", `commit ${number}`);
  return cwd;
}

it("covers all pieces in as many commits, whichever the first", () => {
  const pieces = Array.from({ length: 10 }, (_, index) =>
    pieceOf({ hash: "0123456789abcdef", number: 137 + index, shallow: false }, 10),
  );
  expect(pieces.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

it("goes by the hash in a shallow clone, where every commit has the same number", () => {
  // 0x12345678 is 305419896, 0xffffffff is 4294967295.
  expect(pieceOf({ hash: "123456789abcdef0", number: 1, shallow: true }, 10)).toBe(7);
  expect(pieceOf({ hash: "ffffffff00000000", number: 1, shallow: true }, 10)).toBe(6);
});

it("is the first without a commit", () => {
  expect(pieceOf(undefined, 10)).toBe(1);
  expect(readCommit(scratch.path)).toBeUndefined();
});

it("counts first parents", () => {
  const cwd = repositoryOf(3);
  git(cwd, "checkout", "--quiet", "-b", "side", "HEAD~1");
  git(cwd, "commit", "--quiet", "--allow-empty", "--message", "side");
  git(cwd, "checkout", "--quiet", "-");
  git(cwd, "merge", "--quiet", "--no-ff", "--message", "merge", "side");
  expect(readCommit(cwd)).toEqual({ hash: git(cwd, "rev-parse", "HEAD"), number: 4, shallow: false });
});

it("notices that a clone is shallow", () => {
  const cwd = repositoryOf(3);
  const clone = join(scratch.path, "shallow");
  git(scratch.path, "clone", "--quiet", "--depth", "1", `file://${cwd}`, clone);
  expect(readCommit(clone)).toEqual({ hash: git(cwd, "rev-parse", "HEAD"), number: 1, shallow: true });
});
