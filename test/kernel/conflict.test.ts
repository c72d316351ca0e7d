// A VLAN id that is on the trunk already: whose it is decides. And GC, which decides by the runtime's list.
import { closeSync, openSync, renameSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Node } from "../../src/attachment/node.ts";
import { AttachmentStore, STATE_DIRECTORY } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import {
  deleteNetns,
  diffSnapshots,
  exec,
  ipBatch,
  ipJson,
  mustExec,
  netnsPath,
  settled,
  snapshot,
  type Snapshot,
} from "../ground/index.ts";
import { callPlugin, type Answer } from "./support/plugin.ts";
import { vethOf } from "./support/routed.ts";
import {
  annotationOf,
  createSandbox,
  records,
  useGround,
  type CallOptions,
  type Sandbox,
  type SandboxOptions,
} from "./support/sandbox.ts";

const ground = useGround();
/** What each test may have made, to be taken down in reverse. */
let open: Sandbox[] = [];

afterEach(async () => {
  for (const sandbox of open.toReversed()) {
    await sandbox.del();
    await sandbox.dispose();
  }
  open = [];
  await rm(`${STATE_DIRECTORY}/attachments`, { recursive: true, force: true });
  await settled(undefined, ground.before);
});

let count = 0;

async function sandboxOf(name: string, options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  count += 1;
  const addresses = [`10.0.0.${60 + count}`];
  const sandbox = await createSandbox(ground, { name, primary: "veth", addresses, ...options });
  open.push(sandbox);
  return sandbox;
}

const branch = annotationOf({ vlanId: 30, ipv4: "10.0.0.20" });
/** What EC2 gave out next under the same VLAN id: another ENI, MAC and address. */
const next = annotationOf({ vlanId: 30, ipv4: "10.0.0.21", eniId: "eni-0next", mac: "02:b1:00:00:01:30" });

async function kindOf(netns: string, name = "eth0"): Promise<string | undefined> {
  const links = await ipJson<{ ifname: string; linkinfo?: { info_kind?: string } }>(netns, "link", "show");
  return links.find(({ ifname }) => ifname === name)?.linkinfo?.info_kind;
}

async function expectUnharmed(sandbox: Sandbox, before: Snapshot): Promise<void> {
  expect((await sandbox.check()).failure).toBeUndefined();
  expect(diffSnapshots(before, await sandbox.snapshot())).toEqual([]);
}

/** A call that must be refused: nothing of the node, of either pod or of the records may change. */
async function expectRefused(
  pod: Sandbox,
  call: CallOptions,
  refusal: { code: number; msg: RegExp },
  others: readonly Sandbox[],
): Promise<void> {
  const kept = records();
  const all = [pod, ...others];
  const before = await Promise.all([snapshot(), ...all.map((one) => one.snapshot())]);
  const { failure } = await pod.add(call);
  expect(failure).toMatchObject({ code: refusal.code, msg: expect.stringMatching(refusal.msg) });
  const after = await Promise.all([snapshot(), ...all.map((one) => one.snapshot())]);
  expect(before.map((one, i) => diffSnapshots(one, after[i] as Snapshot))).toEqual(before.map(() => []));
  expect(records()).toEqual(kept);
}

