// What goes wrong on a node, each followed by what kubelet does next: a new sandbox of the same pod, and the old one
// stopped and removed. Then the pod works, and in the end nothing is left.
//
// Every test has a pod of the direct datapath and one of the routed (strict) beside each other, in the same trouble.
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { AttachmentStore, STATE_DIRECTORY } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { lockFile } from "../../src/sys/lock.ts";
import { eventually, run, type Branch } from "../ground/index.ts";
import { ended, halted, haltMidway, pidOfAdd } from "./containerd/halt.ts";
import { listOf } from "./containerd/lists.ts";
import { KubeNode } from "./containerd/node.ts";
import { failureOf, type Pod, type PodOptions, type Sandbox } from "./containerd/pods.ts";
import { reboot } from "./containerd/reboot.ts";

let node: KubeNode;
/** Two of each kind, first the direct ones. */
let branches: readonly Branch[];

beforeAll(async () => {
  node = await KubeNode.open();
  branches = await node.branches(11, 12, 13, 14);
  new AttachmentStore(STATE_DIRECTORY, systemClock).prepare();
  await node.remember();
});

afterEach(() => node.tidy());
afterAll(() => node.close());

/** A pod of the test, and the branch it has. */
interface Case {
  readonly pod: Pod;
  readonly branch: Branch;
}

/** One direct pod and one strict, by the first branch of each kind or the second. */
function casesOf(
  name: string,
  which: "first" | "second" = "first",
  options: Pick<PodOptions, "portMappings"> = {},
): Case[] {
  return (which === "first" ? [0, 2] : [1, 3]).map((index) => {
    const branch = branches[index] ?? failed("no branch");
    const handler = index < 2 ? "direct" : "strict";
    return { branch, pod: node.pod({ name: `${name}-${handler}`, handler, branch, ...options }) };
  });
}

const vlansOf = (cases: readonly Case[]) => cases.map(({ branch }) => branch.vlanId).sort((a, b) => a - b);

/** kubelet's next try; all of them at once. */
async function runAgain(cases: readonly Case[]): Promise<Sandbox[]> {
  const next = await Promise.all(cases.map(({ pod }) => pod.run()));
  await expectAllWork(cases, next);
  return next;
}

function expectAllWork(cases: readonly Case[], sandboxes: readonly Sandbox[]): Promise<unknown> {
  return Promise.all(
    sandboxes.map((sandbox, i) => node.expectWorks(sandbox, cases[i]?.branch ?? failed("no case"))),
  );
}

function failed(why: string): never {
  throw new Error(why);
}

const endAll = (sandboxes: readonly Sandbox[]) => Promise.all(sandboxes.map((sandbox) => sandbox.end()));

test("containerd is killed in the middle of ADD and started again; the plugin lives on, or dies with it", async () => {
  const surviving = casesOf("surviving");
  const killed = casesOf("killed", "second");
  const cases = [...surviving, ...killed];
  {
    using _halt = haltMidway(node, branches);
    const running = cases.map(({ pod }) => failureOf(pod.run()));
    const pids = await Promise.all(cases.map(({ pod }) => halted(node, pod)));
    expect(node.recordedVlans()).toEqual(vlansOf(cases));
    await node.containerd.kill();
    for (const [i, pid] of pids.entries()) process.kill(pid, i < surviving.length ? "SIGCONT" : "SIGKILL");
    await Promise.all(pids.map(ended));
    await Promise.all(running);
  }
  await node.containerd.start();

  const next = await runAgain(cases);
  // containerd wrote down the namespace before it called ADD, so it knows the old sandboxes.
  const old = await Promise.all(cases.map(({ pod }) => pod.othersThan(next)));
  expect(old.map((ids) => ids.length)).toEqual([1, 1, 1, 1]);
  for (const id of old.flat()) {
    await node.containerd.cri.stopPodSandbox(id);
    await node.containerd.cri.removePodSandbox(id);
  }
  await expectAllWork(cases, next);
  await endAll(next);
  await node.expectNothingLeft();
});

test("the plugin is killed by its caller's deadline, waiting for a lock or in the middle", async () => {
  const waiting = casesOf("waiting");
  const midway = casesOf("midway", "second");
  const cases = [...waiting, ...midway];
  const errors: Promise<{ readonly details: string }>[] = [];
  {
    using _halt = haltMidway(
      node,
      midway.map(({ branch }) => branch),
    );
    using _locks = await holdLocks(waiting);
    // On a busy host it may be over before our turn has come, which is no worse.
    errors.push(...waiting.map(({ pod }) => failureOf(pod.run({ deadline: 8_000 }))));
    // When the deadline of these is over is up to us: once they have stopped.
    const over = new AbortController();
    errors.push(...midway.map(({ pod }) => failureOf(pod.run({ signal: over.signal }))));
    const pids = await Promise.all(midway.map(({ pod }) => halted(node, pod)));
    expect(node.recordedVlans()).toEqual(vlansOf(midway));
    over.abort();
    await Promise.all([...pids.map(ended), ...errors]);
    for (const { pod } of waiting) {
      const pid = pidOfAdd(node, pod);
      if (pid !== undefined) await ended(pid);
    }
  }
  // The end of a deadline may be the client's or the server's.
  const said = (details: string) =>
    details.replace(/^(Deadline exceeded after.*|Call cancelled)$/s, "too late");
  expect((await Promise.all(errors)).map(({ details }) => said(details))).toEqual([
    "too late",
    "too late",
    "Cancelled on client",
    "Cancelled on client",
  ]);
  // By itself containerd calls DEL, when nobody waits for it any more.
  for (const { pod } of cases)
    await eventually(`DEL of ${pod.name}`, () => pod.calls.includes("DEL primary-aws") || undefined, 90_000);
  await node.expectNothingLeft();

  await endAll(await runAgain(cases));
  await node.expectNothingLeft();
});

