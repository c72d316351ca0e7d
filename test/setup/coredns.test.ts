// coredns.sh with a stand-in for Go: that it builds once, and where; kubernetes.test.ts has the rest of what scripts share.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import { corednsDirectory } from "./coredns.ts";
import { buildsIn, playSetup } from "./stand-in-go.ts";

const scratch = useScratch();

it("builds CoreDNS once, into the directory that the tests read", async () => {
  const directory = corednsDirectory(path.join(scratch.path, ".cache/branchline"));
  const { status, stdout, stderr } = await playSetup(scratch.path, "coredns.sh", []);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(/^coredns\.sh: building CoreDNS 1\.\d+\.\d+ with go version go1\.26\.8/);
  expect(readFileSync(path.join(directory, "coredns"), "utf8")).toBe("built from .");
  // Silent, and without Go.
  expect(await playSetup(scratch.path, "coredns.sh", [])).toMatchObject({
    status: 0,
    stdout: "",
    stderr: "",
  });
  expect(buildsIn(scratch.path)).toEqual(["."]);
});
