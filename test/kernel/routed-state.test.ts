// ADD with the routed datapath: the node and the pod afterwards, held rule by rule and route by route against what
// aws-cni leaves with ENABLE_POD_ENI, in both modes and families. And what strict mode changes for the whole node.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import {
  diffSnapshots,
  eventually,
  ipBatch,
  mustExec,
  run,
  settled,
  snapshot,
  type Snapshot,
} from "../ground/index.ts";
import { changes, viewOf, type View } from "./faults/view.ts";
import { callPlugin, resultOf } from "./support/plugin.ts";
import {
  B,
  P,
  addressesOf,
  linkOf,
  logOf,
  networkOf,
  podGateway,
  routed,
  rulesOf,
  vethOf,
  vpcGateway,
  type Family,
  type Mode,
} from "./support/routed.ts";
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
let clean: View;

beforeAll(async () => {
  clean = viewOf();
});

async function expectClean(): Promise<void> {
  // Each test leaves the node as it was before any pod: also the rule for table local. In process, for its cost; where a
  // test is about what is left, and at the end, iproute2 says so.
  await eventually("the node as before", () => changes(clean, viewOf()).length === 0 || undefined).catch(
    (error: unknown) => {
      throw new Error(changes(clean, viewOf()).join("\n"), { cause: error });
    },
  );
  if (records().length > 0) throw new Error(`records are left: ${records().join(" ")}`);
}

// Not after each: what a test takes down when it has finished is still there then.
beforeEach(expectClean);

afterAll(async () => {
  await settled(undefined, ground.before);
});

const main = { 4: ["32766: lookup main", "32767: lookup default"], 6: ["32766: lookup main"] } as const;

/** The node's rules of one family, in order; those of the pod only where the branch has that family. */
function expectedRules(family: Family, mode: Mode, veth: string, hasPod: boolean): string[] {
  // The other family's rule for table local stays where it is: its traffic is none of strict mode's.
  if (mode === "standard" || !hasPod) {
    return [
      "0: lookup local",
      ...(hasPod ? [`512: dst=${B[family]} lookup main`, `1536: src=${B[family]} lookup 107`] : []),
      ...main[family],
    ];
  }
  return [
    ...(family === 6 ? ["0: src=fe80:ec2::1 ipproto=ipv6-icmp lookup local"] : []),
    "10: iif=vlan.eth.7 lookup 107",
    `10: iif=${veth} lookup 107`,
    "20: lookup local",
    ...main[family],
  ];
}

/** Table 107: the gateway, the default by it, the last resort, and in strict mode the pod. */
function expectedTable(family: Family, mode: Mode, veth: string): string[] {
  const link = family === 4 ? " scope=link" : " scope=global";
  return [
    `type=unicast dst=${vpcGateway[family]} dev=vlan.eth.7${link}`,
    `type=unicast dst=default gateway=${vpcGateway[family]} dev=vlan.eth.7 scope=global`,
    `type=unreachable dst=default${family === 4 ? "" : " dev=lo"} scope=global`,
    ...(mode === "strict" ? [`type=unicast dst=${B[family]} dev=${veth}${link}`] : []),
  ].sort();
}

