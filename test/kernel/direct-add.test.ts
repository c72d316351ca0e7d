// ADD with the direct datapath: what is there afterwards, in the pod and on the node, and what is not touched.
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import {
  createPod,
  diffSnapshots,
  ipBatch,
  ipJson,
  mustExec,
  podEni,
  settled,
  snapshot,
  writeConflist,
  type Snapshot,
} from "../ground/index.ts";
import { resultOf } from "./support/plugin.ts";
import {
  annotationOf,
  createSandbox,
  records,
  sandboxForTest,
  useGround,
  type CallOptions,
  type Sandbox,
} from "./support/sandbox.ts";

// Strict, so that the veth's has to be made loose.
const ground = useGround({ reversePathFilter: "strict" });

const ipv4 = "10.0.0.20";
const ipv6 = "2001:db8:1::20";
const dual = annotationOf({ vlanId: 7, ipv4, ipv6 });

/** What changed; of the switches, those that a datapath is about: a new device has all the others too. */
function changes(before: Snapshot, after: Snapshot): string[] {
  return diffSnapshots(before, after).filter(
    (line) =>
      !/^. sysctl /.test(line) || /^\+ sysctl \S+\/(rp_filter|accept_dad|accept_ra|disable_ipv6)=/.test(line),
  );
}

/** Compared without regard to order, and with the lines that are too many or missing in the message. */
function expectLines(found: readonly string[], expected: readonly string[]): void {
  expect({
    missing: expected.filter((line) => !found.includes(line)),
    unexpected: found.filter((line) => !expected.includes(line)),
  }).toEqual({ missing: [], unexpected: [] });
}

interface Expected {
  readonly ifName: string;
  readonly mac: string;
  /** The primary's address and gateway of each family, where it has one. */
  readonly primary: Partial<Record<4 | 6, { readonly address: string; readonly gateway: string }>>;
  /** Families of the branch. */
  readonly families: readonly (4 | 6)[];
}

const nodeLocal = {
  4: [
    "10.0.0.10",
    "10.0.0.11",
    "169.254.0.0/16",
    "169.254.169.254",
    "169.254.170.23",
    "169.254.20.10",
    "172.20.0.0/16",
  ],
  6: [
    "2001:db8:1::10",
    "fd00:20::/108",
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fd16:9254:7127:1337:ffff:ffff:ffff:ffff",
  ],
} as const;

