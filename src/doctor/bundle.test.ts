import { statSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { NOW } from "../../test/unit/doctor.ts";
import { useScratch } from "../../test/unit/scratch.ts";
import { bundleOf, tailOf, writeBundle } from "./bundle.ts";
import { reportOf } from "./json.ts";

const scratch = useScratch();
const report = reportOf([], { branchline: "0.1.0", now: NOW, place: "node" });

it("has facts as they were read, maps as pairs, and why others were not", () => {
  const facts = {
    endpoints: { value: new Map([["a/b", 2]]) },
    lists: { missing: "CNI lists: EACCES" },
  };
  const bundle = bundleOf(report, facts, { "plugin.log": "sent Bearer abcdefgh12345678" });
  expect(bundle.facts).toEqual({
    endpoints: { value: [["a/b", 2]] },
    lists: { missing: "CNI lists: EACCES" },
  });
  expect(bundle.logs).toEqual({ "plugin.log": "sent [taken out]" });
});

it("shows of other plugins their types, and of ours all", () => {
  const files = [
    {
      name: "05.conflist",
      text: '{"plugins":[{"type":"x","token":"hunter2"},{"type":"branchline","mtu":9001}]}',
    },
    { name: "10.conf", text: '{"type":"bridge","key":"hunter2"}' },
    { name: "20.conflist", text: "{hunter2" },
  ];
  const { facts } = bundleOf(report, { lists: { value: { directory: "/d", files } } }, {});
  expect(facts).toEqual({
    lists: {
      value: {
        directory: "/d",
        files: [
          { name: "05.conflist", plugins: [{ type: "x" }, { type: "branchline", mtu: 9001 }] },
          { name: "10.conf", plugins: [{ type: "bridge" }] },
          { name: "20.conflist", plugins: "not valid" },
        ],
      },
    },
  });
});

it("is its owner's alone, and overwrites nothing", () => {
  const file = `${scratch.path}/bundle.json`;
  const bundle = bundleOf(report, {}, {});
  writeBundle(file, bundle);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(() => writeBundle(file, bundle)).toThrow("EEXIST");
});

it("takes whole lines of the end of a log", () => {
  const file = `${scratch.path}/plugin.log`;
  expect(tailOf(file)).toBeUndefined();
  writeFileSync(file, "one\ntwo\n");
  expect(tailOf(file)).toBe("one\ntwo\n");
  writeFileSync(file, Array.from({ length: 60_000 }, (_, i) => `line ${i}\n`).join(""));
  const tail = tailOf(file) ?? "";
  expect(tail).toMatch(/^line \d+\n/);
  expect(tail.endsWith("line 59999\n")).toBe(true);
  expect(tail.length).toBeLessThanOrEqual(256 * 1024);
});
