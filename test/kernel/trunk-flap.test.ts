// What the agent does for pods whose trunk went down and up again: their routes come back from the records.
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { RouteKeeper } from "../../src/agent/attachments/routes.ts";
import { LinkMonitor } from "../../src/netlink/route/link-monitor.ts";
import { AttachmentStore, STATE_DIRECTORY } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { diffSnapshots, exec, ipBatch, mustExec, settled, snapshot, type Branch } from "../ground/index.ts";
import { sandboxForTest, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let branches: readonly Branch[];

const prefixes = (host: number) => ({ ipv4: `10.0.0.${host}`, ipv6: `2001:db8:1::${host}` });

beforeAll(async () => {
  const { vpc } = ground;
  await vpc.createGroup("db");
  branches = await Promise.all(
    [7, 8, 9].map((vlanId) => vpc.attachBranch({ vlanId, ...prefixes(20 + vlanId), groups: ["db"] })),
  );
});

interface Kept {
  readonly keeper: RouteKeeper;
  readonly lines: string[];
}

/** The agent's part, for the length of the test. */
async function keepRoutes(): Promise<Kept> {
  const lines: string[] = [];
  const stop = new AbortController();
  const keeper = new RouteKeeper({
    node: { store: new AttachmentStore(STATE_DIRECTORY, systemClock), clock: systemClock },
    openMonitor: () => new LinkMonitor(),
    timer: systemTimer,
    log: (_level, message) => void lines.push(message),
  });
  const running = keeper.run(stop.signal);
  onTestFinished(async () => {
    stop.abort(new Error("the test is over"));
    await running;
  });
  // Its first look at all pods.
  await systemTimer.sleep(200, stop.signal);
  return { keeper, lines };
}

async function podForTest(
  name: string,
  branch: Branch | undefined,
  settings: Readonly<Record<string, unknown>>,
): Promise<Sandbox> {
  const pod = await sandboxForTest(ground, {
    name,
    primary: "veth",
    addresses: [prefixes(50 + name.length).ipv4, prefixes(50 + name.length).ipv6],
    ...(branch !== undefined && { branch: branch.annotation }),
    settings: { families: ["4", "6"], ...settings },
  });
  await pod.mustAdd();
  return pod;
}

/** Whether CHECK finds all of the branch in its place. */
const isWhole = async (pod: Sandbox) => (await pod.check()).failure === undefined;

async function wholeAgain(pods: readonly Sandbox[], withinMs: number): Promise<void> {
  const from = systemTimer.now();
  for (;;) {
    const whole = await Promise.all(pods.map(isWhole));
    if (!whole.includes(false)) return;
    if (systemTimer.now() - from > withinMs) throw new Error(`still not whole: ${whole.join(", ")}`);
    await systemTimer.sleep(50, AbortSignal.timeout(withinMs));
  }
}

async function flap(device: string, between: () => Promise<unknown> = async () => undefined): Promise<void> {
  onTestFinished(async () => {
    await exec(undefined, ["ip", "link", "set", device, "up"]);
  });
  await mustExec(undefined, ["ip", "link", "set", device, "down"]);
  await between();
  await mustExec(undefined, ["ip", "link", "set", device, "up"]);
}

// A VLAN device goes down with its parent, a macvlan does not.
test(
  "direct, routed and strict pods have all of it back, within two seconds; what the pods have beside it stays",
  { tags: "vlan" },
  async () => {
    const pods = [
      await podForTest("d", branches[0], { datapath: "direct" }),
      await podForTest("rr", branches[1], { datapath: "routed" }),
      await podForTest("sss", branches[2], { datapath: "routed", mode: "strict" }),
    ];
    const before = await Promise.all([snapshot(), ...pods.map((pod) => pod.snapshot())]);
    const { keeper, lines } = await keepRoutes();
    expect(keeper.restored).toBe(0);
    const { device } = ground.vpc.trunk;
    // The kernel does not put the trunk's own routes back either; they are aws-node's.
    const own = [
      "route replace 10.0.0.1 dev eth1 scope link table 2",
      "route replace default via 10.0.0.1 dev eth1 table 2",
    ];
    await flap(device, async () => {
      expect(await Promise.all(pods.map(isWhole))).toEqual([false, false, false]);
    });
    // The guest has one processor, under emulation.
    await wholeAgain(pods, 10_000);
    await ipBatch(undefined, own);
    const after = await Promise.all([snapshot(), ...pods.map((pod) => pod.snapshot())]);
    expect(before.flatMap((snap, i) => diffSnapshots(snap, after[i] ?? snap))).toEqual([]);
    expect(after).toHaveLength(before.length);
    expect(keeper.restored).toBe(3);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^default\/d: its branch had lost \d routes, which are back$/);
  },
);

test("what it did while no agent ran is found at the start", async () => {
  const pod = await podForTest("late", branches[0], { datapath: "direct" });
  await mustExec(pod.netns, ["ip", "link", "set", "eth0", "down"]);
  await mustExec(pod.netns, ["ip", "link", "set", "eth0", "up"]);
  expect(await isWhole(pod)).toBe(false);
  const { keeper } = await keepRoutes();
  await wholeAgain([pod], 10_000);
  expect(keeper.restored).toBe(1);
});

test("a branch whose device is down is set up again with it", async () => {
  const pod = await podForTest("down", branches[0], { datapath: "direct" });
  await mustExec(pod.netns, ["ip", "link", "set", "eth0", "down"]);
  const { keeper } = await keepRoutes();
  await wholeAgain([pod], 10_000);
  expect(keeper.restored).toBe(1);
});

test("what somebody else removed stays removed, and CHECK tells", async () => {
  const pod = await podForTest("taken", branches[0], { datapath: "direct" });
  await mustExec(pod.netns, ["ip", "route", "del", "169.254.0.0/16"]);
  const before = await pod.snapshot();
  const { keeper } = await keepRoutes();
  await flap(ground.vpc.trunk.device);
  await systemTimer.sleep(1_500, AbortSignal.timeout(5_000));
  const missing = async () => (await pod.check()).failure?.details;
  expect(await missing()).toContain("169.254.0.0/16");
  await settled(pod.netns, before);
  expect(keeper.restored).toBeLessThanOrEqual(1);
});

test("a pod that another call works on is waited for", async () => {
  const pod = await podForTest("busy", branches[0], { datapath: "direct" });
  await mustExec(pod.netns, ["ip", "link", "set", "eth0", "down"]);
  const store = new AttachmentStore(STATE_DIRECTORY, systemClock);
  const release = Promise.withResolvers<void>();
  const flocked = exec(undefined, ["flock", `${STATE_DIRECTORY}/locks/vlan-7`, "sleep", "2"]).finally(() =>
    release.resolve(),
  );
  await systemTimer.sleep(300, AbortSignal.timeout(5_000));
  expect(() => store.withVlan(7, 0, () => undefined)).toThrow("still being worked on");
  const { keeper } = await keepRoutes();
  expect(keeper.restored).toBe(0);
  await flocked;
  await wholeAgain([pod], 10_000);
  expect(keeper.restored).toBe(1);
});