/** The pod's main table, its rules and its devices, by design.md: VLAN 7 as eth0, the primary's veth as host0. */
function podLines({ ifName, mac, primary, families }: Expected): string[] {
  const lines = [
    `+ link ifname=${ifName} address=02:b1:00:00:00:07 mtu=9001 kind=vlan parent=elsewhere id=7 up`,
    `+ link ifname=host0 address=${mac} mtu=9001 kind=veth up`,
    `+ sysctl ipv4/conf/${ifName}/rp_filter=2`,
    "+ sysctl ipv4/conf/host0/rp_filter=1",
    `+ sysctl ipv6/conf/${ifName}/accept_dad=0`,
    `+ sysctl ipv6/conf/${ifName}/accept_ra=0`,
    "+ sysctl ipv6/conf/host0/accept_dad=0",
    "+ sysctl ipv6/conf/host0/accept_ra=1",
    "+ sysctl ipv6/conf/host0/disable_ipv6=0",
  ];
  if (families.includes(4)) {
    lines.push(
      `+ addr ${ifName} ${ipv4}/24 scope=global label=${ifName}`,
      `+ route 4 local dst=${ipv4} dev=${ifName} table=local protocol=kernel scope=host prefsrc=${ipv4}`,
      `+ route 4 broadcast dst=10.0.0.255 dev=${ifName} table=local protocol=kernel scope=link prefsrc=${ipv4}`,
      `+ route 4 unicast dst=10.0.0.0/24 dev=${ifName} table=main protocol=kernel scope=link prefsrc=${ipv4}`,
      `+ route 4 unicast dst=default gateway=10.0.0.1 dev=${ifName} table=main protocol=static scope=global`,
      `+ route 4 unicast dst=169.254.169.0/24 gateway=10.0.0.1 dev=${ifName} table=main protocol=static scope=global`,
      ...["default", "169.254.169.0/24"].map(
        (dst) => `+ route 4 unreachable dst=${dst} table=main protocol=static scope=global metric=4294967295`,
      ),
    );
  }
  if (families.includes(6)) {
    lines.push(
      `+ addr ${ifName} ${ipv6}/128 scope=global`,
      `+ route 6 local dst=${ipv6} dev=${ifName} table=local protocol=kernel scope=global metric=0`,
      `+ route 6 unicast dst=${ipv6} dev=${ifName} table=main protocol=kernel scope=global metric=256`,
      `+ route 6 unicast dst=default gateway=fe80:ec2::1 dev=${ifName} table=main protocol=static scope=global metric=1024`,
      "+ route 6 unreachable dst=default dev=lo table=main protocol=static scope=global metric=4294967295",
    );
  }
  for (const family of [4, 6] as const) {
    const own = primary[family];
    if (own === undefined) continue;
    const metric = family === 6 ? " metric=1024" : "";
    const link = family === 6 ? "global" : "link";
    lines.push(
      ...nodeLocal[family].map(
        (dst) =>
          `+ route ${family} unicast dst=${dst} gateway=${own.gateway} dev=host0 table=main protocol=static scope=global prefsrc=${own.address}${metric}`,
      ),
      `+ route ${family} unicast dst=${own.gateway} dev=host0 table=main protocol=static scope=${link}${metric}`,
      `+ route ${family} unicast dst=default gateway=${own.gateway} dev=host0 table=107 protocol=boot scope=global${metric}`,
      `+ rule ${family} priority=1536 src=${own.address} table=107 protocol=unspec`,
    );
  }
  return lines;
}

/** What the node has of it: the short way for what it sends itself. */
function nodeLines(veth: string, podMac: string, families: readonly (4 | 6)[]): string[] {
  return [
    ...(families.includes(4)
      ? [
          `+ route 4 unicast dst=${ipv4} dev=${veth} table=107 protocol=static scope=link prefsrc=10.0.0.10`,
          `+ rule 4 priority=512 src=all dst=${ipv4} iif=lo table=107 protocol=unspec`,
          `+ addr ${veth} 10.0.0.10/32 scope=global label=${veth} noprefixroute=true`,
          `+ route 4 local dst=10.0.0.10 dev=${veth} table=local protocol=kernel scope=host prefsrc=10.0.0.10`,
          `+ sysctl ipv4/conf/${veth}/rp_filter=2`,
          `+ neigh dst=${ipv4} dev=${veth} lladdr=${podMac}`,
          "+ nft table ip branchline-7",
        ]
      : []),
    ...(families.includes(6)
      ? [
          `+ route 6 unicast dst=${ipv6} dev=${veth} table=107 protocol=static scope=global prefsrc=2001:db8:1::10 metric=1024`,
          `+ rule 6 priority=512 src=all dst=${ipv6} iif=lo table=107 protocol=unspec`,
          `+ neigh dst=${ipv6} dev=${veth} lladdr=${podMac}`,
          "+ nft table ip6 branchline-7",
        ]
      : []),
  ];
}

async function macOf(sandbox: Sandbox): Promise<string> {
  const [link] = await ipJson<{ address: string }>(sandbox.netns, "link", "show", sandbox.ifName);
  return link?.address ?? "";
}

const P4 = { address: "10.0.0.50", gateway: "169.254.1.1" };
const P6 = { address: "2001:db8:1::50", gateway: "fe80::1" };

