// DEL with the direct datapath: whatever is known and whatever is gone by then, all is as the primary left it.
import { spawn } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import {
  createNetns,
  deleteNetns,
  diffSnapshots,
  eventually,
  inNetns,
  ipBatch,
  mustExec,
  settled,
  snapshot,
  type Snapshot,
} from "../ground/index.ts";
import { vethOf } from "./support/routed.ts";
import {
  annotationOf,
  createSandbox,
  records,
  sandboxForTest,
  useGround,
  type CallOptions,
  type Sandbox,
} from "./support/sandbox.ts";

const ground = useGround();

const branch = annotationOf({ vlanId: 7, ipv4: "10.0.0.20", ipv6: "2001:db8:1::20" });
const addresses = ["10.0.0.50", "2001:db8:1::50"];
const record = `${STATE_DIRECTORY}/attachments/7:sandbox-one:eth0.json`;

/** A pod for the tests of a suite, and what differs from the state its primary left. */
function usePod(primary: "aws" | "ptp" | "veth") {
  let nodeBefore: Snapshot;
  let podBefore: Snapshot;
  const used = {
    pod: undefined as unknown as Sandbox,
    /** What of the branch is left on either side, and what of the primary's is not as it was. */
    async differences() {
      const [node, inPod] = await Promise.all([snapshot(), used.pod.snapshot()]);
      return {
        node: diffSnapshots(nodeBefore, node),
        pod: diffSnapshots(podBefore, inPod),
        records: records(),
      };
    },
  };

  beforeAll(async () => {
    used.pod = await createSandbox(ground, { name: "one", primary, addresses, branch });
    [nodeBefore, podBefore] = await Promise.all([snapshot(), used.pod.snapshot()]);
  });

  afterAll(async () => {
    await used.pod.remove();
    // The primary's own DEL takes the rest; this throws with what it does not.
    await settled(undefined, ground.before);
  });

  return used;
}

const none = { node: [], pod: [], records: [] };

describe.each(["aws", "ptp"] as const)("behind %s, with the pod still there", (primary) => {
  const used = usePod(primary);

  test("as a runtime does it; a second one succeeds too", async () => {
    await used.pod.mustAdd();
    expect(records()).toEqual(["7:sandbox-one:eth0.json"]);
    await used.pod.mustDel();
    expect(await used.differences()).toEqual(none);
    await used.pod.mustDel();
  });

  test("the record is lost: the pod's devices and the node's table say enough", async () => {
    await used.pod.mustAdd();
    await rm(record);
    await used.pod.mustDel();
    expect(await used.differences()).toEqual(none);
  });

  test("the record is lost, and the annotation with it: prevResult's MAC says which", async () => {
    await used.pod.mustAdd();
    await rm(record);
    await used.pod.mustDel({ annotations: null });
    expect(await used.differences()).toEqual(none);
  });

  test("the trunk is deleted", async () => {
    const spare = "link add spare address 02:00:00:00:00:99 mtu 9001 type veth peer name spare1";
    await ipBatch(undefined, [spare]);
    const settings = { trunk: { interface: "spare" } };
    await used.pod.mustAdd({ settings });
    // The kernel takes the VLAN device with its parent, wherever it is.
    await ipBatch(undefined, ["link del spare"]);
    await used.pod.mustDel({ settings });
    expect(await used.differences()).toEqual(none);
  });
});

