/** What the Makefile says to values of ARCH and RUNTIME that there are none of. Nothing is installed or built by these. */

import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");

it.each([
  ["build", "ARCH=x86", /^there is no dist\/x86\/branchline to build: ARCH is amd64 or arm64/m],
  ["build", "RUNTIME=deno", /^there is no dist\/deno\/branchline to build: .*, RUNTIME is node or bun$/m],
  ["build", "RUNTIME=bun ARCH=aarch64", /^there is no dist\/bun\/aarch64\/branchline to build/m],
  ["image", "RUNTIME=bun", /^the image is of Node, for both architectures: there is none with RUNTIME=bun$/m],
])("make %s %s ends with a line that says why", (target, values, said) => {
  const { status, stdout, stderr } = spawnSync("make", [target, ...values.split(" ")], {
    cwd: ROOT,
    // Not what a make that runs this has put there.
    env: { PATH: process.env["PATH"] },
    encoding: "utf8",
  });
  expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: "", stderr: expect.stringMatching(said) });
});