describe("behind the stand-in for aws-cni", () => {
  const veth = "eniacd53aa4120"; // SHA-1 of default.a
  const hostMac = "02:ac:d5:3a:a4:12";

  test.each([
    { what: "IPv4", families: [4], ifName: "eth0" },
    { what: "IPv6", families: [6], ifName: "eth0" },
    { what: "both families", families: [4, 6], ifName: "eth0" },
    // The node has an eth0, so the device above is made under another name and renamed; it has no net1.
    { what: "both families, under a name that the node lacks", families: [4, 6], ifName: "net1" },
  ] as const)("$what: the branch is the pod's $ifName and the primary its host0", async (row) => {
    const { families, ifName } = row;
    const [four, six] = [families.some((family) => family === 4), families.some((family) => family === 6)];
    const branch = annotationOf({ vlanId: 7, ...(four && { ipv4 }), ...(six && { ipv6 }) });
    const sandbox = await sandboxForTest(ground, {
      name: "a",
      addresses: [...(four ? [P4.address] : []), ...(six ? [P6.address] : [])],
      branch,
      ifName,
    });
    const mac = await macOf(sandbox);
    const [nodeBefore, podBefore] = await Promise.all([snapshot(), sandbox.snapshot()]);

    const result = await sandbox.mustAdd();
    const tentative = await ipJson(sandbox.netns, "-6", "addr", "show", "dev", ifName, "tentative");
    const [nodeAfter, podAfter] = await Promise.all([snapshot(), sandbox.snapshot()]);

    // Duplicate address detection takes a second: without it the address is there at once.
    expect(JSON.stringify(tentative)).not.toContain(ipv6);
    expect(changes(nodeBefore, nodeAfter).sort()).toEqual(nodeLines(veth, mac, families).sort());
    expectLines(
      changes(podBefore, podAfter).filter((line) => line.startsWith("+")),
      [
        ...podLines({ ifName, mac, primary: { ...(four && { 4: P4 }), ...(six && { 6: P6 }) }, families }),
        ...(four
          ? [
              "+ addr host0 10.0.0.50/32 scope=global label=host0",
              "+ route 4 local dst=10.0.0.50 dev=host0 table=local protocol=kernel scope=host prefsrc=10.0.0.50",
              "+ route 4 unicast dst=169.254.1.1 dev=host0 table=107 protocol=boot scope=link",
              `+ neigh dst=169.254.1.1 dev=host0 lladdr=${hostMac}`,
            ]
          : []),
        ...(six
          ? [
              "+ addr host0 2001:db8:1::50/128 scope=global noprefixroute=true",
              "+ route 6 local dst=2001:db8:1::50 dev=host0 table=local protocol=kernel scope=global metric=0",
              "+ route 6 unicast dst=fe80::1 dev=host0 table=107 protocol=boot scope=global metric=1024",
              `+ neigh dst=fe80::1 dev=host0 lladdr=${hostMac}`,
            ]
          : []),
      ],
    );
    // Nothing of the primary is left under its old name.
    expect(
      podAfter.route.filter((line) => / gateway=(169\.254\.1\.1|fe80::1) dev=(?!host0)/.test(line)),
    ).toEqual([]);
    expect(result.interfaces?.map(({ name }) => name)).toEqual([
      veth,
      "host0",
      veth.replace("eni", "dummy"),
      ifName,
    ]);
    expect(records()).toEqual([`7:sandbox-a:${ifName}.json`]);
    expect((await sandbox.check()).failure).toBeUndefined();
  });
});

