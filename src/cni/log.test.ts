import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLog, timestamp } from "./log.ts";

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
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script],
    { encoding: "utf8" },
  );
  return { stdout, stderr, status };
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

  it("makes the directory and the file, for others to read at most", () => {
    const file = join(directory, "a", "b", "plugin.log");
    openLog(file, "info").write("info", "x");
    expect(statSync(file).mode & 0o027).toBe(0);
    expect(lines(file)).toHaveLength(2);
  });

  it.each([
    ["a directory in the file's place", () => directory],
    [
      "a file in the directory's place",
      () => (writeFileSync(join(directory, "f"), ""), join(directory, "f", "x")),
    ],
    ["stderr asked for", () => "stderr"],
  ])("writes to stderr, never to stdout, with %s", (_what, file) => {
    const { stdout, stderr, status } = written(file());
    expect(stdout).toBe("");
    expect(status).toBe(0);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(stderr)).toMatchObject({ level: "error", message: "ADD", code: 103 });
  });
});

describe("timestamp", () => {
  it.each([
    0,
    1,
    951_782_399_999, // 28 February 2000, the last millisecond
    951_782_400_000,
    951_868_800_000, // 1 March 2000
    4_107_542_399_999, // 28 February 2100, which has no 29th
    4_107_542_400_000,
    253_402_300_799_999, // the end of the year 9999
  ])("of %d is Date's", (milliseconds) => {
    expect(timestamp(milliseconds)).toBe(new Date(milliseconds).toISOString());
  });

  it("of each day for four centuries is Date's", () => {
    const wrong: number[] = [];
    for (let day = 0; day < 146_097; day++) {
      const milliseconds = day * 86_400_000 + ((day * 7_919_003) % 86_400_000);
      if (timestamp(milliseconds) !== new Date(milliseconds).toISOString()) wrong.push(milliseconds);
    }
    expect(wrong).toEqual([]);
  });
});
