// oxlint-disable-next-line no-restricted-imports -- a holder that can be killed is a process
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Clock, systemClock } from "./clock.ts";
import { lockDirectory, lockFile } from "./lock.ts";

let base: string;
let path: string;
beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/branchline-lock-`);
  path = `${base}/lock`;
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** Time that passes only by sleeping; `onSleep` is what happens meanwhile. */
function handClock(onSleep: (now: number) => void = () => undefined): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  let now = 1000;
  return {
    slept,
    now: () => now,
    sleep(milliseconds) {
      slept.push(milliseconds);
      now += milliseconds;
      onSleep(now);
    },
  };
}

/** The open descriptors that lead to a path. */
function descriptorsOf(file: string): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file;
    } catch {
      // The one that the list itself was read by.
      return false;
    }
  });
}

/** Another process that takes the lock, says so, and holds it until it is ended. */
async function holder(): Promise<ChildProcess> {
  const script = `
    import { lockFile } from ${JSON.stringify(`${import.meta.dirname}/lock.ts`)};
    import { systemClock } from ${JSON.stringify(`${import.meta.dirname}/clock.ts`)};
    const lock = lockFile(process.argv[1], 0, systemClock);
    console.log(lock === undefined ? "refused" : "held");
    setInterval(() => lock, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout?.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
    child.once("exit", (status) => reject(new Error(`The holder ended with ${status}`)));
  });
  expect(said).toBe("held");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

describe("a lock", () => {
  it("is one holder's at a time, also within a process", () => {
    const clock = handClock();
    {
      using held = lockFile(path, 0, clock);
      expect(held).toBeDefined();
      expect(lockFile(path, 0, clock)).toBeUndefined();
    }
    using again = lockFile(path, 0, clock);
    expect(again).toBeDefined();
  });

  it("leaves its file, readable by its owner only", () => {
    lockFile(path, 0, handClock())?.[Symbol.dispose]();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("waits as long as it was told to by the clock, and no longer", () => {
    const clock = handClock();
    using _held = lockFile(path, 0, clock);
    expect(lockFile(path, 100, clock)).toBeUndefined();
    expect(clock.slept).toEqual(Array<number>(10).fill(10));
  });

  it("is taken as soon as it is free", () => {
    const held = lockFile(path, 0, handClock());
    const clock = handClock((now) => {
      if (now >= 1030) held?.[Symbol.dispose]();
    });
    using taken = lockFile(path, 1000, clock);
    expect(taken).toBeDefined();
    expect(clock.slept).toHaveLength(3);
  });

  it("that cannot be made is an error, not a lock", () => {
    expect(() => lockFile(`${base}/missing/lock`, 0, handClock())).toThrow(/ENOENT/);
  });

  it("is taken of a file that cannot be written to", () => {
    lockFile(path, 0, handClock())?.[Symbol.dispose]();
    chmodSync(path, 0o400);
    // As on a file system that is read-only: nothing but opening it for reading.
    using taken = lockFile(path, 0, handClock());
    expect(taken).toBeDefined();
    const [fd] = descriptorsOf(path);
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1")).toMatch(/^flags:\s+0[0-7]*0$/m);
  });

  it("follows no link", () => {
    writeFileSync(`${base}/elsewhere`, "");
    symlinkSync(`${base}/elsewhere`, path);
    expect(() => lockFile(path, 0, handClock())).toThrow(`${path} is a symbolic link; remove it`);
  });

  it("has its mode whatever the umask", () => {
    const before = process.umask(0o777);
    try {
      lockFile(path, 0, handClock())?.[Symbol.dispose]();
    } finally {
      process.umask(before);
    }
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("of the whole directory keeps new locks from being made, and leaves those that there are", () => {
    lockFile(path, 0, handClock())?.[Symbol.dispose]();
    {
      using whole = lockDirectory(base, 0, handClock());
      expect(whole).toBeDefined();
      expect(lockDirectory(base, 0, handClock())).toBeUndefined();
      const clock = handClock();
      expect(lockFile(`${base}/new`, 5, clock)).toBeUndefined();
      expect(clock.slept).toEqual(Array<number>(5).fill(1));
      expect(existsSync(`${base}/new`)).toBe(false);
      using old = lockFile(path, 0, handClock());
      expect(old).toBeDefined();
    }
    using taken = lockFile(`${base}/new`, 0, handClock());
    expect(taken).toBeDefined();
  });

  it("leaves no descriptor open when it is not taken", () => {
    using _held = lockFile(path, 0, handClock());
    lockFile(path, 0, handClock());
    expect(descriptorsOf(path)).toHaveLength(1);
  });

  it("is refused while another process holds it, and free once that is killed", async () => {
    const child = await holder();
    expect(lockFile(path, 20, systemClock)).toBeUndefined();
    await kill(child);
    using taken = lockFile(path, 0, handClock());
    expect(taken).toBeDefined();
  });
});
