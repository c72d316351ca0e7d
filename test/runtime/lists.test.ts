// What containerd makes of a CNI list: which calls come of it, whether the node is ready, and what waits while one is
// loaded. Where two releases of containerd differ is said in containerd/release.ts.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually, type Branch } from "../ground/index.ts";
import { isTooLate } from "./containerd/cri.ts";
import { listOf } from "./containerd/lists.ts";
import { KubeNode } from "./containerd/node.ts";
import { failureOf } from "./containerd/pods.ts";
import { release } from "./containerd/release.ts";

let node: KubeNode;
let direct: Branch;
let strict: Branch;

beforeAll(async () => {
  node = await KubeNode.open();
  const [first, second] = await node.branches(11, 12);
  if (first === undefined || second === undefined) throw new Error("no branches");
  [direct, strict] = [first, second];
  await node.remember();
});

afterEach(async () => {
  await node.replaceDefaultList(listOf(node.scratch, "direct"));
  await node.tidy();
});
afterAll(() => node.close());

/** In a guest on a busy host. */
const LONG_MS = 60_000;

/** A list of the newest version that this containerd speaks. Debian's portmap knows none above 1.0.0. */
const newest = (branchline: Readonly<Record<string, unknown>> = {}) =>
  listOf(node.scratch, "direct", { cniVersion: release.cniVersion, portmap: false, branchline });

test("without a list the node is not ready and starts no pod; what runs stays, and ends when there is one again", async () => {
  const pod = node.pod({ name: "stays", handler: "", branch: direct });
  const sandbox = await pod.run();
  node.removeDefaultList();
  const why = await eventually("the node is not ready", () => node.containerd.cri.notReady(), LONG_MS);
  expect(why).toContain("cni plugin not initialized");
  const waits = node.pod({ name: "waits", handler: "", branch: strict });
  const { details } = await failureOf(waits.run());
  expect(details).toContain("cni plugin not initialized");
  await node.expectWorks(sandbox, direct);
  await expect(sandbox.stop()).rejects.toThrow("cni plugin not initialized");
  expect(pod.callsOf("branchline")).toEqual(["ADD, namespace, prevResult"]);

  await node.replaceDefaultList(listOf(node.scratch, "direct"));
  expect(await node.containerd.cri.notReady()).toBeUndefined();
  await sandbox.end();
  // containerd 1.6 remembers one whose network it could not take away.
  for (const id of await waits.othersThan([])) {
    await node.containerd.cri.stopPodSandbox(id);
    await node.containerd.cri.removePodSandbox(id);
  }
  await node.expectNothingLeft();
});

test("a list of the newest version: the whole life of a pod, and a restart of containerd, without GC or CHECK", async () => {
  await node.replaceDefaultList(newest());
  const pod = node.pod({ name: "newest", handler: "", branch: direct });
  const sandbox = await pod.run();
  await node.expectWorks(sandbox, direct);
  await node.containerd.kill();
  await node.containerd.start();
  await node.isReady();
  await node.expectWorks(sandbox, direct);
  await sandbox.end();
  expect(pod.calls).toEqual([
    "ADD primary-aws",
    "ADD branchline",
    "DEL branchline",
    "DEL primary-aws",
    "DEL branchline",
    "DEL primary-aws",
  ]);
  expect(pod.configOfAdd("branchline")).toMatchObject({ cniVersion: release.cniVersion });
  const calls = release.callsStatus ? ["STATUS branchline", "STATUS primary-aws"] : [];
  expect(Object.keys(node.plugins.nodeCalls()).sort()).toEqual(calls);
  await node.expectNothingLeft();
});

test("what the plugin says to STATUS is whether the node is ready, if containerd asks", async () => {
  // Such an entry is refused by every verb.
  await node.replaceDefaultList(newest({ branchTimeout: 0 }));
  const why = (await node.containerd.cri.notReady()) ?? "ready";
  expect(why.includes("branchTimeout 0 is outside 1 to 100 seconds") ? "asked" : why).toBe(
    release.callsStatus ? "asked" : "ready",
  );
  await node.replaceDefaultList(newest());
  expect(await node.containerd.cri.notReady()).toBeUndefined();
});

/** What Status says of a list: it has been loaded, or nothing within five seconds, because somebody waits to load one. */
async function seenOf(list: string): Promise<"loaded" | "waits" | undefined> {
  try {
    const found = await node.containerd.cri.defaultList({ deadline: 5_000 });
    return found === list ? "loaded" : undefined;
  } catch (error) {
    if (isTooLate(error)) return "waits";
    throw error;
  }
}

test("a list that is written during an ADD is loaded at once, or when that is over, and then everybody waits for it", async () => {
  const slow = node.pod({ name: "slow", handler: "", branch: direct });
  const next = node.pod({ name: "next", handler: "" });
  using held = node.plugins.fault(
    "branchline",
    "ADD",
    `while [ "$uid" = ${slow.uid} ] && [ -e "$here/.faults/branchline.ADD" ]; do sleep 0.2; done`,
  );
  const running = slow.run();
  await eventually("ADD", () => slow.calls.includes("ADD branchline") || undefined, LONG_MS);
  const written = node.writeDefaultList(listOf(node.scratch, "strict"));
  const outcome = await eventually("the list is loaded, or waits", () => seenOf(written), LONG_MS);
  expect(outcome).toBe(release.loadWaitsForAdds ? "waits" : "loaded");
  const behind = next.run();
  await (release.loadWaitsForAdds ? seenOf(written) : behind);
  expect(next.calls.length > 0).toBe(!release.loadWaitsForAdds);
  expect(slow.calls).toEqual(["ADD primary-aws", "ADD branchline"]);
  held[Symbol.dispose]();
  const sandboxes = await Promise.all([running, behind]);
  await node.hasLoaded(written);
  // Each by the list that stood when its turn came.
  const datapathOf = (pod: typeof slow) => pod.configOfAdd("branchline")?.["datapath"];
  expect([datapathOf(slow), datapathOf(next)]).toEqual([undefined, "routed"]);
  await Promise.all(sandboxes.map((sandbox) => sandbox.end()));
  await node.expectNothingLeft();
});
