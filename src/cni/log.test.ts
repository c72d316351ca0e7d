import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLog } from "./log.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "log-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const now = () => Date.parse("2026-11-23T15:00:00Z");
const lines = (file: string) => readFileSync(file, "utf8").split("\n");

/** What a process says on stdout and stderr when it writes one line to this file. */
function written(file: string): { stdout: string; stderr: string; status: number | null } {
  const script = `import { openLog } from ${JSON.stringify(join(import.meta.dirname, "log.ts"))};
openLog(${JSON.stringify(file)}, "info").write("error", "ADD", { code: 103 });`;
  // Into a pipe, as from a runtime: Node's own is a socket, which no path opens.
  const { stdout, stderr } = spawnSync(
    "sh",
    [
      "-c",
      '{ "$0" "$@"; echo "status $?" >&2; } | cat',
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      "--input-type=module",
      "-e",
      script,
    ],
    { encoding: "utf8", timeout: 20_000 },
  );
  const [, said = "", status] = /^([^]*)status (\d+)\n$/.exec(stderr) ?? [];
  return { stdout, stderr: said, status: Number(status) };
}

describe("openLog", () => {
  it("writes one line of JSON for each entry, behind what is there", () => {
    const file = join(directory, "plugin.log");
    writeFileSync(file, "before\n");
    const log = openLog(file, "info", now);
    log.write("info", "ADD", { verb: "ADD", vlan: 7, quick: true, absent: undefined });
    log.write("warn", "two\nlines\u2028here");
    const [before, first = "", second = "", ...rest] = lines(file);
    expect(before).toBe("before");
    expect(JSON.parse(first)).toEqual({
      time: "2026-11-23T15:00:00.000Z",
      level: "info",
      message: "ADD",
      verb: "ADD",
      vlan: 7,
      quick: true,
    });
    expect(JSON.parse(second)).toMatchObject({ level: "warn", message: "two\nlines\u2028here" });
    expect(rest).toEqual([""]);
  });

  it.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const)("at level %s keeps %j", (least, kept) => {
    const file = join(directory, "plugin.log");
    const log = openLog(file, least);
    for (const level of ["debug", "info", "warn", "error"] as const) log.write(level, level);
    const found = lines(file).filter((line) => line !== "");
    expect(found.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(kept);
  });

  it.each([0o000, 0o022, 0o777])(
    "makes the directory and the file, with its mode whatever the umask (%o)",
    (umask) => {
      const file = join(directory, "a", "plugin.log");
      const before = process.umask(umask);
      try {
        openLog(file, "info").write("info", "x");
      } finally {
        process.umask(before);
      }
      expect(statSync(file).mode & 0o777).toBe(0o640);
      expect(lines(file)).toHaveLength(2);
      expect(statSync(join(directory, "a")).mode & 0o022).toBe(0);
    },
  );

  it("leaves the mode of a file that is there", () => {
    const file = join(directory, "plugin.log");
    writeFileSync(file, "", { mode: 0o604 });
    openLog(file, "info").write("info", "x");
    expect(statSync(file).mode & 0o777).toBe(0o604);
  });

  it("cuts a field of more than 16 KiB, so that no line is endless", () => {
    const file = join(directory, "plugin.log");
    openLog(file, "info").write("info", "x".repeat(1_000_000), { error: "y".repeat(16_385), code: 1 });
    const { message, error } = JSON.parse(lines(file)[0] ?? "") as { message: string; error: string };
    expect([message.length, error.length, error.at(-1)]).toEqual([16_385, 16_385, "…"]);
  });

  it.each([
    ["a directory in the file's place", () => directory],
    [
      "a file in the directory's place",
      () => (writeFileSync(join(directory, "f"), ""), join(directory, "f", "x")),
    ],
    ["stderr asked for", () => "stderr"],
    ["stdout by a name of its own", () => "/dev/stdout"],
    ["stdout by its number", () => "/proc/self/fd/1"],
    ["a link to stdout", () => (symlinkSync("/dev/stdout", join(directory, "l")), join(directory, "l"))],
    [
      "a link to a file",
      () => {
        writeFileSync(join(directory, "elsewhere"), "");
        symlinkSync(join(directory, "elsewhere"), join(directory, "link"));
        return join(directory, "link");
      },
    ],
    [
      "a link that leads nowhere",
      () => (symlinkSync("/nowhere/x", join(directory, "n")), join(directory, "n")),
    ],
    [
      "a FIFO that nobody reads",
      () => (spawnSync("mkfifo", [join(directory, "fifo")]), join(directory, "fifo")),
    ],
    ["a device that is full", () => "/dev/full"],
  ])("writes to stderr, never to stdout, with %s", (_what, file) => {
    const { stdout, stderr, status } = written(file());
    expect(stdout).toBe("");
    expect(status).toBe(0);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(stderr)).toMatchObject({ level: "error", message: "ADD", code: 103 });
  });

  it("writes through a link of a directory on the way, and to a device", () => {
    mkdirSync(join(directory, "real"));
    symlinkSync(join(directory, "real"), join(directory, "var"));
    expect(written(join(directory, "var", "plugin.log"))).toMatchObject({ stderr: "", status: 0 });
    expect(lines(join(directory, "real", "plugin.log"))).toHaveLength(2);
    expect(written("/dev/null")).toMatchObject({ stderr: "", status: 0 });
  });
});