describe("whatever the call says, and whatever else is there", () => {
  const used = usePod("veth");

  test.each<{ how: string; call: CallOptions }>([
    { how: "without prevResult, annotation and a usable configuration", call: bare() },
    { how: "with an empty CNI_NETNS and no prevResult", call: { netns: "", prevResult: null } },
    { how: "with branches switched off by now", call: { settings: { enablePodENI: false } } },
    { how: "with datapath routed by now", call: { settings: { datapath: "routed" } } },
    { how: "with a trunk by now that is none", call: { settings: { trunk: { interface: "ens9" } } } },
    {
      how: "with another annotation by now",
      call: { branch: annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }) },
    },
  ])("$how; a second one succeeds too", async ({ call }) => {
    await used.pod.mustAdd();
    expect(records()).toEqual(["7:sandbox-one:eth0.json"]);
    await used.pod.mustDel(call);
    expect(await used.differences()).toEqual(none);
    await used.pod.mustDel(call);
  });

  test.each([
    ["cut off", '{"version":1,"containerId"'],
    ["of another version", '{"version":99}'],
  ])("the record is %s", async (_how, text) => {
    await used.pod.mustAdd();
    await writeFile(record, text);
    onTestFinished(() => rm(record, { force: true }));
    await used.pod.mustDel();
    expect(await used.differences()).toEqual(none);
  });

  test("a second pod's branch, routes and record stay", async () => {
    const other = await createSandbox(ground, {
      name: "two",
      primary: "veth",
      addresses: ["10.0.0.60"],
      branch: annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }),
    });
    await other.mustAdd();
    const [node, inOther] = await Promise.all([snapshot(), other.snapshot()]);
    await used.pod.mustAdd();
    await used.pod.mustDel();
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(diffSnapshots(inOther, await other.snapshot())).toEqual([]);
    expect(records()).toEqual(["8:sandbox-two:eth0.json"]);
    // A container that was never added owns nothing, whatever it says its branch is.
    await used.pod.mustDel({ containerId: "never", branch: annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }) });
    expect((await other.check()).failure).toBeUndefined();
    await other.remove();
    expect(await used.differences()).toEqual(none);
  });

  test("the branch's device was renamed and given another MAC inside the pod", async () => {
    await used.pod.mustAdd();
    await ipBatch(used.pod.netns, [
      "link set eth0 down",
      "link set eth0 name mine address 02:00:00:00:00:77 up",
    ]);
    await used.pod.mustDel();
    expect(await used.differences()).toEqual(none);
  });

  test("lo and what else is in the pod stays", async () => {
    await ipBatch(used.pod.netns, [
      "link add own type bridge",
      "addr add 192.0.2.1/32 dev own",
      "link set own up",
    ]);
    const with_ = await used.pod.snapshot();
    await used.pod.mustAdd();
    await used.pod.mustDel();
    expect(diffSnapshots(with_, await used.pod.snapshot())).toEqual([]);
    await ipBatch(used.pod.netns, ["link del own"]);
  });
});

/** What the node has that it had not before the first pod. */
async function leftOnNode(): Promise<string[]> {
  // The kernel takes the devices of a deleted namespace away a moment after its name.
  await settled(undefined, ground.before).catch(() => undefined);
  return [...diffSnapshots(ground.before, await snapshot()), ...records()];
}

/** What a runtime may still know at the end: names and paths. */
function bare(): CallOptions {
  return {
    prevResult: null,
    annotations: undefined,
    settings: { serviceCIDRs: "wrong", trunk: undefined, podSGEnforcingMode: "strict" },
  };
}

