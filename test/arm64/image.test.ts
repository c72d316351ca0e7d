/** The image for arm64: nothing is missing in it. Its executable runs in its root directory, in QEMU's emulation. */

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const scratch = useScratch();

const CONTAINER = `
cd "$ROOT" && mount -t proc proc proc && exec chroot . /qemu /usr/local/bin/branchline "$@"`;

it("has the executable, and every library that it needs", () => {
  const root = path.join(scratch.path, "root");
  execFileSync(process.execPath, [
    path.join(ROOT, "deploy/image/build.mjs"),
    "--arch",
    "arm64",
    "--root",
    root,
  ]);
  for (const name of ["proc", "run"]) mkdirSync(path.join(root, name));
  // In it, so that it finds nothing of this machine.
  copyFileSync("/usr/bin/qemu-aarch64-static", path.join(root, "qemu"));
  chmodSync(path.join(root, "qemu"), 0o755);
  const run = (args: readonly string[], env: Readonly<Record<string, string>>, input = "") =>
    spawnSync("unshare", ["--mount", "--propagation", "private", "sh", "-c", CONTAINER, "sh", ...args], {
      env: { PATH: process.env["PATH"] ?? "", ROOT: root, ...env },
      input,
      encoding: "utf8",
    });
  expect(run(["--version"], {})).toMatchObject({
    status: 0,
    stderr: "",
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+ \(linux\/arm64, Node\.js \d+\.\d+\.\d+\)\n$/),
  });
  // The library is loaded: the answer is that of a socket, which this emulation does not have.
  const config = { cniVersion: "1.1.0", name: "n", type: "branchline", enablePodENI: true, serviceCIDRs: [] };
  const { stdout } = run(
    [],
    { CNI_COMMAND: "STATUS", CNI_PATH: "/x" },
    JSON.stringify({ ...config, pluginLogFile: "stderr" }),
  );
  expect(JSON.parse(stdout)).toMatchObject({ code: 50, msg: expect.stringContaining("EOPNOTSUPP") });
  // From beside the executable: none was written elsewhere.
  expect(readdirSync(root)).not.toContain("var");
});
