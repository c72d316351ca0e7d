/**
 * Runs one command in a guest, as root, with its output streamed, and exits with its status:
 *
 *     node test/vm/exec.ts --kernel 6.12 -- ip link show
 *
 * --cwd DIR          where it runs (default: here)
 * --env NAME=VALUE   may be given again; nothing of this environment gets there by itself
 * --out DIR          gets what the command leaves in /run/out
 * --timeout SECONDS  default 600
 * --memory MIB       default 4096
 * --cpus N           default 1
 *
 * 125 means that the guest brought back no status; 2, that the arguments make no sense.
 */
import { parseArgs } from "node:util";
import { GuestError } from "./errors.ts";
import { runInGuest } from "./guest.ts";
import { findKernel } from "./kernel.ts";
import { parseAssignments, parsePositive } from "./options.ts";
import { Interrupt } from "./signals.ts";

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  const { values, positionals: command } = parseArgs({
    allowPositionals: true,
    options: {
      kernel: { type: "string" },
      cwd: { type: "string", default: process.cwd() },
      env: { type: "string", multiple: true, default: [] },
      out: { type: "string" },
      timeout: { type: "string", default: "600" },
      memory: { type: "string", default: "4096" },
      cpus: { type: "string", default: "1" },
    },
  });
  if (values.kernel === undefined) throw new TypeError("Say which kernel: --kernel 6.12");
  if (command.length === 0) throw new TypeError("Say what to run: -- command argument...");
  const run = {
    kernel: findKernel(values.kernel),
    command,
    cwd: values.cwd,
    env: parseAssignments(values.env),
    timeoutMs: parsePositive("timeout", values.timeout) * 1000,
    memoryMiB: parsePositive("memory", values.memory),
    cpus: parsePositive("cpus", values.cpus),
    ...(values.out === undefined ? {} : { outDir: values.out }),
  };

  using interrupt = new Interrupt();
  try {
    return (await runInGuest({ ...run, onLine: print, signal: interrupt.signal })).status;
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    process.stderr.write(`exec.ts: ${error.message}\n`);
    return interrupt.status ?? 125;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`exec.ts: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 125;
}
