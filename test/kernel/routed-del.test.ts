// DEL and GC with the routed datapath: whatever is known and whatever is gone by then, the node and the pod are as the
// primary left them, and its own DEL finds what it made. And whose a VLAN id is.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { deleteNetns, diffSnapshots, ipBatch, run, settled, snapshot } from "../ground/index.ts";
import { changes, viewOf, type View } from "./faults/view.ts";
import { callPlugin } from "./support/plugin.ts";
import { B, P, linkOf, networkOf, routed } from "./support/routed.ts";
import {
  annotationOf,
  createSandbox,
  records,
  useGround,
  type CallOptions,
  type Sandbox,
} from "./support/sandbox.ts";

const ground = useGround();

const branch = annotationOf({ vlanId: 7, ipv4: B[4] });

describe.each([
  { mode: "strict", primary: "aws" },
  { mode: "standard", primary: "ptp" },
] as const)("$mode, behind $primary, with the pod still there", ({ mode, primary }) => {
  let pod: Sandbox;
  let nodeBefore: View;
  let podBefore: View;

  beforeAll(async () => {
    pod = await createSandbox(ground, {
      name: "one",
      primary,
      addresses: [P[4]],
      branch,
      // ptp gives both.
      settings: routed(mode, { families: ["4"] }),
    });
    [nodeBefore, podBefore] = [viewOf(), viewOf(pod.path)];
  });

  afterAll(async () => {
    await pod.remove();
    // The primary's own DEL took the rest.
    await settled(undefined, ground.before);
  });

  /** Read in process, which takes a tenth of the time; the end of this group asks iproute2 as well. */
  function expectAsBefore(): void {
    expect({
      node: changes(nodeBefore, viewOf()),
      pod: changes(podBefore, viewOf(pod.path)),
      records: records(),
    }).toEqual({ node: [], pod: [], records: [] });
  }

  test.each<{ how: string; call: CallOptions }>([
    {
      how: "without prevResult, annotation and a usable configuration",
      call: {
        prevResult: null,
        annotations: undefined,
        settings: { trunk: undefined, podSGEnforcingMode: "x" },
      },
    },
    { how: "with an empty CNI_NETNS and no prevResult", call: { netns: "", prevResult: null } },
    { how: "with datapath direct by now", call: { settings: { datapath: "direct" } } },
  ])("$how; a second one succeeds too", async ({ call }) => {
    await pod.mustAdd();
    expect(records()).toEqual(["7:sandbox-one:eth0.json"]);
    await pod.mustDel(call);
    expectAsBefore();
    await pod.mustDel(call);
  });

  test("the trunk is deleted", async () => {
    await ipBatch(undefined, [
      "link add spare address 02:00:00:00:00:99 mtu 9001 type veth peer name spare1",
      "link set spare up",
    ]);
    const settings = { trunk: { interface: "spare" } };
    await pod.mustAdd({ settings });
    // The kernel takes the VLAN device with its parent; the rules stay.
    await ipBatch(undefined, ["link del spare"]);
    expect(records()).toHaveLength(1);
    await pod.mustDel({ settings });
    expectAsBefore();
  });

  test("the device, a route and a rule were taken away by somebody", async () => {
    await pod.mustAdd();
    await ipBatch(undefined, [
      "link del vlan.eth.7",
      mode === "strict" ? "rule del priority 10 iif vlan.eth.7" : `rule del priority 1536 from ${B[4]}`,
    ]);
    const { failure } = await pod.check();
    expect(failure).toMatchObject({ code: 103, msg: expect.stringContaining("vlan.eth.7 is missing") });
    expect(failure?.details).toMatch(/on the node: rule "1/);
    await pod.mustDel();
    expectAsBefore();
  });

  test("GC removes it when the runtime lists it no more, and leaves what it lists", async () => {
    await pod.mustAdd();
    const gc = (valid: unknown) =>
      callPlugin(
        "GC",
        {},
        {
          cniVersion: "1.1.0",
          name: "ground",
          type: "branchline",
          enablePodENI: true,
          pluginLogFile: `${ground.scratch}/branchline.log`,
          "cni.dev/valid-attachments": valid,
        },
      );
    for (const valid of [null, [{ containerID: pod.containerId, ifname: "eth0" }]]) {
      expect((await gc(valid)).failure).toBeUndefined();
      expect((await pod.check()).failure).toBeUndefined();
    }
    expect((await gc([])).failure).toBeUndefined();
    expectAsBefore();
  });

  test.each<{ what: string; at: "pod" | "node"; line: string; says: RegExp }>([
    {
      what: "the pod's address",
      at: "pod",
      line: `addr del ${B[4]}/32 dev eth0`,
      says: /address 10\.0\.0\.20\/32 is missing/,
    },
    {
      what: "the pod's default route",
      at: "pod",
      line: "route del default",
      says: /route "default via 169\.254\.1\.1/,
    },
    {
      what: "the pod's neighbour",
      at: "pod",
      line: "neigh del 169.254.1.1 dev eth0",
      says: /permanent neighbour 169\.254\.1\.1/,
    },
    {
      what: "the device is down",
      at: "node",
      line: "link set vlan.eth.7 down",
      says: /device vlan\.eth\.7 is down/,
    },
    {
      what: "the table's default",
      at: "node",
      line: "route del default table 107",
      says: /route "default via 10\.0\.0\.1 table 107 dev vlan\.eth\.7" is missing/,
    },
  ])("CHECK names what is missing: $what", async ({ at, line, says }) => {
    await pod.mustAdd();
    await ipBatch(at === "pod" ? pod.netns : undefined, [line]);
    const { failure } = await pod.check();
    expect(failure?.code).toBe(103);
    expect(`${failure?.msg}\n${failure?.details}`).toMatch(says);
    await pod.mustDel();
    expectAsBefore();
  });
});

describe("a pod that is going, or comes again", () => {
  beforeEach(async () => {
    await settled(undefined, ground.before);
  });

  async function sandboxOf(name: string, uid: string, host = 60): Promise<Sandbox> {
    const sandbox = await createSandbox(ground, {
      name,
      uid,
      primary: "veth",
      addresses: [`10.0.0.${host}`],
      branch,
      settings: routed("strict"),
    });
    onTestFinished(() => sandbox.remove());
    return sandbox;
  }

  test.each([
    { how: "its path given", call: {} },
    { how: "an empty CNI_NETNS and nothing else", call: { netns: "", prevResult: null, annotations: null } },
  ])("the namespace is deleted, $how", async ({ call }) => {
    const pod = await sandboxOf("one", "uid-1");
    await pod.mustAdd();
    await deleteNetns(pod.netns);
    await pod.mustDel(call);
    expect(records()).toEqual([]);
    await settled(undefined, ground.before);
    await pod.mustDel(call);
  });

  test("the same pod in a new sandbox: the first gets its primary back, and its late DEL touches nothing", async () => {
    const first = await sandboxOf("first", "uid-web-0", 60);
    const inFirst = await first.snapshot();
    await first.mustAdd();
    const second = await sandboxOf("second", "uid-web-0", 61);
    await second.mustAdd();
    expect(diffSnapshots(inFirst, await first.snapshot())).toEqual([]);
    const [node, inSecond] = await Promise.all([snapshot(), second.snapshot()]);
    for (const call of [{}, { netns: "", prevResult: null }]) {
      await first.mustDel(call);
      expect(diffSnapshots(node, await snapshot())).toEqual([]);
      expect(diffSnapshots(inSecond, await second.snapshot())).toEqual([]);
    }
    expect((await second.check()).failure).toBeUndefined();
    expect(records()).toEqual(["7:sandbox-second:eth0.json"]);
  });

  test("a StatefulSet's name with a new UID: refused while the first lives, then it takes over", async () => {
    const first = await sandboxOf("web", "uid-old", 60);
    await first.mustAdd();
    const second = await sandboxOf("web-again", "uid-new", 61);
    const node = await snapshot();
    expect((await second.add()).failure).toMatchObject({
      code: 102,
      msg: expect.stringContaining("is held by"),
    });
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect((await first.check()).failure).toBeUndefined();
    await deleteNetns(first.netns);
    await second.mustAdd();
    await first.mustDel({ netns: "", prevResult: null });
    expect((await second.check()).failure).toBeUndefined();
    const { rules } = (await networkOf(undefined))[4];
    expect(rules.filter((line) => line.startsWith("10: "))).toEqual([
      "10: iif=vlan.eth.7 lookup 107",
      "10: iif=eni-web-again lookup 107",
    ]);
  });

  /** A pod that has a branch, and the next pod of its name, whose veth the primary has called as it called the old one's. */
  async function sameName(nextBranch?: string): Promise<{ readonly old: Sandbox; readonly next: Sandbox }> {
    const old = await sandboxOf("web", "uid-old", 60);
    await old.mustAdd();
    // aws-cni deletes the veth of that name and makes it anew; the old pod's namespace lives on without it.
    await ipBatch(undefined, ["link set vlan.eth.7 up", "link del eni-web"]);
    const next = await createSandbox(ground, {
      name: "web-next",
      uid: "uid-new",
      primary: "veth",
      addresses: ["10.0.0.61"],
      ...(nextBranch !== undefined && { branch: nextBranch }),
      settings: routed("strict"),
    });
    onTestFinished(() => next.remove());
    await ipBatch(undefined, ["link set eni-web-next down", "link set eni-web-next name eni-web up"]);
    onTestFinished(async () => {
      await run(["ip", "link", "del", "eni-web"]);
    });
    return { old, next };
  }

  test("a pod of the same name, whose veth has the old one's name, before the old sandbox's DEL", async () => {
    const { old, next } = await sameName(annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }));
    await next.mustAdd();
    const byVeth = async () =>
      (await networkOf(undefined))[4].rules.filter((line) => line.includes("iif=eni-web"));
    expect(await byVeth()).toEqual(["10: iif=eni-web lookup 108"]);
    expect((await next.check()).failure).toBeUndefined();
    const table = (await networkOf(undefined))[4].routes("108");
    await old.mustDel();
    expect(await byVeth()).toEqual(["10: iif=eni-web lookup 108"]);
    const node = (await networkOf(undefined))[4];
    expect(node.routes("108")).toEqual(table);
    expect(node.routes("107")).toEqual([]);
    expect(node.rules.filter((line) => line.endsWith("lookup 107"))).toEqual([]);
    expect(await linkOf(undefined, "vlan.eth.7")).toBeUndefined();
    expect((await next.check()).failure).toBeUndefined();
  });

  test("a pod of the same name without a branch: nothing that it sends takes the old one's", async () => {
    const { old, next } = await sameName();
    const [, pod] = next.primaryResult.interfaces ?? [];
    const prevResult = { ...next.primaryResult, interfaces: [{ name: "eni-web" }, pod] };
    const strictRules = async () =>
      (await networkOf(undefined))[4].rules.filter((line) => line.startsWith("10: "));
    expect(await strictRules()).toEqual(["10: iif=vlan.eth.7 lookup 107", "10: iif=eni-web lookup 107"]);
    await next.mustAdd({ prevResult });
    expect(await strictRules()).toEqual(["10: iif=vlan.eth.7 lookup 107"]);
    await old.mustDel();
    expect(await strictRules()).toEqual([]);
    expect(records()).toEqual([]);
  });

  test("from direct to routed and back, as retries of one pod: nothing of the other datapath stays", async () => {
    const pod = await sandboxOf("both", "uid-1");
    const inPod = await pod.snapshot();
    const direct = { datapath: "direct", podSGEnforcingMode: undefined, serviceCIDRs: [] };
    await pod.mustAdd({ settings: direct });
    await pod.mustAdd();
    expect((await linkOf(undefined, "vlan.eth.7"))?.linkinfo?.info_kind).toBe("vlan");
    expect((await pod.check()).failure).toBeUndefined();
    await pod.mustAdd({ settings: direct });
    expect(await linkOf(undefined, "vlan.eth.7")).toBeUndefined();
    await pod.mustDel();
    expect(diffSnapshots(inPod, await pod.snapshot())).toEqual([]);
  });
});