describe("a claim on what a living pod has: code 102 with both pods, nothing touched", () => {
  test.each<{ what: string; claim: string; msg: RegExp }>([
    {
      what: "its VLAN id, for another branch",
      claim: next,
      msg: /^VLAN id 30 \(eni-0b\w+\) is held by default\/first, .* asked for by default\/second, .* \(eni-0next\)$/,
    },
    {
      what: "its VLAN id, MAC and address under another ENI",
      claim: annotationOf({ vlanId: 30, ipv4: "10.0.0.20", eniId: "eni-x" }),
      msg: /with MAC 02:b1:00:00:00:1e is held by default\/first/,
    },
    {
      what: "its address by another VLAN id",
      claim: annotationOf({ vlanId: 31, ipv4: "10.0.0.20" }),
      msg: /^VLAN id 30 .* with address 10\.0\.0\.20 is held by default\/first/,
    },
    {
      what: "its MAC by another VLAN id",
      claim: annotationOf({ vlanId: 31, ipv4: "10.0.0.21", mac: "02:b1:00:00:00:1e" }),
      msg: /^VLAN id 30 .* with MAC 02:b1:00:00:00:1e is held by default\/first/,
    },
  ])("$what", async ({ claim, msg }) => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch });
    const second = await sandboxOf("second");
    await expectRefused(second, { branch: claim }, { code: 102, msg }, [first]);
    expect((await first.check({ branch })).failure).toBeUndefined();
  });

  test("of two calls at once, under different VLAN ids, the one that writes its record later sees the other's", async () => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch });
    const file = `${STATE_DIRECTORY}/attachments/30:sandbox-first:eth0.json`;
    const aside = `${STATE_DIRECTORY}/aside`;
    renameSync(file, aside);
    /** The other's record comes when ours is about to be written. */
    class LateStore extends AttachmentStore {
      override write(...record: Parameters<AttachmentStore["write"]>): void {
        renameSync(aside, file);
        super.write(...record);
      }
    }
    const node: Node = { store: new LateStore(STATE_DIRECTORY, systemClock), clock: systemClock };
    const second = await sandboxOf("second");
    const [before, others] = await Promise.all([second.snapshot(), first.snapshot()]);
    const { failure } = await second.add({
      branch: annotationOf({ vlanId: 31, ipv4: "10.0.0.21", eniId: "eni-0b00000000000001e" }),
      node,
    });
    expect(failure).toMatchObject({
      code: 102,
      msg: expect.stringMatching(/^VLAN id 30 \(eni-0b00000000000001e\) is held by default\/first/),
    });
    expect(diffSnapshots(before, await second.snapshot())).toEqual([]);
    await expectUnharmed(first, others);
    expect(records()).toEqual(["30:sandbox-first:eth0.json"]);
  });

  test("the pod's second interface: code 7, and eth0 keeps its branch", async () => {
    const pod = await sandboxOf("first");
    await pod.mustAdd({ branch });
    // As the next list of /etc/cni/net.d leaves it.
    await ipBatch(undefined, [
      `link add eni2first type veth peer name net1 netns ${pod.netns}`,
      "link set eni2first up",
    ]);
    await ipBatch(pod.netns, ["link set net1 up", "addr add 10.0.0.25/32 dev net1"]);
    onTestFinished(async () => {
      await exec(undefined, ["ip", "link", "del", "eni2first"]);
    });
    const call = {
      ifName: "net1",
      cniVersion: "0.4.0",
      prevResult: {
        cniVersion: "0.4.0",
        interfaces: [{ name: "eni2first" }, { name: "net1", mac: "0", sandbox: pod.path }],
        ips: [{ version: "4", interface: 1, address: "10.0.0.25/32" }],
        dns: {},
      },
    };
    const msg = /is held by eth0 of this container sandbox-first already \(VLAN id 30, eni-0b\w+\)/;
    await expectRefused(pod, { ...call, branch }, { code: 7, msg }, []);
    await expectRefused(
      pod,
      { ...call, branch: annotationOf({ vlanId: 31, ipv4: "10.0.0.31" }) },
      { code: 7, msg },
      [],
    );
    await pod.mustDel({ ...call, branch });
    expect((await pod.check({ branch })).failure).toBeUndefined();
  });
});

