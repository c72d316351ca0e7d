import { execFileSync } from "node:child_process";

/** Runs a tool whose output is of interest only when it fails: postject warns of each section name that strip removed. */
export function quietly(command, args) {
  try {
    execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    process.stderr.write(error.stdout);
    process.stderr.write(error.stderr);
    throw error;
  }
}