describe("behind Debian's ptp", () => {
  test("both families: the primary's own network is reached by nothing but its gateway", async () => {
    const sandbox = await sandboxForTest(ground, { name: "p", primary: "ptp", branch: dual });
    const mac = await macOf(sandbox);
    const veth = sandbox.primaryResult.interfaces?.[0]?.name ?? "";
    const [p4 = "", p6 = ""] = (sandbox.primaryResult.ips ?? []).map(({ address }) => address.split("/")[0]);
    const [nodeBefore, podBefore] = await Promise.all([snapshot(), sandbox.snapshot()]);

    const result = await sandbox.mustAdd();
    const [nodeAfter, podAfter] = await Promise.all([snapshot(), sandbox.snapshot()]);

    expect(changes(nodeBefore, nodeAfter).sort()).toEqual(nodeLines(veth, mac, [4, 6]).sort());
    expectLines(
      changes(podBefore, podAfter).filter((line) => line.startsWith("+")),
      [
        ...podLines({
          ifName: "eth0",
          mac,
          primary: {
            4: { address: p4, gateway: "10.0.9.1" },
            6: { address: p6, gateway: "2001:db8:9::1" },
          },
          families: [4, 6],
        }),
        `+ addr host0 ${p4}/24 scope=global label=host0`,
        `+ route 4 local dst=${p4} dev=host0 table=local protocol=kernel scope=host prefsrc=${p4}`,
        `+ route 4 broadcast dst=10.0.9.255 dev=host0 table=local protocol=kernel scope=link prefsrc=${p4}`,
        `+ route 4 unicast dst=10.0.9.1 dev=host0 table=107 protocol=boot scope=link prefsrc=${p4}`,
        `+ route 4 unicast dst=10.0.9.0/24 gateway=10.0.9.1 dev=host0 table=107 protocol=boot scope=global prefsrc=${p4}`,
        `+ addr host0 ${p6}/80 scope=global noprefixroute=true`,
        `+ route 6 local dst=${p6} dev=host0 table=local protocol=kernel scope=global metric=0`,
        `+ route 6 unicast dst=2001:db8:9::1 dev=host0 table=107 protocol=boot scope=global prefsrc=${p6} metric=1024`,
        `+ route 6 unicast dst=2001:db8:9::/80 gateway=2001:db8:9::1 dev=host0 table=107 protocol=boot scope=global prefsrc=${p6} metric=1024`,
      ],
    );
    expect(result.ips?.map(({ address }) => address)).toEqual([`${ipv4}/24`, `${ipv6}/128`]);
    expect((await sandbox.check()).failure).toBeUndefined();
  });
});

