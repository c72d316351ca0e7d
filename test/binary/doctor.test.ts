// `branchline doctor --local`: the executable on this machine, with directories of its own.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Report } from "../../src/doctor/json.ts";
import { run } from "../ground/run.ts";

const DIST = path.resolve(import.meta.dirname, "../../dist");
let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), "branchline-doctor-"));
  for (const name of ["net.d", "state"]) mkdirSync(`${scratch}/${name}`, { mode: 0o700 });
});
afterEach(() => rmSync(scratch, { recursive: true }));

function list(name: string, plugins: readonly object[]): void {
  writeFileSync(
    `${scratch}/net.d/${name}`,
    JSON.stringify({ cniVersion: "0.4.0", name: "aws-cni", plugins }),
  );
}

async function doctor(...args: readonly string[]) {
  const place = [
    "--state-dir",
    `${scratch}/state`,
    "--cni-conf-dir",
    `${scratch}/net.d`,
    "--cni-bin-dir",
    DIST,
  ];
  const { status, stdout, stderr } = await run([
    `${DIST}/branchline`,
    "doctor",
    "--local",
    ...place,
    ...args,
  ]);
  return { status, stdout, stderr };
}

it("looks at lists, plugin, state, socket and STATUS of a node without credentials", async () => {
  list("10-aws.conflist", [{ type: "aws-cni" }]);
  list("05-branchline.conflist", [
    { type: "aws-cni" },
    { type: "branchline", enablePodENI: true, datapath: "odd" },
  ]);
  const { status, stdout } = await doctor("-o", "json");
  const { checks, place, exit } = JSON.parse(stdout) as Report;
  expect([status, place, exit]).toEqual([1, "node", 1]);
  const of = (code: string) => {
    const check = checks.find((one) => one.code === code);
    return [check?.result, check?.found];
  };
  expect(of("BL029")).toEqual(["ok", `${scratch}/net.d/05-branchline.conflist: aws-cni, branchline`]);
  expect(of("BL030")[0]).toBe("ok");
  expect(of("BL031")).toEqual(["ok", "it is root's alone"]);
  expect(of("BL032")).toEqual(["problem", `there is no ${scratch}/state/agent.sock`]);
  expect(of("BL033")[0]).toBe("warning");
  expect(of("BL034")).toEqual([
    "problem",
    'STATUS says: code 7: datapath "odd" is neither "direct" nor "routed" nor "auto"',
  ]);
  expect(of("BL038")).toEqual(["ok", "0 records"]);
});

it("finds another list first, and a state directory that others may write", async () => {
  list("00-other.conflist", [{ type: "bridge" }]);
  list("05-branchline.conflist", [{ type: "aws-cni" }, { type: "branchline", enablePodENI: true }]);
  chmodSync(`${scratch}/state`, 0o777);
  const { status, stdout } = await doctor("--check", "BL029,bl031");
  expect(status).toBe(1);
  expect(stdout).toContain(`${scratch}/net.d/00-other.conflist comes first, and has no entry of branchline`);
  expect(stdout).toContain(`${scratch}/state is writable by others; expected mode 0700`);
  expect(stdout).toContain("2 problems, 0 warnings, 0 ok, 0 skipped, 0 unknown");
});

it("bundles of other plugins only their types", async () => {
  list("05-branchline.conflist", [
    { type: "calico", policy: { k8s_auth_token: "hunter2-of-calico" }, kubeconfig: "/planted" },
    { type: "branchline", enablePodENI: true, datapath: "odd" },
  ]);
  const file = `${scratch}/bundle.json`;
  const { status, stderr } = await doctor("--bundle", file);
  expect([status, stderr]).toEqual([1, `${file} is written: look at it before you publish it\n`]);
  const text = readFileSync(file, "utf8");
  expect(text).not.toContain("hunter2-of-calico");
  expect(text).not.toContain("/planted");
  expect(text).toContain('"type": "calico"');
  expect(text).toContain('"datapath": "odd"');
});
