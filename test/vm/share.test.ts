import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hiddenPaths, jobScript, parseNote, Share } from "./share.ts";
import { TemporaryDirectory } from "./temporary.ts";

test.each([
  ["a note of this boot", "abc 7 6.1.0-56-amd64\n", { status: 7, release: "6.1.0-56-amd64" }],
  ["another boot's nonce", "abd 0 6.1\n", undefined],
  ["no nonce", "0 6.1\n", undefined],
  ["half a note", "abc 0", undefined],
  ["no number", "abc ok 6.1\n", undefined],
  ["a negative number", "abc -1 6.1\n", undefined],
  ["more than one line", "abc 0 6.1\nabc 1 6.1\n", undefined],
  ["nothing", "", undefined],
])("%s", (_, text, expected) => {
  expect(parseNote(text, "abc")).toEqual(expected);
});

test("paths below directories that are fresh in the guest are kept, each once", () => {
  const paths = ["/home/u/x", "/tmp/x/node_modules", "/tmp/x", "/tmp/xy", "/run/y", "/tmp/x", "/tmpfile"];
  expect(hiddenPaths(paths)).toEqual(["/tmp/x", "/tmp/xy", "/run/y"]);
});

test("a job's words survive the shell, and its environment is all there is", () => {
  const print = 'printf "%s|" "$PWD" "$WORD" "${OTHER-unset}" "$@"';
  const command = ["/bin/sh", "-c", print, "sh", "a b", "it's", '$HOME "`', "line\nbreak"];
  const script = jobScript({
    command,
    cwd: "/",
    env: { WORD: "x y" },
    modules: "/m",
    visible: [],
    mounts: new Map(),
  });
  const output = execFileSync("sh", ["-c", script], { encoding: "utf8", env: { OTHER: "host" } });
  expect(output).toBe(`/|x y|unset|a b|it's|$HOME "\`|line\nbreak|`);
});

test("what comes back is files and directories, never a link to the host's", () => {
  using target = new TemporaryDirectory("branchline-out-");
  let path: string;
  {
    using share = new Share({
      command: ["true"],
      cwd: "/",
      env: {},
      modules: "/m",
      visible: [],
      mounts: new Map(),
    });
    path = share.path;
    mkdirSync(join(path, "out/sub"));
    writeFileSync(join(path, "out/sub/report.json"), "{}");
    symlinkSync("/etc/passwd", join(path, "out/passwd"));
    share.collect(target.path);
  }
  expect(readdirSync(target.path)).toEqual(["sub"]);
  expect(readdirSync(join(target.path, "sub"))).toEqual(["report.json"]);
  expect(existsSync(path)).toBe(false);
});
