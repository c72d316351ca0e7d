// A directory that goes when we do, even by SIGKILL.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** etcd lays out 64 MB beforehand, and a container's /dev/shm has no more than that. */
const ENOUGH = 512 * 1024 * 1024;

/** Who still writes into it may lose the race once: try again, for five seconds. */
const KEEPER = `
cat >/dev/null
tries=50
until rm -rf -- "$1" 2>/dev/null || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
`;

export interface Scratch {
  readonly path: string;
  /** Removes it. */
  remove(): Promise<void>;
}

/**
 * Makes a directory, in memory where there is room: for a server's data, or for as many bytes as are told. A process of its own removes it as soon as ours has ended.
 */
export function keptDirectory(name: string, bytes = ENOUGH): Scratch {
  const directory = mkdtempSync(path.join(memory(bytes), `branchline-${name}-`));
  chmodSync(directory, 0o700);
  // In a group of its own: who kills ours as a whole leaves it. Our end of the pipe closes with us.
  const keeper = spawn("/bin/sh", ["-c", KEEPER, "keeper", directory], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const gone = once(keeper, "exit");
  // Whoever forgets to remove it may end all the same.
  keeper.unref();
  return {
    path: directory,
    async remove() {
      keeper.ref();
      keeper.stdin.end();
      await gone;
    },
  };
}

function memory(bytes: number): string {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize >= bytes) return "/dev/shm";
  } catch {
    // There is none.
  }
  return tmpdir();
}
