import { randomBytes } from "node:crypto";
import { realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { untilBegun } from "./boots.ts";
import { Console } from "./console.ts";
import { initramfs } from "./initramfs.ts";
import type { Kernel } from "./kernel.ts";
import { findRoot } from "./root.ts";
import { runMachine } from "./machine.ts";
import { qemuCommand } from "./qemu.ts";
import { sharedCache } from "../setup/cache.ts";
import { repository } from "./repository.ts";
import { Share } from "./share.ts";
import { judge } from "./verdict.ts";

/** A command to run in a guest, and how. */
export interface GuestRun {
  readonly kernel: Kernel;
  readonly command: readonly string[];
  /** Where the command runs: a directory of the host, which the guest sees at the same path. */
  readonly cwd: string;
  /** From qemu's start to its end. */
  readonly timeoutMs: number;
  /** Sees each line of the console as it comes. */
  readonly onLine?: (line: string) => void;
  /** Hears of each boot after the first one, which an emulator's fault made necessary. */
  readonly onBootAgain?: () => void;
  /** Added to the guest's own environment; nothing of the host's gets there by itself. */
  readonly env?: Readonly<Record<string, string>>;
  readonly memoryMiB?: number;
  /** Default 1: QEMU's code for one processor needs no atomic operations, and two guests share two cores well. */
  readonly cpus?: number;
  /** Where the files go that the guest leaves in /run/out, also when it fails. */
  readonly outDir?: string;
  /** Ends the guest early. */
  readonly signal?: AbortSignal;
}

/** What a guest brought back. */
export interface GuestResult {
  /** The command's exit status, 128 + n for signal n. */
  readonly status: number;
  /** What uname -r said. */
  readonly release: string;
  /** From qemu's start to its end. */
  readonly seconds: number;
  /** The console's lines; the last 20 000 at least. */
  readonly console: readonly string[];
}

/** The guest's environment: the pinned Node comes before any other. */
const baseEnv: Readonly<Record<string, string>> = {
  BRANCHLINE_CACHE: sharedCache,
  HOME: "/root",
  LANG: "C.UTF-8",
  // The console goes to logs as often as to a terminal.
  NO_COLOR: "1",
  PATH: `${join(repository, "node_modules/.bin")}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
};

/**
 * Boots a kernel over the host's own root, or over one for its architecture, runs one command in it as root, and brings back the exit status.
 * Throws a GuestError when the guest did not start, panicked, hung, ended without a status or was aborted.
 * Whichever way it goes, its process is gone and its files are removed when the promise settles.
 */
export function runInGuest(run: GuestRun): Promise<GuestResult> {
  return untilBegun(
    () => bootOnce(run),
    ({ message }, more) => {
      run.onLine?.(`${message}, before its first program ran: booting again (at most ${more} times more)`);
      run.onBootAgain?.();
    },
  );
}

async function bootOnce(run: GuestRun): Promise<GuestResult> {
  const cwd = realpathSync(run.cwd);
  const modules = join(run.kernel.base, "lib/modules");
  const { root, env, mounts } = findRoot(run.kernel.architecture, [repository, modules]);
  using share = new Share({
    command: run.command,
    cwd,
    env: { ...baseEnv, ...env, ...run.env },
    modules,
    mounts,
    visible: [repository, realpathSync(join(repository, "node_modules")), sharedCache, cwd],
  });
  const image = join(share.path, "initramfs");
  writeFileSync(image, initramfs(run.kernel, root));
  const nonce = randomBytes(16).toString("hex");
  const console = new Console(run.onLine);
  const command = qemuCommand({
    architecture: run.kernel.architecture,
    image: run.kernel.image,
    root,
    mounts,
    initramfs: image,
    share: share.path,
    nonce,
    memoryMiB: run.memoryMiB ?? 4096,
    cpus: run.cpus ?? 1,
  });

  const ending = await runMachine(command, console, { timeoutMs: run.timeoutMs, signal: run.signal });
  if (run.outDir !== undefined) share.collect(run.outDir);
  const { status, release } = judge({
    ending,
    console,
    started: share.note("started", nonce),
    status: share.note("status", nonce),
  });
  return { status, release, seconds: ending.seconds, console: console.lines() };
}
