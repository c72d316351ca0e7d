import { spawnSync } from "node:child_process";

/**
 * The piece of the kernel suite, from 1 to `pieces`, that belongs to the checkout's commit: by the number of first
 * parents, so that any `pieces` commits in a row cover all. The first where there is no history.
 */
export function pieceOfCommit(pieces: number, cwd: string): number {
  const { status, stdout } = spawnSync("git", ["rev-list", "--count", "--first-parent", "HEAD"], {
    cwd,
    encoding: "utf8",
  });
  const count = Number(stdout);
  return status === 0 && Number.isSafeInteger(count) ? (count % pieces) + 1 : 1;
}
