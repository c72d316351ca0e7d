// `branchline status --local`: the executable on this machine, with a state directory of its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../src/sys/clock.ts";
import { formatRecord } from "../../src/state/record.ts";
import { AttachmentStore } from "../../src/state/store.ts";
import { distDirectory } from "../ground/executable.ts";
import { run } from "../ground/run.ts";
import { recordOf } from "../unit/record.ts";

const OURS = path.resolve(import.meta.dirname, "../..", distDirectory, "branchline");
let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), "branchline-status-"));
});
afterEach(() => rmSync(scratch, { recursive: true }));

async function status(...args: readonly string[]) {
  return run([OURS, "status", "--local", "--state-dir", `${scratch}/state`, ...args], {
    env: { PATH: process.env["PATH"] ?? "" },
  });
}

it("says that nothing has run here", async () => {
  const { status: exit, stdout, stderr } = await status();
  expect([exit, stderr]).toEqual([1, ""]);
  expect(stdout).toContain("neither agent nor plugin has run since boot");
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("0 records on this node: 2 problems, 1 warning");
});

it("shows records, and which of them cannot be read", async () => {
  mkdirSync(`${scratch}/state`, { mode: 0o700 });
  const store = new AttachmentStore(`${scratch}/state`, systemClock);
  // Its namespace is nowhere.
  const record = recordOf({ vlanId: 7, containerId: "c7" });
  store.write(record);
  writeFileSync(`${scratch}/state/attachments/8:c8:eth0.json`, formatRecord(record).slice(1), {
    mode: 0o600,
  });
  const { status: exit, stdout } = await status("-o", "json");
  const said = JSON.parse(stdout) as {
    exit: number;
    problems: { kind: string }[];
    records: { state: string }[];
  };
  expect([exit, said.exit]).toEqual([1, 1]);
  expect(said.records).toMatchObject([
    { vlan: 7, state: "gone", pod: { namespace: "default", name: "web-0" } },
    { vlan: 8, state: "unreadable" },
  ]);
  expect(said.problems.map(({ kind }) => kind)).toContain("RecordUnreadable");
  const text = await status();
  expect(text.stdout).toMatch(/^default\/web-0 +7 +eni-1 +direct +10\.0\.0\.20 +- +gone$/m);
  expect(text.stdout).toContain("8:c8:eth0.json is not an attachment record of this version");
});
