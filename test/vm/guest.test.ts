// Real boots: each takes some ten seconds, so each proves as much as it can. What can be judged without one is
// tested in verdict.test.ts.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GuestError } from "./errors.ts";
import { type GuestRun, runInGuest } from "./guest.ts";
import { findKernel } from "./kernel.ts";
import { repository } from "./repository.ts";
import { TemporaryDirectory } from "./temporary.ts";

const kernel = findKernel("6.12");
const older = findKernel("6.1");

/** Runs a shell script in a guest. */
function guest(script: string, run: Partial<GuestRun> = {}): ReturnType<typeof runInGuest> {
  return runInGuest({ kernel, command: ["sh", "-c", script], cwd: repository, timeoutMs: 60_000, ...run });
}

/** The error a run ends with. */
async function failureOf(run: Promise<unknown>): Promise<GuestError> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GuestError))
    throw new Error("The guest did not fail as guests do", { cause: error });
  return error;
}

// Others may run guests at the same time: ours leave their traces here.
let temporary: TemporaryDirectory;
beforeEach(() => {
  temporary = new TemporaryDirectory("branchline-harness-");
  vi.stubEnv("TMPDIR", temporary.path);
});

/** The command lines of this machine's processes. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return ""; // gone in the meantime
      }
    });
}

// However a guest ends: no file of its run is left, and no process that knows the directory.
afterEach(() => {
  using used = temporary;
  vi.unstubAllEnvs();
  assert.deepEqual(readdirSync(used.path), []);
  assert.deepEqual(
    commandLines().filter((line) => line.includes(used.path)),
    [],
  );
});

test("status 0 comes back, with files and the console's lines as they came", async () => {
  const out = join(temporary.path, "out");
  const marker = join(repository, "written-by-the-guest");
  const lines: string[] = [];
  const script = [
    "set -e",
    'echo "$GREETING from $(uname -r) $(node --version)"',
    `touch ${marker} /tmp/x /run/x`,
    "mkdir /run/out/sub; echo '{}' >/run/out/sub/report.json",
    "ip link add trunk type veth peer name far",
    "ip link add link trunk name eth0.7 type vlan id 7",
    // On demand, from the kernel's own modules.
    "ip link add v type vxlan id 1 dstport 4789",
    "ip -br address show dev lo",
  ].join("\n");
  const run = { outDir: out, onLine: (line: string) => lines.push(line), env: { GREETING: "hello" } };
  const result = await guest(script, run);

  expect(result).toMatchObject({ status: 0, release: kernel.release });
  expect(lines).toContain(`hello from ${kernel.release} v24.21.0`);
  expect(lines.join("\n")).toMatch(/^lo .*127\.0\.0\.1\/8/m);
  expect(result.console).toEqual(lines);
  expect(readFileSync(join(out, "sub/report.json"), "utf8")).toBe("{}\n");
  expect(existsSync(marker)).toBe(false);
  rmSync(out, { recursive: true });
});

test("a status other than 0 comes back, whatever the output pretends", async () => {
  const pretence = "echo status 0; echo '20 passed'; echo guest: ok; sleep 1000 & exit 7";
  const result = await guest(pretence, { kernel: older });
  expect(result).toMatchObject({ status: 7, release: older.release });
});

test("a kernel that panics is a failure, whatever was printed and left before", async () => {
  const error = await failureOf(guest("echo status 0; echo c >/proc/sysrq-trigger; sleep 30"));
  expect(error).toMatchObject({ failure: "panicked" });
  expect(error.message).toContain("sysrq triggered crash");
});

test("a guest that takes too long is ended at the deadline", async () => {
  const error = await failureOf(guest("true", { timeoutMs: 2_000 }));
  expect(error).toMatchObject({ failure: "hung" });
  expect(error.message).toMatch(/did not end in [2-5]\.\d s, nor begin its command/);
});

test("a guest that goes on for ever can be ended, and what it left comes back", async () => {
  const out = join(temporary.path, "out");
  const abort = new AbortController();
  const onLine = (line: string): void => {
    if (line === "ready") abort.abort();
  };
  const run = guest("echo half >/run/out/half; echo ready; sleep 1000", {
    outDir: out,
    onLine,
    signal: abort.signal,
  });
  expect(await failureOf(run)).toMatchObject({ failure: "aborted" });
  expect(readFileSync(join(out, "half"), "utf8")).toBe("half\n");
  rmSync(out, { recursive: true });
});

test("a signal ends the command line's guest too", async () => {
  const args = [join(import.meta.dirname, "exec.ts"), "--kernel", "6.12", "--", "sleep", "1000"];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const ended = once(child, "exit");
  await vi.waitUntil(
    () => commandLines().some((line) => /qemu/.test(line) && line.includes(temporary.path)),
    {
      timeout: 20_000,
    },
  );
  child.kill("SIGTERM");
  expect(await ended).toEqual([143, null]);
});

test("a guest that powers off without a report is a failure, also with a status nobody asked for", async () => {
  const forged = "echo 0 0 6.12 >/run/guest/share/status; sync; echo o >/proc/sysrq-trigger; sleep 30";
  const error = await failureOf(guest(forged));
  expect(error).toMatchObject({ failure: "unreported" });
});

test("a qemu that cannot start is a failure, in its own words", async () => {
  const error = await failureOf(guest("true", { kernel: { ...kernel, image: "/nowhere/vmlinuz" } }));
  expect(error).toMatchObject({ failure: "not started" });
  expect(error.message).toContain("/nowhere/vmlinuz");
});

test("a kernel that was not fetched is named, with what to do", () => {
  expect(() => findKernel("5.0")).toThrow("test/setup/kernels.sh 5.0");
});