test(
  "a VLAN device over an interface of another namespace that has the trunk's number stays",
  { tags: "vlan" },
  async () => {
    const netns = "a-nested";
    const [trunk] = await ipJson<{ ifindex: number }>(undefined, "link", "show", "dev", "eth1");
    await mustExec(undefined, ["ip", "netns", "add", netns]);
    onTestFinished(() => deleteNetns(netns));
    await ipBatch(netns, [
      `link add under index ${trunk?.ifindex} type bridge`,
      "link add link under name same.30 address 02:b1:00:00:00:1e type vlan id 30",
    ]);
    await ipBatch(undefined, ["link add link eth1 name vlan.eth.30 type vlan id 30"]);
    onTestFinished(async () => {
      await exec(undefined, ["ip", "link", "del", "vlan.eth.30"]);
    });
    const before = await snapshot(netns);
    const pod = await sandboxOf("new");
    await pod.mustAdd({ branch });
    expect((await pod.check({ branch })).failure).toBeUndefined();
    expect(diffSnapshots(before, await snapshot(netns))).toEqual([]);
  },
);

describe("another ENI under the same VLAN id: what no living pod has is stale", () => {
  test("with a record, once that pod's namespace is gone: record and rules go", async () => {
    const old = await sandboxOf("old");
    const nodeBefore = await snapshot();
    await old.mustAdd({ branch });
    await deleteNetns(old.netns);
    const pod = await sandboxOf("new");
    await pod.mustAdd({ branch: next });
    expect(records()).toEqual(["30:sandbox-new:eth0.json"]);
    expect((await pod.check({ branch: next })).failure).toBeUndefined();
    const lines = diffSnapshots(nodeBefore, await snapshot()).join("\n");
    expect(lines).toContain("dst=10.0.0.21 iif=lo table=130");
    expect(lines).not.toContain("10.0.0.20");
  });

  // Native, a trunk may have the same id twice: nothing tells the plugin that another namespace has it.
  test(
    "in another namespace, without a record: the device goes, and the old table with its rule",
    { tags: "vlan" },
    async () => {
      const old = await sandboxOf("old");
      await old.mustAdd({ branch });
      await rm(`${STATE_DIRECTORY}/attachments/30:sandbox-old:eth0.json`);
      const pod = await sandboxOf("new");
      await pod.mustAdd({ branch: next });
      expect(await kindOf(old.netns)).toBeUndefined();
      expect((await pod.check({ branch: next })).failure).toBeUndefined();
      const node = await snapshot();
      expect([...node.route, ...node.rule].filter((line) => line.includes("10.0.0.20"))).toEqual([]);
    },
  );

  test.each([
    ["another MAC", "02:b1:00:00:09:99"],
    ["the branch's own MAC", "02:b1:00:00:00:1e"],
  ])("on the node, as aws-cni leaves it, with %s", { tags: "vlan" }, async (_what, mac) => {
    await ipBatch(undefined, [
      `link add link eth1 name vlan.eth.30 address ${mac} type vlan id 30`,
      "link set vlan.eth.30 up",
      "route add 10.0.0.1 dev vlan.eth.30 scope link table 130",
      "route add default via 10.0.0.1 dev vlan.eth.30 table 130",
    ]);
    onTestFinished(async () => {
      await exec(undefined, ["ip", "link", "del", "vlan.eth.30"]);
    });
    const pod = await sandboxOf("new");
    await pod.mustAdd({ branch });
    expect((await pod.check()).failure).toBeUndefined();
    const links = await ipJson<{ ifname: string }>(undefined, "link", "show");
    expect(links.map(({ ifname }) => ifname)).not.toContain("vlan.eth.30");
    const node = await snapshot();
    expect(node.route.filter((line) => / table=130 /.test(line))).toEqual([
      expect.stringContaining("dst=10.0.0.20 dev=eni"),
    ]);
  });
});

