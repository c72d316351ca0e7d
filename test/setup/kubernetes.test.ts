// kubernetes.sh with a stand-in for Go: what it builds, and when it builds nothing.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import type { Outcome } from "../ground/run.ts";
import { useScratch } from "../unit/scratch.ts";
import { kubernetesDirectory } from "./kubernetes.ts";
import { buildsIn, playSetup } from "./stand-in-go.ts";

const scratch = useScratch();

const builds = () => buildsIn(scratch.path);

function play(programs: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome> {
  return playSetup(scratch.path, "kubernetes.sh", programs, env);
}

it("builds the programs that are asked for, once, into the directory that the tests read", async () => {
  const directory = kubernetesDirectory(path.join(scratch.path, ".cache/branchline"));
  const first = await play(["etcd", "kube-apiserver"]);
  expect(first).toMatchObject({ status: 0, stdout: "" });
  expect(first.stderr).toMatch(
    /^kubernetes\.sh: building etcd of Kubernetes 1\.\d+\.\d+ with go version go1\.26\.8.*\n.*kube-apiserver.*\n$/,
  );
  expect(builds()).toEqual(["go.etcd.io/etcd/server/v3", "k8s.io/kubernetes/cmd/kube-apiserver"]);
  expect(readFileSync(path.join(directory, "etcd"), "utf8")).toBe("built from go.etcd.io/etcd/server/v3");
  // Silent, and without Go.
  expect(await play(["kube-apiserver", "etcd"])).toMatchObject({ status: 0, stdout: "", stderr: "" });
  await play(["etcd", "kube-scheduler"]);
  expect(builds().slice(2)).toEqual(["k8s.io/kubernetes/cmd/kube-scheduler"]);
});

it("makes a damaged program again", async () => {
  const etcd = path.join(kubernetesDirectory(path.join(scratch.path, ".cache/branchline")), "etcd");
  await play(["etcd"]);
  const whole = readFileSync(etcd, "utf8");
  writeFileSync(etcd, whole.slice(1));
  await play(["etcd"]);
  expect(readFileSync(etcd, "utf8")).toBe(whole);
});

it("leaves nothing of a build that fails, and the next run goes on from there", async () => {
  const cache = path.join(scratch.path, "caches/branchline");
  const broken = { XDG_CACHE_HOME: path.join(scratch.path, "caches"), BROKEN: "go.etcd.io/etcd/server/v3" };
  expect((await play(["kube-scheduler", "etcd"], broken)).status).not.toBe(0);
  const directory = kubernetesDirectory(cache);
  expect(existsSync(path.join(directory, "kube-scheduler"))).toBe(true);
  expect(existsSync(path.join(directory, "etcd"))).toBe(false);
  expect(await play(["kube-scheduler", "etcd"], { ...broken, BROKEN: "" })).toMatchObject({ status: 0 });
  expect(builds().filter((each) => each.endsWith("kube-scheduler"))).toHaveLength(1);
});

it("a relative XDG_CACHE_HOME counts as none", async () => {
  await play(["etcd"], { XDG_CACHE_HOME: "caches" });
  expect(existsSync(kubernetesDirectory(path.join(scratch.path, ".cache/branchline")))).toBe(true);
});

it.each<[string, string[], RegExp]>([
  ["no program", [], /usage: kubernetes\.sh PROGRAM/],
  ["an unknown program", ["etcd", "kubelet2"], /unknown program "kubelet2"/],
])("refuses %s before it builds anything", async (_, programs, message) => {
  const { status, stderr } = await play(programs);
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
  expect(builds()).toEqual([]);
});