describe("one pod, many ways to ask", () => {
  let pod: Sandbox;
  let nodeBefore: Snapshot;
  let podBefore: Snapshot;

  beforeAll(async () => {
    pod = await createSandbox(ground, { name: "one", addresses: [P4.address, P6.address], branch: dual });
    [nodeBefore, podBefore] = await Promise.all([snapshot(), pod.snapshot()]);
  });

  afterAll(async () => {
    await pod.remove();
  });

  /** ADD and, at the end of the test, DEL. */
  async function addForTest(call: CallOptions = {}) {
    onTestFinished(() => pod.mustDel());
    return pod.mustAdd(call);
  }

  async function differences() {
    const [node, inPod] = await Promise.all([snapshot(), pod.snapshot()]);
    return {
      node: diffSnapshots(nodeBefore, node),
      pod: diffSnapshots(podBefore, inPod),
      records: records(),
    };
  }

  const none = { node: [], pod: [], records: [] };

  const host = { name: "eni1234" };
  const primary = { name: "eth0", mac: "1", sandbox: "/run/netns/pod-one" };
  const odd = { name: "dummy1234", mac: "0", sandbox: "0" };
  const branch = { name: "eth0", mac: "02:b1:00:00:00:07", sandbox: "/run/netns/pod-one" };
  const routes = [
    { dst: "0.0.0.0/0", gw: "10.0.0.1" },
    { dst: "::/0", gw: "fe80:ec2::1" },
  ];

  test.each([
    { cniVersion: "0.3.0", versioned: true, branch },
    { cniVersion: "0.3.1", versioned: true, branch },
    { cniVersion: "0.4.0", versioned: true, branch },
    { cniVersion: "1.0.0", versioned: false, branch },
    { cniVersion: "1.1.0", versioned: false, branch: { ...branch, mtu: 9001 } },
  ])("the result in version $cniVersion", async (row) => {
    const of = (family: string) => (row.versioned ? { version: family } : {});
    const result = await addForTest({
      cniVersion: row.cniVersion,
      settings: { families: ["4", "6"] },
      prevResult: {
        cniVersion: row.cniVersion,
        interfaces: [host, primary, odd],
        ips: [{ ...of("4"), interface: 1, address: "10.0.0.50/32" }],
        dns: { nameservers: ["172.20.0.10"] },
      },
    });
    expect(result).toEqual({
      cniVersion: row.cniVersion,
      interfaces: [host, { ...primary, name: "host0" }, odd, row.branch],
      ips: [
        { ...of("4"), interface: 3, address: `${ipv4}/24`, gateway: "10.0.0.1" },
        { ...of("6"), interface: 3, address: `${ipv6}/128`, gateway: "fe80:ec2::1" },
      ],
      routes,
      dns: { nameservers: ["172.20.0.10"] },
    });
  });

  test.each([1500, "1500", 9001])("mtu %o is the device's", async (mtu) => {
    const result = await addForTest({ settings: { mtu }, cniVersion: "1.1.0" });
    const [link] = await ipJson<{ mtu: number }>(pod.netns, "link", "show", "eth0");
    expect(link?.mtu).toBe(Number(mtu));
    expect(result.interfaces?.at(-1)?.mtu).toBe(Number(mtu));
  });

  test("an mtu above the trunk's is refused, naming both", async () => {
    const { failure } = await pod.add({ settings: { mtu: 9002 } });
    expect(failure).toMatchObject({ code: 7, msg: "mtu 9002 is above the 9001 of trunk eth1" });
    expect(await differences()).toEqual(none);
  });

  test("hostInterfaceName is the primary's new name", async () => {
    const result = await addForTest({ settings: { hostInterfaceName: "node0" } });
    const links = await ipJson<{ ifname: string }>(pod.netns, "link", "show");
    expect(links.map(({ ifname }) => ifname).sort()).toEqual(["eth0", "lo", "node0"]);
    expect(result.interfaces?.[1]?.name).toBe("node0");
  });

  test("a trunk that is down is set up, and stays so when the branch goes", async () => {
    await mustExec(undefined, [
      "ip",
      ..."link add spare address 02:00:00:00:00:99 mtu 9001 type veth peer name spare1".split(" "),
    ]);
    onTestFinished(() => ipBatch(undefined, ["link del spare"]));
    const isUp = async () =>
      (await ipJson<{ flags: string[] }>(undefined, "link", "show", "spare"))[0]?.flags.includes("UP");
    expect(await isUp()).toBe(false);
    const settings = { trunk: { interface: "spare" } };
    await pod.mustAdd({ settings });
    expect(await isUp()).toBe(true);
    expect((await pod.check({ settings })).failure).toBeUndefined();
    await pod.mustDel({ settings });
    expect(await isUp()).toBe(true);
  });

  test("lo is brought up, and down again with the branch", async () => {
    await ipBatch(pod.netns, ["link set lo down"]);
    onTestFinished(() => ipBatch(pod.netns, ["link set lo up"]));
    const isUp = async () =>
      (await ipJson<{ flags: string[] }>(pod.netns, "link", "show", "lo"))[0]?.flags.includes("UP");
    await pod.mustAdd();
    expect(await isUp()).toBe(true);
    await pod.mustDel();
    expect(await isUp()).toBe(false);
  });

  describe("the trunk", () => {
    const mac = "02:00:00:00:00:11";
    const trunkFile = `${STATE_DIRECTORY}/trunk.json`;

    async function parentOf(): Promise<number | undefined> {
      const [link] = await ipJson<{ link_index?: number }>(pod.netns, "link", "show", "eth0");
      return link?.link_index;
    }

    async function trunkIndex(): Promise<number | undefined> {
      const [link] = await ipJson<{ ifindex: number }>(undefined, "link", "show", "eth1");
      return link?.ifindex;
    }

    test.each([
      { by: "interface", trunk: { interface: "eth1" }, file: undefined },
      { by: "MAC, in capitals", trunk: { mac: mac.toUpperCase() }, file: undefined },
      { by: "trunk.json", trunk: {}, file: { eniId: "eni-0a", mac } },
      { by: "trunk.json, without the key", trunk: undefined, file: { eniId: "eni-0a", mac } },
      { by: "interface before trunk.json", trunk: { interface: "eth1" }, file: { mac: "02:00:00:00:00:fe" } },
    ])("found by $by", async ({ trunk, file }) => {
      if (file !== undefined) {
        writeFileSync(trunkFile, JSON.stringify(file));
        onTestFinished(() => rm(trunkFile));
      }
      await addForTest({ settings: { trunk } });
      expect(await parentOf()).toBe(await trunkIndex());
    });

    test.each([
      { how: "not said at all", trunk: {}, file: undefined, says: /neither trunk\.interface.*trunk\.json/ },
      { how: "no such interface", trunk: { interface: "ens9" }, file: undefined, says: /"ens9"/ },
      { how: "no such MAC", trunk: { mac: "02:00:00:00:00:fe" }, file: undefined, says: /02:00:00:00:00:fe/ },
      { how: "trunk.json cut off", trunk: {}, file: '{"mac":"02:0', says: /trunk\.json/ },
      { how: "trunk.json's MAC on no device", trunk: {}, file: '{"mac":"02:00:00:00:00:fe"}', says: /00:fe/ },
    ])("not found: $how", async ({ trunk, file, says }) => {
      if (file !== undefined) {
        writeFileSync(trunkFile, file);
        onTestFinished(() => rm(trunkFile));
      }
      const { failure } = await pod.add({ settings: { trunk } });
      expect(failure).toMatchObject({ code: 100, msg: expect.stringMatching(says) });
    });

    test("and nothing of the refused ones is left", async () => {
      expect(await differences()).toEqual(none);
    });
  });

  describe("ENABLE_POD_ENI and enablePodENI", () => {
    const enabled = "ENABLE_POD_ENI";

    test.each([
      { own: true, env: {} },
      { own: "true", env: {} },
      { own: true, env: { [enabled]: "false" } },
      { own: undefined, env: { [enabled]: "true" } },
    ])("on: $own, $env", async ({ own, env }) => {
      const result = await addForTest({ settings: { enablePodENI: own }, env });
      expect(result.interfaces).toHaveLength(4);
    });

    test.each([
      { own: false, env: {} },
      { own: "false", env: {} },
      { own: undefined, env: {} },
      { own: false, env: { [enabled]: "true" } },
      { own: undefined, env: { [enabled]: "false" } },
      { own: undefined, env: { [enabled]: "" } },
    ])("off: $own, $env: prevResult goes out unchanged", async ({ own, env }) => {
      const answer = await pod.add({ settings: { enablePodENI: own }, env });
      expect(resultOf(answer)).toEqual(pod.primaryResult);
    });

    test.each([
      { own: "yes", env: {}, says: 'enablePodENI "yes" is neither true nor false' },
      { own: "True", env: {}, says: 'enablePodENI "True" is neither true nor false' },
      { own: 1, env: {}, says: "enablePodENI 1 is neither true nor false" },
      {
        own: undefined,
        env: { [enabled]: "1" },
        says: 'environment variable ENABLE_POD_ENI "1" is neither true nor false',
      },
    ])("neither: $own, $env", async ({ own, env, says }) => {
      const { failure } = await pod.add({ settings: { enablePodENI: own }, env });
      expect(failure).toMatchObject({ code: 7, msg: says });
    });

    test("and the last of these changed nothing", async () => {
      expect(await differences()).toEqual(none);
    });
  });

  describe("a pod without a branch", () => {
    test.each([
      { what: "no annotation", annotations: {} },
      { what: "null, as containerd writes it", annotations: null },
      { what: "other annotations", annotations: { "example.com/a": "b" } },
    ])("$what: prevResult goes out unchanged", async ({ annotations }) => {
      expect(resultOf(await pod.add({ annotations }))).toEqual(pod.primaryResult);
    });

    test("a Kubernetes pod whose runtime passes no annotations is refused; another is let through", async () => {
      const { failure } = await pod.add({ annotations: undefined });
      expect(failure).toMatchObject({
        code: 7,
        msg: expect.stringMatching(/passed no annotations of pod default\/one.*capabilities/),
      });
      expect(resultOf(await pod.add({ annotations: undefined, anonymous: true }))).toEqual(pod.primaryResult);
    });

    test("and nothing is changed", async () => {
      expect(await differences()).toEqual(none);
    });
  });

  describe("a branch that cannot be", () => {
    const [element] = JSON.parse(dual) as [Record<string, unknown>];
    const but = (fields: Record<string, unknown>) => JSON.stringify([{ ...element, ...fields }]);

    test.each([
      ["empty", "", /is empty/],
      ["no JSON", "{", /not JSON/],
      ["no array", "{}", /\{\} is not an array/],
      ["an empty array", "[]", /array is empty/],
      ["null in it", "[null]", /\[0\] null/],
      ["no ENI id", but({ eniId: "" }), /eniId is missing/],
      ["a wrong ENI id", but({ eniId: "../x" }), /eniId "\.\.\/x"/],
      ["no MAC", but({ ifAddress: "" }), /ifAddress is missing/],
      ["a cut-off MAC", but({ ifAddress: "02:00:00:00:00" }), /ifAddress "02:00:00:00:00"/],
      ["a multicast MAC", but({ ifAddress: "01:00:5e:00:00:01" }), /ifAddress "01:00:5e:00:00:01"/],
      ["no VLAN id", but({ vlanId: undefined }), /vlanId is missing/],
      ["VLAN 0", but({ vlanId: 0 }), /vlanId 0/],
      ["VLAN 4095", but({ vlanId: 4095 }), /vlanId 4095/],
      ['VLAN "7"', but({ vlanId: "7" }), /vlanId "7"/],
      ["VLAN 154, whose table is main", but({ vlanId: 154 }), /vlanId 154.*table 254/],
      ["no address", but({ privateIp: "", ipv6Addr: "" }), /both missing/],
      ["no subnet", but({ subnetCidr: "" }), /subnetCidr is missing/],
      ["an address elsewhere", but({ privateIp: "10.0.1.20" }), /"10\.0\.1\.20" is outside/],
      ["the gateway", but({ privateIp: "10.0.0.1" }), /privateIp "10\.0\.0\.1"/],
      ["the network", but({ privateIp: "10.0.0.0" }), /privateIp "10\.0\.0\.0"/],
      ["IPv6 in IPv4's place", but({ privateIp: "2001:db8:1::20" }), /privateIp "2001:db8:1::20"/],
      ["IPv6 elsewhere", but({ ipv6Addr: "2001:db8:2::20" }), /"2001:db8:2::20" is outside/],
    ])("%s: code 101, with the value", async (_what, annotation, says) => {
      const { failure } = await pod.add({ branch: annotation });
      expect(failure).toMatchObject({ code: 101, msg: expect.stringMatching(says) });
    });

    test.each([
      { how: "no prevResult", call: { prevResult: null }, code: 7, says: /chained after a primary/ },
      {
        how: "prevResult of another interface",
        call: { prevResult: { cniVersion: "1.0.0", interfaces: [{ name: "x", sandbox: "/y" }] } },
        code: 7,
        says: /no interface "eth0"/,
      },
      {
        how: "prevResult without an address",
        call: { prevResult: { cniVersion: "1.0.0", interfaces: [{ name: "eth0", sandbox: "/y" }] } },
        code: 7,
        says: /no address of interface "eth0".* families/,
      },
      {
        how: "a family that the annotation lacks",
        call: { branch: annotationOf({ vlanId: 7, ipv4 }) },
        code: 101,
        says: /ipv6Addr is missing, though the primary gave eth0 2001:db8:1::50\/128/,
      },
      {
        how: "an interface that is not there",
        call: {
          ifName: "eth9",
          prevResult: {
            cniVersion: "1.0.0",
            interfaces: [{ name: "eth9", sandbox: "/y" }],
            ips: [{ interface: 0, address: "10.0.0.50/32" }],
          },
        },
        code: 104,
        says: /no interface "eth9"/,
      },
      {
        how: "no namespace",
        call: { netns: "/run/netns/none" },
        code: 104,
        says: /\/run\/netns\/none" is gone/,
      },
      { how: "a file for a namespace", call: { netns: "/etc/passwd" }, code: 104, says: /\/etc\/passwd/ },
      {
        how: "the node's namespace",
        call: { netns: `/proc/${process.pid}/ns/net` },
        code: 104,
        says: /node's own/,
      },
      { how: "strict", call: { settings: { podSGEnforcingMode: "strict" } }, code: 7, says: /strict/ },
      {
        how: "no serviceCIDRs",
        call: { settings: { serviceCIDRs: undefined } },
        code: 7,
        says: /serviceCIDRs/,
      },
    ])("$how: code $code", async ({ call, code, says }) => {
      const { failure } = await pod.add(call);
      expect(failure).toMatchObject({ code, msg: expect.stringMatching(says) });
    });

    test("a primary that left no veth is refused", async () => {
      await ipBatch(pod.netns, ["link add lonely type bridge"]);
      onTestFinished(() => ipBatch(pod.netns, ["link del lonely"]));
      const { failure } = await pod.add({
        ifName: "lonely",
        prevResult: {
          cniVersion: "1.0.0",
          interfaces: [{ name: "lonely", sandbox: "/y" }],
          ips: [{ interface: 0, address: "10.0.0.50/32" }],
        },
      });
      expect(failure).toMatchObject({
        code: 7,
        msg: expect.stringMatching(/"lonely" is not a veth.*bridge/),
      });
    });

    test("and nothing is changed by any of them", async () => {
      expect(await differences()).toEqual(none);
    });
  });
});

