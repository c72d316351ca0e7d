// containerd.sh with a stand-in for Go: what it builds, and where; kubernetes.test.ts has the rest of what both share.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import { containerdDirectory } from "./containerd.ts";
import { buildsIn, playSetup } from "./stand-in-go.ts";

const scratch = useScratch();

const play = () => playSetup(scratch.path, "containerd.sh", []);
const packageOf = (program: string) => `github.com/containerd/containerd/v2/cmd/${program}`;
const PROGRAMS = ["containerd", "containerd-shim-runc-v2", "ctr"];

it("builds containerd, its shim and ctr, once, into the directory that the tests read", async () => {
  const directory = containerdDirectory(path.join(scratch.path, ".cache/branchline"));
  const { status, stdout, stderr } = await play();
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(/^containerd\.sh: building containerd 2\.\d+\.\d+ with go version go1\.26\.8/);
  expect(buildsIn(scratch.path)).toEqual(PROGRAMS.map(packageOf));
  for (const program of PROGRAMS)
    expect(readFileSync(path.join(directory, program), "utf8")).toBe(`built from ${packageOf(program)}`);
  // Silent, and without Go.
  expect(await play()).toMatchObject({ status: 0, stdout: "", stderr: "" });

  writeFileSync(path.join(directory, "ctr"), "x");
  await play();
  expect(buildsIn(scratch.path).slice(PROGRAMS.length)).toEqual([packageOf("ctr")]);
});
