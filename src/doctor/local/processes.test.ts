import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readAwsNode, readNetworkd } from "./processes.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "branchline-proc-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function process(id: number, comm: string, environ = ""): void {
  mkdirSync(`${root}/${id}`);
  writeFileSync(`${root}/${id}/comm`, `${comm}\n`);
  writeFileSync(`${root}/${id}/environ`, environ);
}

function file(path: string, text: string): void {
  mkdirSync(join(root, "etc/systemd/networkd.conf.d"), { recursive: true });
  writeFileSync(join(root, "etc/systemd", path), text);
}

it("ipamd's environment, as far as it is known", () => {
  expect(readAwsNode(root)).toBeUndefined();
  process(1, "systemd");
  process(7, "aws-k8s-agent", "MAX_ENI=3\0AWS_SECRET_ACCESS_KEY=x\0ENABLE_POD_ENI=false\0");
  expect(readAwsNode(root)).toEqual({ MAX_ENI: "3", ENABLE_POD_ENI: "false" });
});

it("networkd's settings: the last file counts, and only its own section", () => {
  file("networkd.conf", "[Network]\nManageForeignRoutes=yes\n#ManageForeignRoutingPolicyRules=no\n");
  file(
    "networkd.conf.d/50-x.conf",
    "[Network]\nManageForeignRoutes = no\n[Other]\nManageForeignRoutingPolicyRules=no\n",
  );
  expect(readNetworkd(root, `${root}/etc`)).toBeUndefined();
  process(9, "systemd-network");
  expect(readNetworkd(root, `${root}/etc`)).toEqual({ ManageForeignRoutes: "no" });
});