/** Holds the locks of VLAN ids, as another call does that works on them. */
async function holdLocks(cases: readonly Case[]): Promise<Disposable> {
  using held = new DisposableStack();
  for (const vlanId of vlansOf(cases)) {
    const file = path.join(STATE_DIRECTORY, "locks", `vlan-${vlanId}`);
    held.use(await eventually(`lock of VLAN ${vlanId}`, () => lockFile(file, 0, systemClock), 60_000));
  }
  return held.move();
}

test("branchline goes out of the list between ADD and DEL: the next pod on the VLAN id cleans up, or GC", async () => {
  const left: Pod[] = [];
  const sandboxes: Sandbox[] = [];
  for (const [kind, pair] of [
    ["direct", branches.slice(0, 2)],
    ["strict", branches.slice(2)],
  ] as const) {
    await node.replaceDefaultList(listOf(node.scratch, kind));
    const pods = pair.map((branch) => node.pod({ name: `unlisted-${branch.vlanId}`, handler: "", branch }));
    left.push(...pods);
    sandboxes.push(...(await Promise.all(pods.map((pod) => pod.run()))));
  }
  await node.replaceDefaultList(listOf(node.scratch, "direct", { branchline: false }));
  await endAll(sandboxes);
  expect(left.map((pod) => pod.callsOf("branchline"))).toEqual(
    left.map(() => ["ADD, namespace, prevResult"]),
  );
  expect(node.recordedVlans()).toEqual(branches.map(({ vlanId }) => vlanId));

  const cases = casesOf("other");
  const next = await runAgain(cases);
  const { status, stdout } = await collectGarbage(next);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(node.recordedVlans()).toEqual(vlansOf(cases));
  await expectAllWork(cases, next);
  await endAll(next);
  await node.expectNothingLeft();
});

/** The plugin's own GC, as a runtime calls it that does (CRI-O, at its start): these sandboxes are valid, no others. */
function collectGarbage(valid: readonly Sandbox[]) {
  return run([node.plugins.real("branchline")], {
    env: { CNI_COMMAND: "GC", CNI_PATH: node.containerd.places.plugins },
    input: JSON.stringify({
      cniVersion: "1.1.0",
      name: "aws-cni",
      type: "branchline",
      pluginLogFile: path.join(node.scratch, "branchline.log"),
      "cni.dev/valid-attachments": valid.map(({ id }) => ({ containerID: id, ifname: "eth0" })),
    }),
  });
}

test("a plugin around ours fails, in ADD or in DEL, before us or behind us: kubelet tries again, and all is well", async () => {
  const before = casesOf("before");
  const behind = casesOf("behind", "first", {
    // No packet can have this port: portmap gets as far as its chains.
    portMappings: [{ container_port: 70_000, host_port: 8_080 }],
  });
  {
    using _fault = node.plugins.fault("primary-aws", "ADD", 'fail "no address to be had"');
    for (const { details } of await Promise.all(before.map(({ pod }) => failureOf(pod.run()))))
      expect(details).toMatch(/plugin type="primary-aws" failed \(add\): no address to be had$/);
  }
  for (const { pod } of before) expect(pod.callsOf("branchline")).toEqual(["DEL, namespace, no prevResult"]);
  for (const { details } of await Promise.all(behind.map(({ pod }) => failureOf(pod.run()))))
    expect(details).toMatch(/plugin type="portmap" failed \(add\): .*Port `70000' not valid/s);
  for (const { pod } of behind)
    expect(pod.callsOf("branchline")).toEqual([
      "ADD, namespace, prevResult",
      "DEL, namespace, no prevResult",
    ]);
  node.putBackRouteLocalnet();
  await node.expectNothingLeft();

  const next = await runAgain(before);
  {
    // DEL goes backwards and ends at the first failure: ours is not called.
    using _fault = node.plugins.fault("portmap", "DEL", 'fail "not now"');
    for (const sandbox of next) await expect(sandbox.stop()).rejects.toThrow("not now");
    expect(node.recordedVlans()).toEqual(vlansOf(before));
  }
  {
    using _fault = node.plugins.fault("primary-aws", "DEL", 'fail "not now"');
    for (const sandbox of next) await expect(sandbox.stop()).rejects.toThrow("not now");
    expect(node.recordedVlans()).toEqual([]);
  }
  await endAll(next);
  await node.expectNothingLeft();
});

test("the node reboots: containerd knows sandboxes that are gone, and their pods come back", async () => {
  const cases = casesOf("rebooted");
  const old = await Promise.all(cases.map(({ pod }) => pod.run()));
  await reboot(node, branches);
  await node.expectAsRemembered();
  await node.containerd.start();
  const listed = await node.containerd.cri.listPodSandbox();
  expect(new Set(listed.map(({ id, state }) => `${id} ${state}`))).toEqual(
    new Set(old.map(({ id }) => `${id} SANDBOX_NOTREADY`)),
  );

  await Promise.all(old.map((sandbox) => sandbox.stop()));
  const next = await runAgain(cases);
  await Promise.all(old.map((sandbox) => sandbox.remove()));
  await expectAllWork(cases, next);
  for (const { pod } of cases)
    expect(pod.callsOf("branchline")).toEqual([
      "ADD, namespace, prevResult",
      // libcni's own memory is on disk.
      "DEL, no namespace, prevResult",
      "ADD, namespace, prevResult",
      "DEL, no namespace, no prevResult",
    ]);
  await endAll(next);
  await node.expectNothingLeft();
});