describe.each(["strict", "standard"] as const)("%s", (mode) => {
  describe.each([
    { what: "IPv4, behind aws", families: [4], primary: "aws" },
    { what: "IPv6, behind aws", families: [6], primary: "aws" },
    { what: "both families, behind aws", families: [4, 6], primary: "aws" },
    { what: "both families, behind ptp", families: [4, 6], primary: "ptp" },
  ] as const)("$what", ({ families, primary }) => {
    const has = (family: Family) => families.some((one) => one === family);
    const branch = annotationOf({
      vlanId: 7,
      ...(has(4) && { ipv4: B[4] }),
      ...(has(6) && { ipv6: B[6] }),
    });

    test("the node and the pod after ADD, and after DEL as before", async () => {
      const pod = await sandboxForTest(ground, {
        name: "a",
        primary,
        addresses: families.map((family) => P[family]),
        branch,
        settings: routed(mode),
      });
      const veth = vethOf(pod);
      const own = (pod.primaryResult.ips ?? []).map(({ address }) => address.split("/")[0] ?? "");
      const vethBefore = await linkOf(undefined, veth);
      const netBefore = await networkOf(undefined);
      const [nodeBefore, podBefore] = await Promise.all([snapshot(), pod.snapshot()]);

      await pod.mustAdd();
      // At once: no address may still be waiting for somebody else to claim it.
      const given = await addressesOf(pod.netns, "eth0");

      // The VLAN device.
      expect(await linkOf(undefined, "vlan.eth.7")).toMatchObject({
        address: "02:b1:00:00:00:07",
        mtu: 9001,
        link: "eth1",
        linkinfo: { info_kind: "vlan", info_data: { id: 7 } },
        flags: expect.arrayContaining(["UP"]),
      });
      expect(await addressesOf(undefined, "vlan.eth.7")).toEqual([]);
      expect(ipv6Switches("vlan.eth.7")).toEqual({ accept_ra: "0", accept_redirects: "1", forwarding: "0" });
      // The primary's veth stays what it was, under its name.
      expect(await linkOf(undefined, veth)).toEqual(vethBefore);

      const node = await networkOf(undefined);
      for (const family of [4, 6] as const) {
        expect(node[family].rules).toEqual(expectedRules(family, mode, veth, has(family)));
        const table = node[family].routes("107");
        expect(table).toEqual(has(family) ? expectedTable(family, mode, veth) : []);
        // aws-cni's own, exactly three in strict mode, and the last resort.
        expect(table).toHaveLength(has(family) ? (mode === "strict" ? 4 : 3) : 0);
        // Main: the primary's way to the pod is gone, in standard the branch's is there.
        const scope = family === 4 ? "link" : "global";
        expect(node[family].routes("main")).toEqual(
          [
            ...netBefore[family]
              .routes("main")
              .filter((line) => !own.some((address) => line.includes(`dst=${address} `))),
            ...(mode === "standard" && has(family)
              ? [`type=unicast dst=${B[family]} dev=${veth} scope=${scope}`]
              : []),
          ].sort(),
        );
      }

      // The pod: the branch's addresses alone, everything by a gateway that is the veth's other end.
      expect(given.map(({ local, prefixlen }) => `${local}/${prefixlen}`)).toEqual(
        families.map((family) => `${B[family]}/${family === 4 ? 32 : 128}`),
      );
      expect(given.filter(({ tentative, dadfailed }) => tentative === true || dadfailed === true)).toEqual(
        [],
      );
      const inPod = await networkOf(pod.netns);
      for (const family of [4, 6] as const) {
        const link = family === 4 ? "link" : "global";
        const routes = inPod[family].routes("main");
        expect(routes.filter((line) => !line.startsWith(`type=unicast dst=${B[6]} dev=eth0`))).toEqual(
          has(family)
            ? [
                `type=unicast dst=${podGateway[family]} dev=eth0 scope=${link}`,
                `type=unicast dst=default gateway=${podGateway[family]} dev=eth0 scope=global`,
              ].sort()
            : [],
        );
        expect(inPod[family].neighbours).toEqual(
          has(family) ? [`dst=${podGateway[family]} lladdr=${vethBefore?.address} dev=eth0`] : [],
        );
        expect(inPod[family].rules).toEqual(["0: lookup local", ...main[family]]);
      }
      expect(records()).toEqual(["7:sandbox-a:eth0.json"]);
      expect((await pod.check()).failure).toBeUndefined();

      await pod.mustDel();
      const [nodeAfter, podAfter] = await Promise.all([snapshot(), pod.snapshot()]);
      expect({
        node: diffSnapshots(nodeBefore, nodeAfter),
        pod: diffSnapshots(podBefore, podAfter),
      }).toEqual({ node: [], pod: [] });
      await pod.mustDel();
    });
  });
});

