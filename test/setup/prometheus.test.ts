// prometheus.sh with a stand-in for Go.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import { prometheusDirectory } from "./prometheus.ts";
import { buildsIn, playSetup } from "./stand-in-go.ts";

const scratch = useScratch();

it("builds promtool once, into the directory that the tests read", async () => {
  const promtool = path.join(prometheusDirectory(path.join(scratch.path, ".cache/branchline")), "promtool");
  expect(await playSetup(scratch.path, "prometheus.sh", ["promtool"])).toMatchObject({
    status: 0,
    stdout: "",
  });
  expect(readFileSync(promtool, "utf8")).toBe("built from github.com/prometheus/prometheus/cmd/promtool");
  expect(await playSetup(scratch.path, "prometheus.sh", ["promtool"])).toMatchObject({
    status: 0,
    stderr: "",
  });
  expect(buildsIn(scratch.path)).toHaveLength(1);
});

it.each<[string[], RegExp]>([
  [[], /usage: prometheus\.sh WHAT/],
  [["promtool", "prometheus"], /unknown "prometheus"/],
])("refuses %j before it builds anything", async (what, message) => {
  const { status, stderr } = await playSetup(scratch.path, "prometheus.sh", what);
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
  expect(buildsIn(scratch.path)).toEqual([]);
});