describe("an ADD that cannot succeed takes a VLAN id from nobody", () => {
  test.each<{ why: string; call: CallOptions; unplugged?: true; code: number }>([
    { why: "its namespace is gone", call: { netns: "/run/netns/none" }, code: 104 },
    { why: "its primary's interface is gone", call: {}, unplugged: true, code: 104 },
    { why: "no such trunk", call: { settings: { trunk: { interface: "none" } } }, code: 100 },
    { why: "an mtu above the trunk's", call: { settings: { mtu: 9002 } }, code: 7 },
  ])("$why", async ({ call, unplugged, code }) => {
    const old = await sandboxOf("old", { uid: "uid-web-0" });
    await old.mustAdd({ branch });
    const pod = await sandboxOf("new", { uid: "uid-web-0" });
    if (unplugged === true) await ipBatch(undefined, ["link del eni-new"]);
    const [before, node] = await Promise.all([old.snapshot(), snapshot()]);
    expect((await pod.add({ branch: next, ...call })).failure?.code).toBe(code);
    await expectUnharmed(old, before);
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(records()).toEqual(["30:sandbox-old:eth0.json"]);
  });
});

describe("the same ENI", () => {
  test("the same pod again, in a new sandbox: the first one is taken back", async () => {
    const first = await sandboxOf("first", { uid: "uid-web-0" });
    const before = await first.snapshot();
    await first.mustAdd({ branch });
    const second = await sandboxOf("second", { uid: "uid-web-0" });
    await second.mustAdd({ branch });
    expect(diffSnapshots(before, await first.snapshot())).toEqual([]);
    expect(records()).toEqual(["30:sandbox-second:eth0.json"]);
    expect((await second.check()).failure).toBeUndefined();
  });

  test("the same sandbox again, as after a crash between ADD and its answer", async () => {
    const pod = await sandboxOf("again");
    await pod.mustAdd({ branch });
    const before = await pod.snapshot();
    await pod.mustAdd({ branch });
    await expectUnharmed(pod, before);
    expect(records()).toEqual(["30:sandbox-again:eth0.json"]);
  });

  test("another pod that lives: code 102, and it is unharmed", async () => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch });
    const second = await sandboxOf("second");
    const [before, mine, node] = await Promise.all([first.snapshot(), second.snapshot(), snapshot()]);
    const { failure } = await second.add({ branch });
    expect(failure).toMatchObject({
      code: 102,
      msg: expect.stringMatching(
        /VLAN id 30 \(eni-0b\w+\) is held by default\/first, container sandbox-first, which is alive in namespace \/run\/netns\/pod-first;/,
      ),
    });
    await expectUnharmed(first, before);
    expect(diffSnapshots(mine, await second.snapshot())).toEqual([]);
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(records()).toEqual(["30:sandbox-first:eth0.json"]);
  });

  test("pods whose runtime gives no UID are never taken for the same", async () => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch, anonymous: true });
    const second = await sandboxOf("second");
    expect((await second.add({ branch, anonymous: true })).failure?.code).toBe(102);
  });

  test("another pod that lives, and the record is lost: code 102 by the MAC", { tags: "vlan" }, async () => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch });
    const file = `${STATE_DIRECTORY}/attachments/30:sandbox-first:eth0.json`;
    await rm(file);
    const second = await sandboxOf("second");
    const [before, mine] = await Promise.all([first.snapshot(), second.snapshot()]);
    const { failure } = await second.add({ branch });
    expect(failure).toMatchObject({
      code: 102,
      msg: expect.stringMatching(/device eth0 with MAC 02:b1:00:00:00:1e .* no record says whose/),
    });
    expect(diffSnapshots(before, await first.snapshot())).toEqual([]);
    expect(diffSnapshots(mine, await second.snapshot())).toEqual([]);
    expect(records()).toEqual([]);
  });

  test("another pod whose namespace is gone: taken", async () => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch });
    // The stand-in is not told to wait for its MAC, as the plugin waits for a VLAN id.
    await deleteNetns(first.netns, vethOf(first));
    const second = await sandboxOf("second");
    await second.mustAdd({ branch });
    expect((await second.check()).failure).toBeUndefined();
    expect(records()).toEqual(["30:sandbox-second:eth0.json"]);
  });

  test("another pod whose record is broken: not guessed at, code 105 with the file", async () => {
    const first = await sandboxOf("first");
    await first.mustAdd({ branch });
    const file = `${STATE_DIRECTORY}/attachments/30:sandbox-first:eth0.json`;
    await writeFile(file, "{");
    const second = await sandboxOf("second");
    const { failure } = await second.add({ branch });
    expect(failure).toMatchObject({ code: 105, msg: expect.stringContaining(file) });
    await rm(file);
  });
});

