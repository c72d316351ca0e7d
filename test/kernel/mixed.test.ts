// Pods of both datapaths, both modes and both makers on one node and one trunk: each goes by what was done for it, and
// nobody touches another's. What aws-cni leaves is made by iproute2 here, as its own code does it.
import { createHash } from "node:crypto";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import {
  createNetns,
  deleteNetns,
  diffSnapshots,
  ipBatch,
  netnsPath,
  podAnnotations,
  podEni,
  run,
  settled,
  snapshot,
  type CniResult,
} from "../ground/index.ts";
import { callPlugin } from "./support/plugin.ts";
import { linkOf, networkOf, routed, rulesOf, type Mode } from "./support/routed.ts";
import { annotationOf, createSandbox, records, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();

afterAll(async () => {
  await settled(undefined, ground.before);
});

/** A pod with a branch that aws-cni attached: no record of ours, and its own kind of result. */
interface AwsPod {
  readonly netns: string;
  /** The node's end of its veth. */
  readonly veth: string;
  readonly annotation: string;
  readonly result: CniResult;
  readonly remove: () => Promise<void>;
}

interface AwsBranch {
  readonly branchMac?: string;
  readonly ipv4?: string;
}

async function awsPod(name: string, vlanId: number, mode: Mode, eni: AwsBranch = {}): Promise<AwsPod> {
  const suffix = createHash("sha1").update(`default.${name}`).digest("hex").slice(0, 11);
  const veth = `${mode === "strict" ? "vlan" : "eni"}${suffix}`;
  const [vlan, table, netns, mac] = [`vlan.eth.${vlanId}`, vlanId + 100, `pod-${name}`, "02:aa:00:00:00:01"];
  const { ipv4 = `10.0.0.${vlanId}` } = eni;
  const { branchMac = `02:b1:00:00:00:${vlanId.toString(16).padStart(2, "0")}` } = eni;
  const annotation = annotationOf({ vlanId, ipv4, mac: branchMac });
  await createNetns(netns);
  await ipBatch(undefined, [
    `link add ${veth} address ${mac} mtu 9001 type veth peer name eth0 mtu 9001 netns ${netns}`,
    `link set ${veth} up`,
    `link add link eth1 name ${vlan} address ${branchMac} type vlan id ${vlanId}`,
    `link set ${vlan} up`,
    `route add 10.0.0.1 dev ${vlan} scope link table ${table}`,
    `route add default via 10.0.0.1 dev ${vlan} table ${table}`,
    ...(mode === "strict"
      ? [
          `route add ${ipv4} dev ${veth} scope link table ${table}`,
          `rule add priority 10 iif ${vlan} table ${table}`,
          `rule add priority 10 iif ${veth} table ${table}`,
        ]
      : [
          `route add ${ipv4} dev ${veth} scope link`,
          `rule add priority 512 to ${ipv4} table main`,
          `rule add priority 1536 from ${ipv4} table ${table}`,
        ]),
  ]);
  await ipBatch(netns, [
    "link set eth0 up",
    `addr add ${ipv4}/32 dev eth0`,
    "route add 169.254.1.1 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
    `neigh add 169.254.1.1 lladdr ${mac} dev eth0 nud permanent`,
  ]);
  return {
    netns,
    veth,
    annotation,
    result: {
      cniVersion: "0.4.0",
      interfaces: [
        { name: veth },
        { name: "eth0", mac: String(table), sandbox: netnsPath(netns) },
        { name: `dummy${suffix}`, mac: String(vlanId), sandbox: "0" },
      ],
      ips: [{ version: "4", address: `${ipv4}/32`, gateway: "10.0.0.1", interface: 1 }],
    },
    remove: async () => {
      // As its own DEL does it.
      const { rules } = (await networkOf(undefined))[4];
      await ipBatch(undefined, [
        `link del ${vlan}`,
        ...rules
          .filter((line) => line.startsWith("10: ") && line.endsWith(`lookup ${table}`))
          .map(() => `rule del priority 10 table ${table}`),
        ...(mode === "strict"
          ? []
          : [
              `rule del priority 512 to ${ipv4} table main`,
              `rule del priority 1536 from ${ipv4} table ${table}`,
            ]),
        `link del ${veth}`,
      ]);
      await deleteNetns(netns);
    },
  };
}

async function ours(name: string, vlanId: number, settings: Record<string, unknown>): Promise<Sandbox> {
  return createSandbox(ground, {
    name,
    primary: "veth",
    addresses: [`10.0.0.${vlanId + 100}`],
    branch: annotationOf({ vlanId, ipv4: `10.0.0.${vlanId}` }),
    settings,
  });
}

test("all kinds beside each other: each comes and goes alone", async () => {
  const made = [await awsPod("aws-strict", 31, "strict"), await awsPod("aws-standard", 32, "standard")];
  // aws-cni in strict mode has moved the rule itself before its first pod.
  const pods = [
    await ours("d", 21, {}),
    await ours("std", 22, routed("standard")),
    await ours("str", 23, routed("strict")),
    await ours("str2", 24, routed("strict")),
  ];
  const before = await snapshot();
  /** The node as it was before each ADD. */
  const stages = [before];
  for (const pod of pods) {
    await pod.mustAdd();
    stages.push(await snapshot());
    // Nothing that was there has gone, but what gave way of this pod's primary, and the rule for table local.
    const [earlier, now] = stages.slice(-2);
    if (earlier === undefined || now === undefined) throw new Error("no stages");
    const number = /10\.0\.0\.(1\d\d)/.exec(JSON.stringify(pod.primaryResult))?.[1] ?? "?";
    const gone = diffSnapshots(earlier, now).filter((line) => line.startsWith("-"));
    // A direct pod's veth filters loosely.
    const own = [`10.0.0.${number}`, "table=local", `ipv4/conf/eni-${pod.name}/rp_filter=`];
    expect(gone.filter((line) => !own.some((text) => line.includes(text)))).toEqual([]);
  }
  for (const pod of pods)
    expect({ pod: pod.name, ...(await pod.check()).failure }).toEqual({ pod: pod.name });
  // Back to front each DEL leads to the stage before; the rule for table local goes back with none of them, as long as
  // aws-cni has a strict pod: to its own first stage then, with the rule moved.
  for (const [i, pod] of pods.entries()) {
    const others = pods.slice(i + 1);
    await pod.mustDel();
    for (const other of others)
      expect({ pod: other.name, ...(await other.check()).failure }).toEqual({ pod: other.name });
  }
  const left = diffSnapshots(before, await snapshot());
  expect(left.filter((line) => !/ rule [46] priority=(0|20) /.test(line))).toEqual([]);
  expect(left.length).toBeGreaterThan(0);
  for (const pod of made) await pod.remove();
  // The last strict pod of aws-cni has gone; the next of ours that goes puts the rule back.
  const last = pods.at(-1);
  await last?.mustAdd();
  for (const pod of pods) await pod.remove();
  await settled(undefined, ground.before);
});

describe("the configuration changes", () => {
  const configurations = {
    direct: { datapath: "direct", podSGEnforcingMode: undefined, serviceCIDRs: [] },
    standard: routed("standard"),
    strict: routed("strict"),
  };

  test.each([
    ["direct", "strict"],
    ["strict", "direct"],
    ["standard", "strict"],
    ["strict", "standard"],
  ] as const)("from %s to %s: the pod stays what it is, CHECK and DEL go by its record", async (from, to) => {
    const pod = await ours("old", 21, configurations[from]);
    onTestFinished(() => pod.remove());
    const [node, inPod] = await Promise.all([snapshot(), pod.snapshot()]);
    await pod.mustAdd();
    const next = await ours("new", 22, configurations[to]);
    onTestFinished(() => next.remove());
    await next.mustAdd();
    const settings = configurations[to];
    expect((await pod.check({ settings })).failure).toBeUndefined();
    await next.mustDel();
    await pod.mustDel({ settings });
    expect(diffSnapshots(inPod, await pod.snapshot())).toEqual([]);
    await next.remove();
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
  });
});

/** A call of branchline's behind aws-cni, for a pod that it has attached or for another. */
function callBehindAws(
  command: "ADD" | "CHECK" | "DEL",
  pod: AwsPod,
  settings: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, string>> = { [podEni]: pod.annotation },
) {
  return callPlugin(
    command,
    {
      CNI_CONTAINERID: "theirs",
      CNI_NETNS: netnsPath(pod.netns),
      CNI_IFNAME: "eth0",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=theirs;K8S_POD_UID=uid",
    },
    {
      cniVersion: "0.4.0",
      name: "ground",
      type: "branchline",
      enablePodENI: true,
      missingAnnotation: "pass",
      gatewayTimeout: 0,
      trunk: { interface: "eth1" },
      pluginLogFile: `${ground.scratch}/branchline.log`,
      runtimeConfig: { [podAnnotations]: annotations },
      prevResult: pod.result,
      ...settings,
    },
  );
}

const AFTER_AWS = [
  { mode: "strict", settings: routed("strict") },
  { mode: "standard", settings: routed("standard") },
  { mode: "strict", settings: { datapath: "direct", serviceCIDRs: [] } },
  { mode: "standard", settings: { datapath: "direct", serviceCIDRs: [] } },
] as const;

describe("a pod that aws-cni attached itself", () => {
  test.each(AFTER_AWS)("$mode, then $settings: code 7, nothing touched", async ({ mode, settings }) => {
    const pod = await awsPod("theirs", 36, mode);
    onTestFinished(pod.remove);
    const [node, inPod] = await Promise.all([snapshot(), snapshot(pod.netns)]);
    const noDummy = { ...pod, result: { ...pod.result, interfaces: pod.result.interfaces?.slice(0, 2) } };
    const elsewhere = { ...noDummy.result, ips: [{ version: "4", address: "10.0.0.99/32", interface: 1 }] };
    // By all of it, by the address alone, and by what is on the node alone.
    for (const attached of [pod, noDummy, { ...pod, result: elsewhere }] as AwsPod[]) {
      const { failure } = await callBehindAws("ADD", attached, settings);
      expect(failure).toMatchObject({
        code: 7,
        msg: expect.stringMatching(/^the primary plugin has attached eni-0b\w+ already/),
      });
    }
    // By the VLAN id in the result, whose annotation is late.
    const { failure } = await callBehindAws("ADD", pod, settings, {});
    expect(failure).toMatchObject({
      code: 7,
      msg: expect.stringContaining("has attached the branch of VLAN id 36 already"),
    });
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(diffSnapshots(inPod, await snapshot(pod.netns))).toEqual([]);
    expect(records()).toEqual([]);
  });

  test.each(AFTER_AWS)(
    "$mode, then $settings and passed: left alone by every verb",
    async ({ mode, settings }) => {
      const pod = await awsPod("theirs", 36, mode);
      onTestFinished(pod.remove);
      const [node, inPod] = await Promise.all([snapshot(), snapshot(pod.netns)]);
      const pass = { ...settings, alreadyAttached: "pass" };
      const added = await callBehindAws("ADD", pod, pass);
      expect(JSON.parse(added.stdout)).toEqual(pod.result);
      expect(JSON.parse((await callBehindAws("ADD", pod, pass, {})).stdout)).toEqual(pod.result);
      expect((await callBehindAws("CHECK", pod, pass)).failure).toBeUndefined();
      expect((await callBehindAws("DEL", pod, pass)).failure).toBeUndefined();
      expect((await callBehindAws("DEL", { ...pod, netns: "none" }, pass)).failure).toBeUndefined();
      expect(diffSnapshots(node, await snapshot())).toEqual([]);
      expect(diffSnapshots(inPod, await snapshot(pod.netns))).toEqual([]);
      expect(records()).toEqual([]);
    },
  );

  test.each(AFTER_AWS)(
    "$mode, and another pod asks for its VLAN id with $settings: code 102, nothing touched",
    async ({ mode, settings }) => {
      const theirs = await awsPod("theirs", 36, mode);
      onTestFinished(theirs.remove);
      const pod = await ours("mine", 36, settings);
      onTestFinished(() => pod.remove());
      const take = () => Promise.all([snapshot(), snapshot(theirs.netns), pod.snapshot()]);
      const before = await take();
      for (const branch of [
        theirs.annotation,
        annotationOf({ vlanId: 36, ipv4: "10.0.0.99", mac: "02:b1:00:00:09:99" }),
      ]) {
        expect((await pod.add({ branch })).failure).toMatchObject({
          code: 102,
          msg: expect.stringMatching(
            /^VLAN id 36 on trunk eth1: device vlan\.eth\.36 with MAC 02:b1:00:00:00:24 leads to a living pod behind \w+, .* asked for by default\/mine/,
          ),
        });
        await pod.mustDel({ branch });
      }
      const after = await take();
      expect(before.map((one, i) => diffSnapshots(one, after[i] ?? one))).toEqual([[], [], []]);
      expect(records()).toEqual([]);
    },
  );
});

describe("DEL for a pod that aws-cni made", () => {
  test.each([
    { mode: "strict", settings: routed("strict") },
    { mode: "standard", settings: routed("standard") },
    { mode: "strict", settings: { datapath: "direct", serviceCIDRs: [] } },
  ] as const)("$mode, with $settings: its device, rules and table stay", async ({ mode, settings }) => {
    const pod = await awsPod("theirs", 33, mode);
    onTestFinished(pod.remove);
    const [node, inPod] = await Promise.all([snapshot(), snapshot(pod.netns)]);
    const del = (netns: string, containerId: string, prevResult: CniResult | undefined) =>
      callPlugin(
        "DEL",
        {
          CNI_CONTAINERID: containerId,
          CNI_NETNS: netns,
          CNI_IFNAME: "eth0",
          CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=theirs;K8S_POD_UID=uid",
        },
        {
          cniVersion: "0.4.0",
          name: "ground",
          type: "branchline",
          enablePodENI: true,
          trunk: { interface: "eth1" },
          pluginLogFile: `${ground.scratch}/branchline.log`,
          runtimeConfig: { [podAnnotations]: { [podEni]: pod.annotation } },
          prevResult,
          ...settings,
        },
      );
    expect((await del(netnsPath(pod.netns), "theirs", pod.result)).failure).toBeUndefined();
    // Late, for a sandbox that was: the runtime knows neither namespace nor result any more.
    expect((await del("", "earlier", undefined)).failure).toBeUndefined();
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(diffSnapshots(inPod, await snapshot(pod.netns))).toEqual([]);
  });

  test("GC that lists no attachment: its device, rules and table stay", async () => {
    const pod = await awsPod("theirs", 33, "strict");
    onTestFinished(pod.remove);
    const node = await snapshot();
    const { failure } = await callPlugin(
      "GC",
      {},
      {
        cniVersion: "1.1.0",
        name: "ground",
        type: "branchline",
        enablePodENI: true,
        pluginLogFile: `${ground.scratch}/branchline.log`,
        "cni.dev/valid-attachments": [],
        ...routed("strict"),
      },
    );
    expect(failure).toBeUndefined();
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
  });

  test.each([
    { mine: "strict", mode: "strict", gone: true },
    { mine: "strict", mode: "standard", gone: false },
    { mine: "standard", mode: "strict", gone: false },
    { mine: "standard", mode: "standard", gone: true },
  ] as const)(
    "ours, $mine, whose DEL comes when aws-cni's, $mode, has the id; namespace gone: $gone",
    async ({ mine, mode, gone }) => {
      const before = await snapshot();
      const make = () => awsPod("theirs", 34, mode, { branchMac: "02:b1:00:00:00:99", ipv4: "10.0.0.99" });
      const added = async () =>
        diffSnapshots(before, await snapshot()).filter(
          (line) => /^\+ (link|route|rule) /.test(line) && !/ rule [46] priority=20 /.test(line),
        );
      const alone = await make();
      const asAlone = await added();
      await alone.remove();

      const pod = await ours("mine", 34, routed(mine));
      await pod.mustAdd();
      if (gone) await deleteNetns(pod.netns);
      // As aws-cni begins: the device of that name goes, and the rules by it.
      await ipBatch(undefined, ["link del vlan.eth.34"]);
      await run(["ip", "rule", "del", "priority", "10", "iif", "vlan.eth.34"]);
      const theirs = await make();
      await pod.mustDel({ prevResult: null });
      await pod.dispose();
      expect(await added()).toEqual(asAlone);
      expect(records()).toEqual([]);
      await theirs.remove();
      // The last strict pod has gone with theirs.
      await pod.mustDel({ prevResult: null });
      await settled(undefined, before);
    },
  );

  test("a late DEL of ours after aws-cni took the VLAN id over: as before", async () => {
    const pod = await ours("mine", 34, routed("strict"));
    await pod.mustAdd();
    await pod.mustDel();
    const theirs = await awsPod("theirs", 34, "strict");
    const node = await snapshot();
    await pod.mustDel({ netns: "", prevResult: null });
    await pod.mustDel();
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    await theirs.remove();
    await pod.remove();
  });
});

test("the VLAN id of a pod that aws-cni left behind is taken over, whatever mode it had", async () => {
  const theirs = await awsPod("gone", 35, "strict");
  await deleteNetns(theirs.netns, theirs.veth);
  const pod = await ours("next", 35, routed("standard"));
  await pod.mustAdd();
  expect((await pod.check()).failure).toBeUndefined();
  expect((await rulesOf(undefined, 4)).filter((line) => line.startsWith("10: "))).toEqual([]);
  await pod.remove();
  expect(records()).toEqual([]);
  expect(await linkOf(undefined, "vlan.eth.35")).toBeUndefined();
});