describe("called by cnitool, as the executable", () => {
  test.each(["aws", "ptp"] as const)("ADD, CHECK and DEL of a chain behind %s", async (primary) => {
    const dir = path.join(ground.scratch, `cnitool-${primary}`);
    // The branch exists on paper only.
    const network = await writeConflist(dir, { primary, branchline: { gatewayTimeout: 0 } });
    const before = await snapshot();
    const pod = await createPod({
      vpc: ground.vpc,
      network,
      name: "cli",
      annotations: { [podEni]: dual },
      ...(primary === "aws" && { addresses: [P4.address, P6.address] }),
    });
    onTestFinished(() => pod.remove());
    const inPod = await pod.snapshot();
    const result = await pod.mustAdd();
    expect(result.ips?.map(({ address }) => address)).toEqual([`${ipv4}/24`, `${ipv6}/128`]);
    const links = await ipJson<{ ifname: string; address: string; linkinfo?: { info_kind?: string } }>(
      pod.netns,
      "link",
      "show",
    );
    expect(links.map(({ ifname, linkinfo }) => [ifname, linkinfo?.info_kind])).toEqual(
      expect.arrayContaining([
        ["eth0", "vlan"],
        ["host0", "veth"],
      ]),
    );
    // ptp's own CHECK wants its addresses in the result, which are the branch's now.
    const checked = await pod.check();
    expect(checked.error ?? "").toMatch(primary === "aws" ? /^$/ : /./);
    expect((await pod.del()).error).toBeUndefined();
    await settled(pod.netns, inPod);
    await settled(undefined, before);
    expect(records()).toEqual([]);
  });
});