describe("a late DEL of the old sandbox, after the VLAN id has moved on", () => {
  test.each<{ how: string; call: (old: Sandbox, pod: Sandbox) => CallOptions }>([
    { how: "with its own namespace", call: () => ({ branch }) },
    { how: "with an empty CNI_NETNS", call: () => ({ branch, netns: "", prevResult: null }) },
    { how: "with a namespace that is gone", call: () => ({ branch, netns: "/run/netns/none" }) },
    // The pod's name was given again: the path leads to the new sandbox, with the same MAC.
    { how: "with the path of the new one", call: (_old, pod) => ({ branch, netns: pod.path }) },
  ])("$how touches nothing of the new one", async ({ call }) => {
    const old = await sandboxOf("old", { uid: "uid-web-0" });
    await old.mustAdd({ branch });
    const pod = await sandboxOf("new", { uid: "uid-web-0" });
    await pod.mustAdd({ branch });
    const [before, node] = await Promise.all([pod.snapshot(), snapshot()]);
    await old.mustDel(call(old, pod));
    await expectUnharmed(pod, before);
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(records()).toEqual(["30:sandbox-new:eth0.json"]);
  });
});

// Only where nobody else makes namespaces is a number given again at once.
test(
  "a late DEL of a pod whose namespace is gone leaves alone the one that got its number",
  { tags: "vlan" },
  async () => {
    const old = await sandboxOf("old");
    await old.mustAdd({ branch });
    await deleteNetns(old.netns);
    // The kernel gives the lowest number that is free: most often the one that was just given back.
    const pods = [await sandboxOf("new"), await sandboxOf("newer")];
    for (const [i, pod] of pods.entries()) {
      await pod.mustAdd({ branch: annotationOf({ vlanId: 40 + i, ipv4: `10.0.0.${40 + i}` }) });
    }
    const before = await Promise.all(pods.map((pod) => pod.snapshot()));
    await old.mustDel({ netns: "", prevResult: null });
    const after = await Promise.all(pods.map((pod) => pod.snapshot()));
    expect(pods.map((_, i) => diffSnapshots(before[i] as Snapshot, after[i] as Snapshot))).toEqual([[], []]);
    expect(records()).toEqual(["40:sandbox-new:eth0.json", "41:sandbox-newer:eth0.json"]);
  },
);

describe("a namespace on its way out", { tags: "vlan" }, () => {
  /** The namespace lives on by a descriptor: no path and no process leads to it, as during cleanup_net. */
  async function hold(sandbox: Sandbox): Promise<number> {
    const fd = openSync(netnsPath(sandbox.netns), "r");
    await mustExec(undefined, ["ip", "netns", "del", sandbox.netns]);
    return fd;
  }

  test("its VLAN id is waited for", async () => {
    const old = await sandboxOf("old");
    await old.mustAdd({ branch });
    const fd = await hold(old);
    const pod = await sandboxOf("new");
    let sleeps = 0;
    const clock = {
      now: () => systemClock.now(),
      sleep(milliseconds: number) {
        sleeps += 1;
        if (sleeps === 3) closeSync(fd);
        systemClock.sleep(milliseconds);
      },
    };
    const node: Node = { store: new AttachmentStore(STATE_DIRECTORY, systemClock), clock };
    await pod.mustAdd({ branch, node });
    expect(sleeps).toBeGreaterThanOrEqual(3);
    expect((await pod.check()).failure).toBeUndefined();
    expect(records()).toEqual(["30:sandbox-new:eth0.json"]);
  });

  test("but not for ever: code 102, and the pod is as before", async () => {
    const old = await sandboxOf("old");
    await old.mustAdd({ branch });
    const fd = await hold(old);
    onTestFinished(() => closeSync(fd));
    const pod = await sandboxOf("new");
    const before = await pod.snapshot();
    let time = 0;
    const clock = { now: () => time, sleep: (milliseconds: number) => (time += milliseconds * 50) };
    const node: Node = { store: new AttachmentStore(STATE_DIRECTORY, systemClock), clock };
    const { failure } = await pod.add({ branch, node });
    expect(failure).toMatchObject({
      code: 102,
      msg: expect.stringMatching(/VLAN id 30 on trunk eth1 .* no path and no process/),
    });
    expect(diffSnapshots(before, await pod.snapshot())).toEqual([]);
    expect(records()).toEqual([]);
  });
});

