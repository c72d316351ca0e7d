import { readSync, writeSync } from "node:fs";
import { MAX_STDIN_BYTES } from "../../src/cni/request.ts";
import { run } from "../../src/cni/run.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { errorCode } from "../../src/sys/errno.ts";
import { exitAtOnce, poll } from "../../src/sys/libc.ts";
import { runScript } from "./load-script.ts";

/**
 * The executable: a CNI plugin if CNI_COMMAND is set and not empty (as in the reference plugins), otherwise a command
 * line, which is loaded on demand.
 */

const STDIN = 0;
const STDOUT = 1;

/** Reads stdin, up to one byte more than the limit of a configuration. */
function readStdin(): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= MAX_STDIN_BYTES) {
    const chunk = new Uint8Array(64 * 1024);
    const count = patiently(() => readSync(STDIN, chunk));
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    length += count;
  }
  return Buffer.concat(chunks);
}

/** Writes everything synchronously, so that exiting does not cut off output that a pipe has not taken yet. */
function writeStdout(text: string): void {
  const bytes = Buffer.from(`${text}\n`);
  for (let done = 0; done < bytes.length;) done += patiently(() => writeSync(STDOUT, bytes, done));
}

/** Of a pipe whose other end is closed the kernel tells that it is in error, whatever one waits for. */
function isRead(): boolean {
  return !poll(STDOUT, 0, 0);
}

/** Retries on EAGAIN, which happens if the caller has set its pipe to non-blocking. */
function patiently(transfer: () => number): number {
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      if (errorCode(error) !== "EAGAIN") throw error;
      systemClock.sleep(1);
    }
  }
}

async function main(): Promise<number> {
  if (process.env["CNI_COMMAND"]) return run({ env: process.env, readStdin, writeStdout, isRead });
  return runScript("cli.cjs", process.argv.slice(2));
}

// Exit at once: all output has been written.
main().then(
  (status) => exitAtOnce(status),
  (error: unknown) => {
    process.stderr.write(
      `branchline: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  },
);
