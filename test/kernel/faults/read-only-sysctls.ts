import { execFileSync } from "node:child_process";

/**
 * Runs with /proc/sys as a container has it, which does not see the node's first process either. The thread may be in a
 * pod's namespace, so synchronously.
 */
export function readOnlySysctls<T>(callback: () => T): T {
  execFileSync("mount", ["--bind", "-o", "ro", "/proc/sys", "/proc/sys"]);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", "/proc/1"]);
    try {
      return callback();
    } finally {
      execFileSync("umount", ["/proc/1"]);
    }
  } finally {
    execFileSync("umount", ["/proc/sys"]);
  }
}
