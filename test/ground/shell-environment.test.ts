import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { run } from "./run.ts";
import { shellText } from "./shell-environment.ts";

it("a shell that has read it passes on what was set, quotes and all", async () => {
  const values = { PLAIN: "http://127.0.0.1:1/a-b", ODD: `it's "$HOME" \\ two  words`, EMPTY: "" };
  const directory = mkdtempSync(path.join(tmpdir(), "shell-"));
  try {
    const file = path.join(directory, "env");
    writeFileSync(file, shellText({ set: values, unset: ["OLD"], path: ["/a b", "/c"] }));
    const { status, stdout, stderr } = await run(["/bin/sh", "-euc", `. "$1"; /usr/bin/env -0`, "sh", file], {
      env: { PATH: "/bin", OLD: "kept", HOME: "/root" },
    });
    expect([status, stderr]).toEqual([0, ""]);
    const variables = Object.fromEntries(
      stdout
        .split("\0")
        .filter((line) => line !== "")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    expect(variables).toMatchObject({ ...values, PATH: "/a b:/c:/bin" });
    expect(variables).not.toHaveProperty("OLD");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

it("what needs no quotes has none", () => {
  expect(shellText({ set: { A: "sg-0a1b" }, unset: [], path: ["/bin"] })).toBe(
    'export A=sg-0a1b\nexport PATH=/bin:"$PATH"\n',
  );
});
