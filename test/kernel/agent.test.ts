// Pods whose branch the agent names, from the question to the interface: the annotation that the runtime passes is late.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import { diffSnapshots, eventually, podAnnotations, podEni } from "../ground/index.ts";
import { type Sandbox as CalledSandbox, configuration, environment, executable } from "./faults/plugin.ts";
import { annotationOf, records, sandboxForTest, useGround } from "./support/sandbox.ts";

const ground = useGround();

const SERVER = join(import.meta.dirname, "../ground/scripted-agent.mjs");

/** An agent that gives these answers, for the length of the running test. */
async function agentForTest(...steps: readonly { say: string; after?: number }[]): Promise<void> {
  mkdirSync(STATE_DIRECTORY, { recursive: true, mode: 0o700 });
  const socket = `${STATE_DIRECTORY}/agent.sock`;
  // The one before was killed.
  rmSync(socket, { force: true });
  rmSync(`${socket}.asked`, { force: true });
  const agent = spawn(process.execPath, [SERVER, socket, JSON.stringify(steps)], { stdio: "ignore" });
  const ended = new Promise((done) => agent.on("close", done));
  onTestFinished(async () => {
    agent.kill("SIGTERM");
    await ended;
  });
  await eventually("the agent's socket", () => existsSync(socket) || undefined, 60_000);
}

const branch = annotationOf({ vlanId: 7, ipv4: "10.0.0.20" });
const wait = { say: JSON.stringify({ answer: "wait", reason: "waiting for association" }), after: 300 };
const answer = (datapath: string) => ({
  say: JSON.stringify({ answer: "branch", annotation: branch, datapath }),
});

const pod = (settings: object, passed?: string) =>
  sandboxForTest(ground, {
    name: "late",
    primary: "veth",
    addresses: ["10.0.0.50"],
    settings: { missingAnnotation: "ask", branchTimeout: 60, ...settings },
    ...(passed !== undefined && { branch: passed }),
  });

function recorded(): Record<string, unknown> {
  const [file] = records();
  return JSON.parse(readFileSync(`${STATE_DIRECTORY}/attachments/${file}`, "utf8"));
}

describe("a pod whose branch the agent names", () => {
  test.each([
    [{ datapath: "direct" }, "direct", "standard"],
    [{ datapath: "auto" }, "direct", "standard"],
    [{ datapath: "auto" }, "routed", "strict"],
    [{ datapath: "auto", podSGEnforcingMode: "standard" }, "routed", "standard"],
  ])("with %j gets it as %s, %s, checks and goes", async (settings, datapath, mode) => {
    await agentForTest(wait, answer(datapath));
    const late = await pod(settings);
    const before = await late.snapshot();
    const result = await late.mustAdd({ annotations: null });
    expect(result.ips?.map(({ address }) => address.split("/")[0])).toEqual(["10.0.0.20"]);
    expect(recorded()).toMatchObject({ datapath, mode, vlanId: 7 });
    // The runtime still has the annotations that it asked for the sandbox with.
    expect((await late.check({ annotations: null })).failure).toBeUndefined();
    await late.mustDel({ annotations: null });
    expect(records()).toEqual([]);
    expect(diffSnapshots(before, await late.snapshot())).toEqual([]);
  });

  test("gets the agent's, not the older one that the runtime passed", async () => {
    await agentForTest(answer("direct"));
    const late = await pod({}, annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }));
    await late.mustAdd();
    expect(recorded()).toMatchObject({ vlanId: 7 });
  });

  test.each([
    { says: "gone", code: undefined },
    { says: "exists", code: 102 },
  ])("by the VLAN id of a pod that lives, and that the API server says $says of", async ({ says, code }) => {
    const holder = await sandboxForTest(ground, {
      name: "holder",
      primary: "veth",
      addresses: ["10.0.0.51"],
      uid: "uid-holder",
      branch: annotationOf({ vlanId: 7, ipv4: "10.0.0.21", mac: "02:b1:00:00:0a:21", eniId: "eni-0a21" }),
    });
    await holder.mustAdd();
    await agentForTest(answer("direct"), { say: JSON.stringify({ answer: says }) });
    const late = await pod({});
    const { failure } = await late.add({ annotations: null });
    expect(failure?.code).toBe(code);
    expect(recorded()).toMatchObject({ eniId: code === 102 ? "eni-0a21" : "eni-0b000000000000007" });
  });

  test("that it refuses is as before", async () => {
    await agentForTest({ say: JSON.stringify({ answer: "refused", reason: "its limits ask for none" }) });
    const late = await pod({}, branch);
    const before = await late.snapshot();
    const { failure } = await late.add({ annotations: { [podEni]: branch } });
    expect(failure).toMatchObject({ code: 106, msg: "refused by the agent: its limits ask for none" });
    expect(records()).toEqual([]);
    expect(diffSnapshots(before, await late.snapshot())).toEqual([]);
  });
});

test("an ADD that nobody waits for any more attaches nothing: the pod's next sandbox has the branch", async () => {
  await agentForTest({ ...answer("direct"), after: 3_000 }, answer("direct"));
  const uid = "uid-web-0";
  const [old, next] = [
    await sandboxForTest(ground, { name: "old", primary: "veth", addresses: ["10.0.0.52"], uid }),
    await sandboxForTest(ground, { name: "next", primary: "veth", addresses: ["10.0.0.53"], uid }),
  ];
  const before = await old.snapshot();
  // containerd is killed while the ADD asks, and systemd leaves its children alone (KillMode=process).
  const orphan = orphanAdd({
    containerId: old.containerId,
    netns: old.netns,
    uid,
    annotation: branch,
    prevResult: old.primaryResult,
    logFile: `${ground.scratch}/orphan.log`,
    settings: { missingAnnotation: "ask", branchTimeout: 60, runtimeConfig: { [podAnnotations]: null } },
  });
  await eventually(
    "its question",
    () => existsSync(`${STATE_DIRECTORY}/agent.sock.asked`) || undefined,
    60_000,
  );
  // kubelet has the pod's sandbox made anew, and that has its branch before the first ADD has its answer.
  const asking = { annotations: null, settings: { missingAnnotation: "ask", branchTimeout: 60 } };
  await next.mustAdd(asking);
  expect(await orphan).toBe(1);
  expect((await next.check(asking)).failure).toBeUndefined();
  expect(records()).toEqual(["7:sandbox-next:eth0.json"]);
  expect(diffSnapshots(before, await old.snapshot())).toEqual([]);
  expect(readFileSync(`${ground.scratch}/orphan.log`, "utf8")).toContain("nobody reads the answer any more");
});

/** An ADD of the executable whose stdout nobody reads; its exit status. */
async function orphanAdd(sandbox: CalledSandbox): Promise<number | null> {
  const child = spawn(executable, [], {
    env: environment("ADD", sandbox),
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = new Promise<number | null>((done) => child.on("close", done));
  child.stdin.end(configuration(sandbox));
  child.stdout.destroy();
  return ended;
}
