// What the agent does for pods whose trunk went down and up again: their routes come back from the records.
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { KnownAttachments } from "../../src/agent/attachments/known.ts";
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

/** What a trunk does to a pod of its own. */
const flapInPod = ["ip link set eth0 down", "ip link set eth0 up"];

async function text(netns: string, command: string): Promise<string> {
  return (await exec(netns, ["sh", "-ec", command])).stdout;
}

interface Kept {
  readonly keeper: RouteKeeper;
  readonly lines: string[];
}

/** The agent's part, for the length of the test. */
async function keepRoutes(): Promise<Kept> {
  const lines: string[] = [];
  const stop = new AbortController();
  const store = new AttachmentStore(STATE_DIRECTORY, systemClock);
  const keeper = new RouteKeeper({
    node: { store, clock: systemClock },
    attachments: new KnownAttachments(store),
    checkHome: () => undefined,
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
    expect(lines[0]).toMatch(/^default\/d: its branch had lost its routes, which are back$/);
  },
);

test("what it did while no agent ran is found at the start", async () => {
  const pod = await podForTest("late", branches[0], { datapath: "direct" });
  await mustExec(pod.netns, ["sh", "-ec", flapInPod.join("\n")]);
  expect(await isWhole(pod)).toBe(false);
  const { keeper } = await keepRoutes();
  await wholeAgain([pod], 10_000);
  expect(keeper.restored).toBe(1);
});

describe("what somebody else did is left as it is, at the start and when the trunk comes up", () => {
  const b4 = "10.0.0.27";

  test.each<[string, string[]]>([
    ["the device set down", ["ip link set eth0 down"]],
    ["the default route removed", ["ip route del default"]],
    ["the default route by another device", ["ip route replace default via 169.254.1.1 dev host0 onlink"]],
    ["IPv4 addresses removed", ["ip -4 addr flush dev eth0"]],
    ["a route by host0 removed, and all by the branch", ["ip route del 169.254.0.0/16", ...flapInPod]],
    [
      "a route by another device in the place of one that was lost",
      [...flapInPod, "ip route add default via 169.254.1.1 dev host0 onlink"],
    ],
  ])("%s", async (_what, commands) => {
    const pod = await podForTest("left", branches[0], { datapath: "direct" });
    await mustExec(pod.netns, ["sh", "-ec", commands.join("\n")]);
    const before = await pod.snapshot();
    const { keeper, lines } = await keepRoutes();
    expect(lines).toEqual(["default/left: its branch is not as ADD left it, and is left so"]);
    await settled(pod.netns, before);
    expect(keeper.restored).toBe(0);
    expect(await text(pod.netns, "ip -4 addr show dev host0")).not.toContain(b4);
  });

  test("a device of the VLAN id's next owner", async () => {
    await podForTest("owner", branches[1], { datapath: "routed" });
    const { device } = ground.vpc.trunk;
    const kind = process.env["VLAN_STAND_IN"] === "macvlan" ? "macvlan mode private" : "vlan id 8";
    await mustExec(undefined, [
      "sh",
      "-ec",
      `ip link del vlan.eth.8
ip link add link ${device} name vlan.eth.8 address 02:b1:00:00:0f:08 type ${kind}
ip link set vlan.eth.8 up
ip route add 10.77.0.1 dev vlan.eth.8 table 108
ip route add default via 10.77.0.1 dev vlan.eth.8 table 108`,
    ]);
    const before = await snapshot();
    const { keeper } = await keepRoutes();
    await settled(undefined, before);
    expect(keeper.restored).toBe(0);
  });
});

test("a pod that another call works on is waited for", async () => {
  const pod = await podForTest("busy", branches[0], { datapath: "direct" });
  await mustExec(pod.netns, ["sh", "-ec", flapInPod.join("\n")]);
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
