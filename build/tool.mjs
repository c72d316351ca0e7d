import { execFileSync } from "node:child_process";

/** Runs a tool and shows its output only if it fails: postject warns about each section name that strip removed. */
export function quietly(command, args, cwd = process.cwd()) {
  try {
    execFileSync(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    process.stderr.write(error.stdout);
    process.stderr.write(error.stderr);
    throw error;
  }
}
