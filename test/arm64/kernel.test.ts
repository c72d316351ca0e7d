/** The executable for arm64 (RUNTIME=bun: the second runtime's) on a kernel for arm64: Debian's 6.12 in QEMU's emulation of a whole machine, with real VLAN devices. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { distDirectory, testedRuntime } from "../ground/executable.ts";
import { runInGuest } from "../vm/guest.ts";
import { findKernel } from "../vm/kernel.ts";
import { TemporaryDirectory } from "../vm/temporary.ts";
import type { Call, Seen } from "./guest/acceptance.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const MINUTE_MS = 60_000;

const OURS = path.join(distDirectory, "arm64/branchline");
/** What `--version` says of it. */
const SAYS = {
  node: /^\S+ \(linux\/arm64, Node\.js \S+\)\n$/,
  bun: /^\S+ \(linux\/arm64, Bun \S+\)\n$/,
};

let seen: Seen;

const said = (name: string): Call => {
  const call = seen.calls[name];
  if (call === undefined) throw new Error(`there was no call "${name}"`);
  return call;
};
const succeeded = (stdout: unknown) => ({ status: 0, stderr: "", stdout });

describe("an executable for arm64", () => {
  beforeAll(async () => {
    using out = new TemporaryDirectory("branchline-arm64-");
    const { status, release } = await runInGuest({
      kernel: findKernel("6.12-arm64"),
      command: [
        "node",
        path.join(ROOT, "test/arm64/guest/acceptance.ts"),
        path.join(ROOT, OURS),
        "/run/out/seen.json",
      ],
      cwd: ROOT,
      timeoutMs: 15 * MINUTE_MS,
      outDir: out.path,
      onLine: (line) => process.stdout.write(`arm64 | ${line}\n`),
    });
    if (status !== 0) throw new Error(`acceptance.ts on ${release} ended with status ${status}`);
    seen = JSON.parse(readFileSync(path.join(out.path, "seen.json"), "utf8")) as Seen;
  }, 16 * MINUTE_MS);

  it("says its version and its architecture", () => {
    expect(seen.machine).toBe("aarch64");
    expect(said("--version")).toEqual(succeeded(expect.stringMatching(SAYS[testedRuntime])));
  });

  it("answers VERSION", () => {
    expect(said("VERSION")).toEqual(succeeded(expect.stringMatching(/^\{"cniVersion":"1\.1\.0"/)));
  });

  it("passes a pod without a branch through", () => {
    const { stdout } = said("pass-through");
    expect(said("pass-through")).toEqual(succeeded(stdout));
    expect(JSON.parse(stdout)).toMatchObject({ ips: [{ address: "10.0.0.50/32" }] });
  });

  it("gives a pod its branch: a VLAN device, by which its gateway answers", () => {
    const { stdout } = said("ADD");
    // No word on stderr: Node has accepted each code cache.
    expect(said("ADD")).toEqual(succeeded(stdout));
    expect(JSON.parse(stdout)).toMatchObject({ ips: [{ address: "10.0.0.20/24", gateway: "10.0.0.1" }] });
    expect(seen.devices).toEqual(["eth0 vlan", "host0 veth", "lo none"]);
    expect(seen.pinged).toBe(true);
    expect(seen.records["ADD"]).toEqual(["7:sandbox-pod:eth0.json"]);
    expect(seen.left["ADD"]).toContainEqual(
      expect.stringMatching(/^pod: \+ link ifname=eth0 .*kind=vlan .*id=7 up$/),
    );
  });

  it("checks it, and says what is wrong", () => {
    expect(said("CHECK")).toEqual(succeeded(""));
    const { status, stdout } = said("CHECK of a pod whose device is down");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ msg: expect.stringContaining("eth0") });
  });

  it("takes it away, and leaves nothing", () => {
    expect(said("DEL")).toEqual(succeeded(""));
    expect(seen.left["DEL"]).toEqual([]);
    expect(seen.records["DEL"]).toEqual([]);
  });

  it("undoes an ADD whose gateway does not answer", () => {
    const { status, stdout } = said("ADD without a gateway");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ msg: expect.stringContaining("10.0.0.1") });
    expect(seen.left["ADD without a gateway"]).toEqual([]);
    expect(seen.records["ADD without a gateway"]).toEqual([]);
  });

  it("undoes by DEL what an ADD left that was killed in the middle", () => {
    expect(said("ADD that is killed")).toMatchObject({ status: null, stdout: "" });
    expect(seen.left["ADD that is killed"]).toContainEqual(expect.stringMatching(/link .*kind=vlan .*id=7/));
    expect(seen.records["ADD that is killed"]).toEqual(["7:sandbox-pod:eth0.json"]);
    expect(said("DEL after it")).toEqual(succeeded(""));
    expect(seen.left["DEL after it"]).toEqual([]);
    expect(seen.records["DEL after it"]).toEqual([]);
  });
});
