// What the agent does for pods that are gone without a DEL.
import { beforeAll, expect, test } from "vitest";
import { Collector } from "../../src/agent/attachments/collector.ts";
import { Home } from "../../src/agent/attachments/home.ts";
import { KnownAttachments } from "../../src/agent/attachments/known.ts";
import { PODS, type Pod } from "../../src/kubernetes/objects.ts";
import { allNamespaces } from "../../src/netns/find.ts";
import { inNamespace, openNamespace } from "../../src/netns/namespace.ts";
import { AttachmentStore, STATE_DIRECTORY } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { deleteNetns, exec, mustExec, settled, snapshot, type Branch } from "../ground/index.ts";
import { records, sandboxForTest, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let branches: readonly Branch[];

beforeAll(async () => {
  const { vpc } = ground;
  await vpc.createGroup("db");
  branches = await Promise.all(
    [7, 8, 9].map((vlanId) => vpc.attachBranch({ vlanId, ipv4: `10.0.0.${20 + vlanId}`, groups: ["db"] })),
  );
});

const podOf = ({ name, uid }: Pick<Sandbox, "name" | "uid">) =>
  PODS.read({ metadata: { namespace: "default", name, uid }, status: { phase: "Running" } });

function allIdentities(): ReadonlySet<string> {
  const identities = new Set<string>();
  for (const namespace of allNamespaces()) {
    identities.add(namespace.identity);
    namespace[Symbol.dispose]();
  }
  return identities;
}

/** One pass; what it said of its sight, and how many it collected. */
async function pass(running: readonly Sandbox[], blind?: string) {
  const said: string[] = [];
  const pods: Pod[] = running.map(podOf);
  const store = new AttachmentStore(STATE_DIRECTORY, systemClock);
  const collector = new Collector({
    node: { store, clock: systemClock },
    attachments: new KnownAttachments(store),
    pods: { values: () => pods.values() },
    // This machine may not let anybody look at process 1.
    look: () => (blind === undefined ? { identities: allIdentities(), hidden: new Set() } : { blind }),
    checkHome: () => undefined,
    conditions: { set: (name, isTrue, why) => said.push(`${name} ${isTrue}${why === "" ? "" : `: ${why}`}`) },
    timer: systemTimer,
    log: (level, message) => void (level === "warn" && said.push(message)),
  });
  await collector.pass();
  return { said, collected: collector.collected };
}

async function podForTest(
  name: string,
  number: number,
  settings: Readonly<Record<string, unknown>>,
): Promise<Sandbox> {
  const branch = branches[number];
  const pod = await sandboxForTest(ground, {
    name,
    primary: "veth",
    addresses: [`10.0.0.${50 + number}`],
    ...(branch !== undefined && { branch: branch.annotation }),
    settings,
  });
  await pod.mustAdd();
  return pod;
}

/** As after a reboot of the runtime alone: no DEL, and neither a path nor a process leads to the namespace. */
async function die(pod: Sandbox): Promise<void> {
  await deleteNetns(pod.netns);
}

test("detaches what dead pods left, and nothing of a living one", async () => {
  const empty = await snapshot();
  const living = await podForTest("living", 0, { datapath: "direct" });
  const one = await snapshot();
  const direct = await podForTest("direct", 1, { datapath: "direct" });
  const strict = await podForTest("strict", 2, { datapath: "routed", mode: "strict" });
  await die(direct);
  await die(strict);
  expect(records()).toHaveLength(3);
  expect(await pass([living])).toEqual({ said: ["NamespacesVisible true"], collected: 2 });
  expect(records()).toEqual(["7:sandbox-living:eth0.json"]);
  await settled(undefined, one);
  expect((await living.check()).failure).toBeUndefined();
  expect(await pass([living])).toEqual({ said: ["NamespacesVisible true"], collected: 0 });
  await living.mustDel();
  await living.dispose();
  await settled(undefined, empty);
});

test("collects nothing when a running pod's namespace is not seen, or none can be", async () => {
  const dead = await podForTest("dead", 0, { datapath: "direct" });
  const hidden = await podForTest("hidden", 1, { datapath: "direct" });
  await die(dead);
  await die(hidden);
  expect(await pass([hidden])).toEqual({
    said: [
      `NamespacesVisible false: the network namespace ${hidden.path} of pod default/${hidden.name} cannot be seen; nothing is collected`,
    ],
    collected: 0,
  });
  expect(await pass([], "the agent needs hostPID")).toMatchObject({ collected: 0 });
  expect(records()).toHaveLength(2);
  expect(await pass([])).toMatchObject({ collected: 2 });
  expect(records()).toEqual([]);
});

test("leaves a pod whose namespace only a process keeps alive", async () => {
  const pod = await podForTest("kept", 0, { datapath: "direct" });
  const kept = exec(pod.netns, ["sleep", "3"]);
  await systemTimer.sleep(500, AbortSignal.timeout(5_000));
  // The path goes, the namespace stays.
  await mustExec(undefined, ["ip", "netns", "del", pod.netns]);
  expect(await pass([])).toMatchObject({ collected: 0 });
  expect(records()).toHaveLength(1);
  await kept;
  await expect.poll(async () => (await pass([])).collected, { timeout: 10_000 }).toBe(1);
});

test("an agent that is in a pod's namespace by mistake ends, whoever caught the error", async () => {
  const pod = await podForTest("astray", 0, { datapath: "direct" });
  const ends: string[] = [];
  const home = new Home((why): never => {
    ends.push(why);
    throw new Error(why);
  });
  home.check();
  expect(ends).toEqual([]);
  using namespace = openNamespace(pod.path);
  expect(() => inNamespace(namespace, () => home.check())).toThrow("instead of its own");
  expect(ends).toHaveLength(1);
});

test("leaves what another call works on", async () => {
  const pod = await podForTest("busy", 0, { datapath: "direct" });
  await die(pod);
  const locked = exec(undefined, ["flock", `${STATE_DIRECTORY}/locks/vlan-7`, "sleep", "2"]);
  await systemTimer.sleep(500, AbortSignal.timeout(5_000));
  expect(await pass([])).toEqual({ said: ["NamespacesVisible true"], collected: 0 });
  expect(records()).toHaveLength(1);
  await locked;
  expect(await pass([])).toMatchObject({ collected: 1 });
});

test("a strict pod waits for who works on what the node's pods share, and the agent does not", async () => {
  const pod = await podForTest("strict", 0, { datapath: "routed", mode: "strict" });
  await die(pod);
  const locked = exec(undefined, ["flock", `${STATE_DIRECTORY}/locks/node`, "sleep", "3"]);
  await systemTimer.sleep(500, AbortSignal.timeout(5_000));
  const begun = systemTimer.now();
  expect(await pass([])).toMatchObject({ collected: 0 });
  expect(systemTimer.now() - begun).toBeLessThan(2_000);
  expect(records()).toHaveLength(1);
  await locked;
  expect(await pass([])).toMatchObject({ collected: 1 });
});