describe("a pod that is going", () => {
  test.each([
    { how: "its path given", call: {} },
    { how: "an empty CNI_NETNS and nothing else", call: { netns: "", prevResult: null, annotations: null } },
  ])("the namespace is deleted, $how", async ({ call }) => {
    const pod = await createSandbox(ground, { name: "one", primary: "veth", addresses, branch });
    await pod.mustAdd();
    await deleteNetns(pod.netns);
    await pod.mustDel(call);
    expect(records()).toEqual([]);
    await pod.callPrimary("DEL");
    expect(await leftOnNode()).toEqual([]);
    await pod.mustDel(call);
  });

  test("the namespace is deleted and the record is lost: the annotation says which table it was", async () => {
    const pod = await createSandbox(ground, { name: "one", primary: "veth", addresses, branch });
    await pod.mustAdd();
    await rm(record);
    // While the veth is there, the address may be a living pod's, and without a record DEL leaves that alone.
    await deleteNetns(pod.netns, vethOf(pod));
    await pod.mustDel();
    await pod.callPrimary("DEL");
    expect(await leftOnNode()).toEqual([]);
  });

  /** Keeps the namespace alive by a process, and takes its name away. */
  async function hide(pod: Sandbox): Promise<{ pid: number; reveal: (name: string) => Promise<void> }> {
    const [file, ...args] = inNetns(pod.netns, ["sleep", "600"]);
    const child = spawn(file, args, { stdio: "ignore" });
    const { pid } = child;
    if (pid === undefined) throw new Error("no process");
    const ended = new Promise((resolve) => child.on("exit", resolve));
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    await eventually("a process in the namespace", async () => {
      const { stdout } = await mustExec(undefined, ["ip", "netns", "pids", pod.netns]);
      return stdout.includes(String(pid)) ? true : undefined;
    });
    await mustExec(undefined, ["ip", "netns", "del", pod.netns]);
    return {
      pid,
      async reveal(name) {
        await mustExec(undefined, ["ip", "netns", "attach", name, String(pid)]);
      },
    };
  }

  test("the path is gone and a process still lives in the namespace: it gets its primary back", async () => {
    const pod = await createSandbox(ground, { name: "one", primary: "veth", addresses, branch });
    const podBefore = await pod.snapshot();
    await pod.mustAdd();
    const { reveal } = await hide(pod);
    await pod.mustDel();
    await reveal(pod.netns);
    expect(diffSnapshots(podBefore, await pod.snapshot())).toEqual([]);
    expect(records()).toEqual([]);
    await pod.callPrimary("DEL");
    await deleteNetns(pod.netns);
    expect(await leftOnNode()).toEqual([]);
  });

  test("the path leads to another namespace by now: that one is not touched", async () => {
    const pod = await createSandbox(ground, { name: "one", primary: "veth", addresses, branch });
    const podBefore = await pod.snapshot();
    await pod.mustAdd();
    const { reveal } = await hide(pod);
    await createNetns(pod.netns);
    // It looks like a pod of ours that was set up under the same names.
    await ipBatch(pod.netns, [
      "link add eth0 type bridge",
      "link add host0 type veth peer name other",
      "link set eth0 up",
    ]);
    const inNew = await pod.snapshot();
    await pod.mustDel();
    expect(diffSnapshots(inNew, await pod.snapshot())).toEqual([]);
    await deleteNetns(pod.netns);
    await reveal(pod.netns);
    expect(diffSnapshots(podBefore, await pod.snapshot())).toEqual([]);
    await pod.callPrimary("DEL");
    await deleteNetns(pod.netns);
    expect(await leftOnNode()).toEqual([]);
  });

  test(
    "the annotation is another pod's, which lives, and whose record is lost: nothing of it is taken",
    { tags: "vlan" },
    async () => {
      const first = await sandboxForTest(ground, { name: "one", primary: "veth", addresses, branch });
      const second = await sandboxForTest(ground, {
        name: "two",
        primary: "veth",
        addresses: ["10.0.0.51", "2001:db8:1::51"],
        branch,
      });
      const unattached = await snapshot();
      await first.mustAdd();
      await rm(record);
      const before = await Promise.all([snapshot(), first.snapshot(), second.snapshot()]);
      expect((await second.add()).failure?.code).toBe(102);
      await second.mustDel();
      const after = await Promise.all([snapshot(), first.snapshot(), second.snapshot()]);
      expect(before.map((one, i) => diffSnapshots(one, after[i] as Snapshot))).toEqual([[], [], []]);
      await first.mustDel();
      expect(diffSnapshots(unattached, await snapshot())).toEqual([]);
    },
  );

  test("aws-cni leaves the veth to the namespace, and the branch's table is empty all the same", async () => {
    const pod = await createSandbox(ground, { name: "one", addresses, branch });
    await pod.mustAdd();
    // The primary's DEL may come in any order after a crash: its veth takes our routes with it, not the rules.
    await pod.callPrimary("DEL");
    await pod.mustDel();
    await deleteNetns(pod.netns);
    expect(await leftOnNode()).toEqual([]);
  });
});