function ipv6Switches(device: string): Record<string, string> {
  const read = (name: string) => readFileSync(`/proc/sys/net/ipv6/conf/${device}/${name}`, "utf8").trim();
  // What a new device would have had: the test means nothing where these are the same.
  const names = ["accept_ra", "accept_redirects", "forwarding"];
  if (readFileSync("/proc/sys/net/ipv6/conf/default/forwarding", "utf8").trim() !== "1")
    throw new Error("the node does not forward");
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

describe("one pod, IPv4", () => {
  let pod: Sandbox;
  let nodeBefore: Snapshot;
  let podBefore: Snapshot;
  let withoutPod: View;
  const branch = annotationOf({ vlanId: 7, ipv4: B[4] });

  beforeAll(async () => {
    pod = await createSandbox(ground, { name: "one", addresses: [P[4]], branch, settings: routed("strict") });
    [nodeBefore, podBefore] = await Promise.all([snapshot(), pod.snapshot()]);
    // The hook above looks for a node without pods.
    withoutPod = clean;
    clean = viewOf();
  });

  afterAll(async () => {
    await pod.remove();
    clean = withoutPod;
  });

  async function addForTest(call: CallOptions = {}) {
    onTestFinished(() => pod.mustDel());
    return pod.mustAdd(call);
  }

  /** The primary gave one family only. */
  const both = { families: ["4", "6"] };
  const host = { name: "eni1234" };
  const eth0 = { name: "eth0", mac: "1", sandbox: "/run/netns/pod-one" };
  const odd = { name: "dummy1234", mac: "0", sandbox: "0" };
  const device = { name: "vlan.eth.7", mac: "02:b1:00:00:00:07" };

  test.each([
    { cniVersion: "0.3.0", of4: { version: "4" }, device },
    { cniVersion: "0.3.1", of4: { version: "4" }, device },
    { cniVersion: "0.4.0", of4: { version: "4" }, device },
    { cniVersion: "1.0.0", of4: {}, device },
    { cniVersion: "1.1.0", of4: {}, device: { ...device, mtu: 9001 } },
  ])("the result in version $cniVersion", async (row) => {
    const { cniVersion, of4 } = row;
    const result = await addForTest({
      cniVersion,
      prevResult: {
        cniVersion,
        interfaces: [host, eth0, odd],
        ips: [{ ...of4, interface: 1, address: "10.0.0.50/32" }],
        dns: { nameservers: ["172.20.0.10"] },
      },
    });
    // aws-cni's number of a route table gives way to what is true.
    const mac = (await linkOf(pod.netns, "eth0"))?.address;
    expect(result).toEqual({
      cniVersion,
      interfaces: [host, { ...eth0, mac }, odd, row.device],
      ips: [{ ...of4, interface: 1, address: "10.0.0.20/32", gateway: "10.0.0.1" }],
      routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
      dns: { nameservers: ["172.20.0.10"] },
    });
  });

  test("podSGEnforcingMode of no known value: code 7, nothing programmed", async () => {
    for (const value of ["Strict", "", "none", 1]) {
      const { failure } = await pod.add({ settings: { podSGEnforcingMode: value } });
      expect(failure).toMatchObject({ code: 7, msg: expect.stringContaining(JSON.stringify(value)) });
    }
    const [node, inPod] = await Promise.all([snapshot(), pod.snapshot()]);
    expect(diffSnapshots(nodeBefore, node)).toEqual([]);
    expect(diffSnapshots(podBefore, inPod)).toEqual([]);
  });

  test("an unknown mode of the environment: the same", async () => {
    const { failure } = await pod.add({
      settings: { podSGEnforcingMode: undefined },
      env: { POD_SECURITY_GROUP_ENFORCING_MODE: "lax" },
    });
    expect(failure).toMatchObject({ code: 7, msg: expect.stringContaining('"lax"') });
    expect(diffSnapshots(nodeBefore, await snapshot())).toEqual([]);
  });

  test("what a vanished pod left on the node for the VLAN id goes, though its table is empty", async () => {
    await ipBatch(undefined, [
      "rule add priority 10 iif vlan.eth.7 table 107",
      "rule add priority 10 iif vlancc21c2d7785 table 107",
      "rule add priority 1536 from 10.0.0.29 table 107",
    ]);
    await addForTest({ settings: routed("standard") });
    expect(await rulesOf(undefined, 4)).toEqual(expectedRules(4, "standard", vethOf(pod), true));
  });

  test("a namespace and a node without IPv6", async () => {
    const off = async (netns: string | undefined, value: string) =>
      mustExec(netns, ["sh", "-c", `echo ${value} > /proc/sys/net/ipv6/conf/default/disable_ipv6`]);
    await off(undefined, "1");
    await off(pod.netns, "1");
    await mustExec(pod.netns, ["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6"]);
    onTestFinished(async () => {
      await off(undefined, "0");
      await off(pod.netns, "0");
      await mustExec(pod.netns, ["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6"]);
    });
    await addForTest();
    expect((await networkOf(undefined))[4].routes("107")).toEqual(expectedTable(4, "strict", vethOf(pod)));
    // What the runtime switched off stays off.
    const { stdout } = await mustExec(pod.netns, ["cat", "/proc/sys/net/ipv6/conf/eth0/disable_ipv6"]);
    expect(stdout.trim()).toBe("1");
    expect((await pod.check()).failure).toBeUndefined();
  });

  test("an IPv6 branch where the runtime switched IPv6 off in the pod: on, and off again with the branch", async () => {
    const value = async () =>
      (
        await mustExec(pod.netns, [
          "cat",
          "/proc/sys/net/ipv6/conf/eth0/disable_ipv6",
          "/proc/sys/net/ipv6/conf/lo/disable_ipv6",
        ])
      ).stdout;
    const set = (to: number) =>
      mustExec(pod.netns, [
        "sh",
        "-c",
        `for d in eth0 lo; do echo ${to} > /proc/sys/net/ipv6/conf/$d/disable_ipv6; done`,
      ]);
    await set(1);
    onTestFinished(async () => {
      await set(0);
    });
    const six = annotationOf({ vlanId: 7, ipv6: B[6] });
    await pod.mustAdd({ branch: six, settings: { families: ["6"] } });
    expect(await value()).toBe("0\n0\n");
    expect((await addressesOf(pod.netns, "eth0")).map(({ local }) => local)).toEqual([B[6]]);
    await pod.mustDel({ branch: six });
    expect(await value()).toBe("1\n1\n");
  });

  describe("tcp_early_demux", () => {
    const file = "/proc/sys/net/ipv4/tcp_early_demux";
    const now = () => readFileSync(file, "utf8").trim();
    const warnings = () =>
      logOf(ground).filter(({ level, message }) => level === "warn" && message.includes("tcp_early_demux"));
    const status = (settings: object) =>
      callPlugin(
        "STATUS",
        {},
        {
          cniVersion: "1.1.0",
          name: "ground",
          type: "branchline",
          enablePodENI: true,
          trunk: { interface: "eth1" },
          pluginLogFile: `${ground.scratch}/branchline.log`,
          ...settings,
        },
      );

    test.each([
      { mode: "strict", value: "1", says: 1 },
      { mode: "strict", value: "0", says: 0 },
      { mode: "standard", value: "1", says: 0 },
    ] as const)("$value in $mode: $says warning of ADD, $says of STATUS", async ({ mode, value, says }) => {
      writeFileSync(file, value);
      onTestFinished(() => writeFileSync(file, "1"));
      const before = warnings().length;
      await addForTest({ settings: routed(mode) });
      expect(warnings().length - before).toBe(says);
      expect(now()).toBe(value);
      expect((await status(routed(mode))).status).toBe(0);
      expect(warnings().length - before).toBe(says * 2);
    });

    test("manageEarlyDemux: off with the first strict pod and back with the last, no warning", async () => {
      const settings = routed("strict", { manageEarlyDemux: true });
      const before = warnings().length;
      await pod.mustAdd({ settings });
      expect(now()).toBe("0");
      const other = await createSandbox(ground, {
        name: "two",
        addresses: ["10.0.0.60"],
        branch: annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }),
        settings,
      });
      await other.mustAdd();
      await pod.mustDel({ settings });
      expect(now()).toBe("0");
      await status(settings);
      await other.remove();
      expect(now()).toBe("1");
      expect(warnings().length).toBe(before);
    });

    test("manageEarlyDemux leaves it off where it was off", async () => {
      writeFileSync(file, "0");
      onTestFinished(() => writeFileSync(file, "1"));
      const settings = routed("strict", { manageEarlyDemux: true });
      await pod.mustAdd({ settings });
      await pod.mustDel({ settings });
      expect(now()).toBe("0");
    });
  });

  describe("the rule for table local", () => {
    test("moved with the first strict pod, back with the last one only; a standard pod moves nothing", async () => {
      const others = await Promise.all(
        [1, 2].map((n) =>
          createSandbox(ground, {
            name: `more${n}`,
            addresses: [`10.0.0.${60 + n}`],
            branch: annotationOf({ vlanId: 10 + n, ipv4: `10.0.0.${30 + n}` }),
            settings: routed(n === 1 ? "strict" : "standard"),
          }),
        ),
      );
      const [strict, standard] = others;
      if (strict === undefined || standard === undefined) throw new Error("two");
      const at = async () => (await rulesOf(undefined, 4)).filter((line) => line.endsWith("lookup local"));
      await standard.mustAdd();
      expect(await at()).toEqual(["0: lookup local"]);
      await pod.mustAdd();
      await strict.mustAdd();
      expect(await at()).toEqual(["20: lookup local"]);
      await pod.mustDel();
      expect(await at()).toEqual(["20: lookup local"]);
      await strict.mustDel();
      expect(await at()).toEqual(["0: lookup local"]);
      expect((await standard.check()).failure).toBeUndefined();
      await strict.remove();
      await standard.remove();
    });

    test("aws-cni moved it before: it stays where it is, and is the kernel's by its protocol", async () => {
      await ipBatch(undefined, ["rule add priority 20 table local", "rule del priority 0 table local"]);
      onTestFinished(async () => {
        await ipBatch(undefined, [
          "rule add priority 0 table local protocol kernel",
          "rule del priority 20 table local",
        ]);
      });
      const before = await snapshot();
      await pod.mustAdd();
      await pod.mustDel();
      expect(diffSnapshots(before, await snapshot())).toEqual([
        expect.stringMatching(/^- rule 4 priority=20 src=all table=local protocol=(?!kernel)/),
        "+ rule 4 priority=20 src=all table=local protocol=kernel",
      ]);
    });

    const gc = () =>
      callPlugin(
        "GC",
        {},
        {
          cniVersion: "1.1.0",
          name: "ground",
          type: "branchline",
          enablePodENI: true,
          pluginLogFile: `${ground.scratch}/branchline.log`,
          "cni.dev/valid-attachments": [{ containerID: "other", ifname: "eth0" }],
        },
      );

    test.each([
      { what: "a second DEL of the same pod", look: () => pod.mustDel() },
      { what: "GC", look: async () => expect((await gc()).failure).toBeUndefined() },
      {
        what: "ADD of a direct pod",
        look: () =>
          addForTest({ settings: { datapath: "direct", podSGEnforcingMode: undefined, serviceCIDRs: [] } }),
      },
      { what: "ADD of a standard pod", look: () => addForTest({ settings: routed("standard") }) },
    ])("a strict pod of aws-cni's keeps it moved, and $what after its end puts it back", async ({ look }) => {
      const six = annotationOf({ vlanId: 7, ipv4: B[4], ipv6: B[6] });
      const theirs = "priority 10 iif vlan.eth.99 table 199";
      const local = async () => {
        const node = await networkOf(undefined);
        return [...node[4].rules, ...node[6].rules].filter((line) => line.endsWith("lookup local"));
      };
      await pod.mustAdd({ branch: six, settings: both });
      await ipBatch(undefined, [`rule add ${theirs}`]);
      await pod.mustDel({ branch: six });
      await pod.mustDel();
      const rules = await rulesOf(undefined, 4);
      await ipBatch(undefined, [`rule del ${theirs}`]);
      await look();
      expect(await local()).toEqual(["0: lookup local", "0: lookup local"]);
      expect(existsSync(`${STATE_DIRECTORY}/strict.json`)).toBe(false);
      expect(rules).toEqual([
        "10: iif=vlan.eth.99 lookup 199",
        "20: lookup local",
        `512: dst=${P[4]} lookup main`,
        ...main[4],
      ]);
    });

    test("is the kernel's by its protocol wherever it stands: systemd-networkd leaves it", async () => {
      const branches = annotationOf({ vlanId: 7, ipv4: B[4], ipv6: B[6] });
      await pod.mustAdd({ branch: branches, settings: both });
      for (const family of ["-4", "-6"]) {
        const { stdout } = await mustExec(undefined, ["ip", "-d", family, "rule", "show"]);
        const local = stdout.split("\n").filter((line) => line.includes("lookup local"));
        expect(local).toHaveLength(family === "-4" ? 1 : 2);
        expect(local.filter((line) => !line.includes("proto kernel"))).toEqual([]);
      }
      await pod.mustDel();
    });

    test("removed by somebody: CHECK and STATUS say so, and the next strict pod has it put back", async () => {
      await pod.mustAdd();
      onTestFinished(() => pod.mustDel());
      await ipBatch(undefined, ["rule del priority 20 table local"]);
      expect((await pod.check()).failure).toMatchObject({
        code: 103,
        msg: "VLAN 7: on the node: there is no IPv4 rule for table local, so the node accepts no packets",
      });
      const config = {
        cniVersion: "1.1.0",
        name: "ground",
        type: "branchline",
        enablePodENI: true,
        trunk: { interface: "eth1" },
        pluginLogFile: `${ground.scratch}/branchline.log`,
        ...routed("strict"),
      };
      // "Not ready" would keep away the ADD that mends it.
      expect((await callPlugin("STATUS", {}, config)).status).toBe(0);
      expect(logOf(ground)).toContainEqual({
        level: "warn",
        message: expect.stringContaining("the node has no IPv4 rule for table local"),
      });
      const next = await sandboxForTest(ground, {
        name: "next",
        primary: "veth",
        addresses: ["10.0.0.61"],
        branch: annotationOf({ vlanId: 11, ipv4: "10.0.0.31" }),
        settings: routed("strict"),
      });
      await next.mustAdd();
      expect((await rulesOf(undefined, 4)).filter((line) => line.endsWith("lookup local"))).toEqual([
        "20: lookup local",
      ]);
      expect((await pod.check()).failure).toBeUndefined();
      await next.mustDel();
    });

    test("a call killed while it put the rule back: CHECK says so, and the next strict pod has it moved", async () => {
      await pod.mustAdd();
      // As far as restoring got: the old one is there again, before the pods' rules.
      await ipBatch(undefined, ["rule add priority 0 table local protocol kernel"]);
      const { failure } = await pod.check();
      expect(failure?.msg).toBe(
        "VLAN 7: on the node: the IPv4 rule for table local is before those of strict mode",
      );
      const next = await createSandbox(ground, {
        name: "next",
        primary: "veth",
        addresses: ["10.0.0.61"],
        branch: annotationOf({ vlanId: 11, ipv4: "10.0.0.31" }),
        settings: routed("strict"),
      });
      await next.mustAdd();
      const node = await networkOf(undefined);
      expect(node[6].rules).toEqual(["0: lookup local", ...main[6]]);
      expect(node[4].rules.filter((line) => line.endsWith("lookup local"))).toEqual(["20: lookup local"]);
      expect((await pod.check()).failure).toBeUndefined();
      await next.remove();
      await pod.mustDel();
    });
  });

  describe("what earlier pods left on the node", () => {
    test.each(["strict", "standard"] as const)(
      "%s: every rule that would take hold of this one goes",
      async (mode) => {
        const veth = vethOf(pod);
        const four = [
          `rule add priority 10 iif ${veth} table 109`,
          "rule add priority 10 iif vlan.eth.7 table 109",
          `rule add priority 512 to ${B[4]} table main`,
          `rule add priority 512 to ${B[4]} iif lo table 109`,
          `rule add priority 1536 from ${B[4]} table 109`,
        ];
        const six = [
          `rule add priority 10 iif ${veth} table 109`,
          `rule add priority 1536 from ${B[6]} table 109`,
        ];
        await ipBatch(undefined, four);
        for (const line of six) await mustExec(undefined, ["ip", "-6", ...line.split(" ")]);
        const branches = annotationOf({ vlanId: 7, ipv4: B[4], ipv6: B[6] });
        await pod.mustAdd({ settings: { ...routed(mode), ...both }, branch: branches });
        const node = await networkOf(undefined);
        for (const family of [4, 6] as const) {
          expect(node[family].rules).toEqual(expectedRules(family, mode, veth, true));
        }
        expect((await pod.check({ settings: routed(mode) })).failure).toBeUndefined();
        await pod.mustDel();
        expect(diffSnapshots(nodeBefore, await snapshot())).toEqual([]);
      },
    );

    test("direct: a strict pod's rule by the veth's name goes as well", async () => {
      await ipBatch(undefined, [`rule add priority 10 iif ${vethOf(pod)} table 109`]);
      await addForTest({ settings: { datapath: "direct", podSGEnforcingMode: undefined, serviceCIDRs: [] } });
      expect((await rulesOf(undefined, 4)).filter((line) => line.startsWith("10:"))).toEqual([]);
    });

    test.each(["strict", "standard"] as const)("%s: CHECK names one that comes beside", async (mode) => {
      await addForTest({ settings: routed(mode) });
      const rival =
        mode === "strict"
          ? `priority 10 iif ${vethOf(pod)} table 109`
          : `priority 1536 from ${B[4]} table 109`;
      await ipBatch(undefined, [`rule add ${rival}`]);
      const { failure } = await pod.check();
      await ipBatch(undefined, [`rule del ${rival}`]);
      expect(failure).toMatchObject({
        code: 103,
        msg: expect.stringMatching(
          /on the node: rule "1\d*: from .* lookup 107" has another beside it: .* 109"/,
        ),
      });
    });

    test("the address of a pod that lives, by another VLAN id: refused, and nothing is touched", async () => {
      const settings = routed("standard");
      await addForTest({ settings });
      const other = await sandboxForTest(ground, {
        name: "other",
        primary: "veth",
        addresses: ["10.0.0.61"],
        branch: annotationOf({ vlanId: 9, ipv4: B[4] }),
        settings,
      });
      const before = await snapshot();
      const refused = (msg: string) => ({ code: 102, msg: expect.stringContaining(msg) });
      expect((await other.add()).failure).toMatchObject(refused(`with address ${B[4]} is held by `));
      // Without a record, as aws-cni's pods are.
      const attachments = `${STATE_DIRECTORY}/attachments`;
      renameSync(attachments, `${attachments}.aside`);
      const { failure } = await other.add();
      rmSync(attachments, { recursive: true });
      renameSync(`${attachments}.aside`, attachments);
      expect(failure).toMatchObject(refused(`address ${B[4]} is held by another living pod`));
      expect(diffSnapshots(before, await snapshot())).toEqual([]);
    });
  });

  // A VLAN device goes down with its parent, a macvlan does not.
  describe("the trunk goes down and up", { tags: "vlan" }, () => {
    test.each(["strict", "standard"] as const)(
      "%s: nothing that the pod sends leaves by the node",
      async (mode) => {
        // The kernel does not put the trunk's own routes back either.
        onTestFinished(() =>
          ipBatch(undefined, [
            "route replace 10.0.0.1 dev eth1 scope link table 2",
            "route replace default via 10.0.0.1 dev eth1 table 2",
          ]),
        );
        const branches = annotationOf({ vlanId: 7, ipv4: B[4], ipv6: B[6] });
        await addForTest({ settings: { ...routed(mode), ...both }, branch: branches });
        const veth = vethOf(pod);
        /** Where the node would send what comes from the pod: the names of devices, or why it would not. */
        const way = async (family: Family) => {
          const to = family === 4 ? "10.9.0.5" : "2001:db8:9::5";
          const asked = ["ip", `-${family}`, "route", "get", to, "from", B[family], "iif", veth] as const;
          const { stdout, stderr } = await run(asked);
          return / dev (\S+)/.exec(stdout)?.[1] ?? stderr.trim();
        };
        expect([await way(4), await way(6)]).toEqual(["vlan.eth.7", "vlan.eth.7"]);
        await ipBatch(undefined, ["link set eth1 down"]);
        const unreachable = expect.stringMatching(/unreachable|No route to host|^lo$/);
        expect([await way(4), await way(6)]).toEqual([unreachable, unreachable]);
        await ipBatch(undefined, ["link set eth1 up"]);
        expect([await way(4), await way(6)]).toEqual([unreachable, unreachable]);
        expect((await pod.check({ branch: branches })).failure).toMatchObject({
          code: 103,
          details: expect.stringContaining(
            'route "default via 10.0.0.1 table 107 dev vlan.eth.7" is missing',
          ),
        });
      },
    );
  });

  test("an address that another host has: an error, and nothing left", async () => {
    await ipBatch(undefined, [`addr add ${B[6]}/128 dev ${vethOf(pod)} nodad`]);
    onTestFinished(() => ipBatch(undefined, [`addr del ${B[6]}/128 dev ${vethOf(pod)}`]));
    const [node, inPod] = await Promise.all([snapshot(), pod.snapshot()]);
    const { failure } = await pod.add({
      branch: annotationOf({ vlanId: 7, ipv4: B[4], ipv6: B[6] }),
      settings: { families: ["4", "6"] },
    });
    expect(failure).toMatchObject({ code: 103, msg: expect.stringContaining(`${B[6]} is used by another`) });
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(diffSnapshots(inPod, await pod.snapshot())).toEqual([]);
    expect(records()).toEqual([]);
  });

  test("mtu is the VLAN device's; above the trunk's it is refused", async () => {
    await addForTest({ settings: routed("strict", { mtu: "1500" }) });
    expect((await linkOf(undefined, "vlan.eth.7"))?.mtu).toBe(1500);
    const { failure } = await pod.add({ settings: routed("strict", { mtu: 9002 }) });
    expect(failure?.code).toBe(7);
  });

  test("a pod without a branch is passed through, whatever the datapath", async () => {
    const answer = await pod.add({ annotations: {} });
    expect(resultOf(answer)).toEqual(pod.primaryResult);
  });
});
