// test/chaos/main.ts as a process of its own: it replaces modules of the plugin, which a test runner does in its own way.
import { spawn } from "node:child_process";
import path from "node:path";

const main = path.join(import.meta.dirname, "..", "main.ts");

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

/** Runs it to its end, and shows what it says as it comes. */
export function runChaos(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        process.stdout.write(text);
      });
    }
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, output }));
  });
}