describe("GC", () => {
  let one: Sandbox;
  let two: Sandbox;
  let elsewhere: Sandbox;

  beforeEach(async () => {
    one = await sandboxOf("one");
    two = await sandboxOf("two");
    elsewhere = await sandboxOf("elsewhere");
    await one.mustAdd({ branch: annotationOf({ vlanId: 31, ipv4: "10.0.0.31" }) });
    await two.mustAdd({ branch: annotationOf({ vlanId: 32, ipv4: "10.0.0.32" }) });
    await elsewhere.mustAdd({
      branch: annotationOf({ vlanId: 33, ipv4: "10.0.0.33" }),
      network: "another",
    });
  });

  const all = ["31:sandbox-one:eth0.json", "32:sandbox-two:eth0.json", "33:sandbox-elsewhere:eth0.json"];

  function gc(config: Record<string, unknown>): Promise<Answer> {
    return callPlugin(
      "GC",
      {},
      {
        cniVersion: "1.1.0",
        name: "ground",
        type: "branchline",
        pluginLogFile: `${ground.scratch}/gc.log`,
        ...config,
      },
    );
  }

  test("a runtime that does not know, or knows all, removes nothing", async () => {
    for (const config of [
      {},
      { "cni.dev/valid-attachments": null },
      { "cni.dev/attachments": null },
      {
        "cni.dev/valid-attachments": [
          { containerID: "sandbox-one", ifname: "eth0" },
          { containerID: "sandbox-two", ifname: "eth0" },
        ],
      },
    ]) {
      expect(await gc(config)).toEqual({ status: 0, stdout: "", failure: undefined });
      expect(records()).toEqual(all);
    }
  });

  test("what the list leaves out goes, whole; another network's stays", async () => {
    const answer = await gc({
      "cni.dev/valid-attachments": [{ containerID: "sandbox-two", ifname: "eth0" }],
    });
    expect(answer.failure).toBeUndefined();
    expect(records()).toEqual(all.slice(1));
    expect(await kindOf(one.netns)).toBe("veth");
    expect((await two.check()).failure).toBeUndefined();
    expect((await elsewhere.check({ network: "another" })).failure).toBeUndefined();
    const node = await snapshot();
    expect([...node.route, ...node.rule].filter((line) => line.includes("10.0.0.31"))).toEqual([]);

    // The same container under another interface is another attachment.
    await gc({ "cni.dev/valid-attachments": [{ containerID: "sandbox-two", ifname: "eth1" }] });
    expect(records()).toEqual(all.slice(2));
  });

  test("an empty list is a list: all of this network goes, even where the namespace is gone", async () => {
    await deleteNetns(one.netns);
    expect((await gc({ "cni.dev/attachments": [] })).failure).toBeUndefined();
    expect(records()).toEqual(all.slice(2));
  });

  test("one broken record does not keep the others, and is named", async () => {
    await writeFile(`${STATE_DIRECTORY}/attachments/31:sandbox-one:eth0.json`, "{");
    const { failure } = await gc({ "cni.dev/valid-attachments": [] });
    expect(failure?.msg).toMatch(/31:sandbox-one:eth0\.json/);
    expect(records()).toEqual([all[0], all[2]]);
    await rm(`${STATE_DIRECTORY}/attachments/31:sandbox-one:eth0.json`);
  });
});
