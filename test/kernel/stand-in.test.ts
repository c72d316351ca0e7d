// The primaries by themselves, called by cnitool: what our plugin finds when its turn comes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  createPod,
  createVpc,
  diffSnapshots,
  exec,
  ptpPrefixes,
  settled,
  snapshot,
  writeConflist,
  type ConflistOptions,
  type Pod,
  type PodOptions,
  type Snapshot,
  type Vpc,
} from "../ground/index.ts";

let vpc: Vpc;
let scratch: string;
let before: Snapshot;
let count = 0;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), "stand-in-"));
  before = await snapshot();
  vpc = await createVpc();
});

afterAll(async () => {
  await vpc.close();
  await rm(scratch, { recursive: true, force: true });
  // ptp switches forwarding on by itself and leaves it so; the VPC has put it back.
  await settled(undefined, before);
});

/** A pod on a network of its own, gone when the test is. */
async function podOn(list: ConflistOptions, pod: Partial<PodOptions> = {}): Promise<Pod> {
  const network = await writeConflist(path.join(scratch, String((count += 1))), {
    branchline: false,
    ...list,
  });
  const made = await createPod({ vpc, network, name: "sample-pod", ...pod });
  onTestFinished(() => made.remove());
  return made;
}

/** What changed, without the switches of the new devices. */
function changes(from: Snapshot, to: Snapshot): string[] {
  return diffSnapshots(from, to).filter((line) => !/^. sysctl /.test(line));
}

describe("the stand-in for aws-cni", () => {
  // SHA-1 of default.sample-pod, an example of aws-cni's own.
  const veth = "enicc21c2d7785";
  const hostMac = "02:cc:21:c2:d7:78";

  test("leaves a regular IPv4 pod as aws-cni does, answers its odd result, and takes it back", async () => {
    const pod = await podOn({ primary: "aws" }, { addresses: ["10.0.0.50"] });
    const [hostBefore, podBefore] = [await snapshot(), await pod.snapshot()];

    const result = await pod.mustAdd();
    expect(result.interfaces).toEqual([
      { name: veth },
      { name: "eth0", mac: "254", sandbox: "/run/netns/pod-sample-pod" },
      { name: "dummycc21c2d7785", mac: "0", sandbox: "0" },
    ]);
    expect(result.ips).toEqual([{ address: "10.0.0.50/32", interface: 1 }]);
    expect(result.routes).toBeUndefined();
    expect(result.dns ?? {}).toEqual({});

    const hostAfter = await snapshot();
    expect(changes(hostBefore, hostAfter)).toEqual([
      `+ link ifname=${veth} address=${hostMac} mtu=9001 kind=veth up`,
      `+ route 4 unicast dst=10.0.0.50 dev=${veth} table=main protocol=boot scope=link`,
      "+ rule 4 priority=512 src=all dst=10.0.0.50 table=main protocol=unspec",
    ]);
    expect(hostAfter.sysctl).toEqual(
      expect.arrayContaining([
        `ipv6/conf/${veth}/accept_ra=0`,
        `ipv6/conf/${veth}/accept_redirects=1`,
        `ipv6/conf/${veth}/forwarding=0`,
      ]),
    );
    expect(changes(podBefore, await pod.snapshot())).toEqual([
      expect.stringMatching(/^\+ link ifname=eth0 address=\S+ mtu=9001 kind=veth up$/),
      "+ addr eth0 10.0.0.50/32 scope=global label=eth0",
      "+ route 4 local dst=10.0.0.50 dev=eth0 table=local protocol=kernel scope=host prefsrc=10.0.0.50",
      "+ route 4 unicast dst=169.254.1.1 dev=eth0 table=main protocol=boot scope=link",
      "+ route 4 unicast dst=default gateway=169.254.1.1 dev=eth0 table=main protocol=boot scope=global",
      `+ neigh dst=169.254.1.1 dev=eth0 lladdr=${hostMac}`,
    ]);

    expect((await pod.check()).error).toBeUndefined();
    expect((await pod.del()).error).toBeUndefined();
    expect(diffSnapshots(hostBefore, await snapshot())).toEqual([]);
    expect(diffSnapshots(podBefore, await pod.snapshot())).toEqual([]);
    // A second DEL, and one of a container never added, have nothing to do.
    expect((await pod.del()).error).toBeUndefined();
  });

  test("leaves an IPv6 pod likewise", async () => {
    const pod = await podOn({ primary: "aws" }, { addresses: ["2001:db8:1::50"] });
    const [hostBefore, podBefore] = [await snapshot(), await pod.snapshot()];
    expect((await pod.mustAdd()).ips).toEqual([{ address: "2001:db8:1::50/128", interface: 1 }]);
    expect(changes(hostBefore, await snapshot())).toEqual([
      `+ link ifname=${veth} address=${hostMac} mtu=9001 kind=veth up`,
      `+ route 6 unicast dst=2001:db8:1::50 dev=${veth} table=main protocol=boot scope=global metric=1024`,
      "+ rule 6 priority=512 src=all dst=2001:db8:1::50 table=main protocol=unspec",
    ]);
    const inPod = changes(podBefore, await pod.snapshot());
    expect(inPod).toContain("+ addr eth0 2001:db8:1::50/128 scope=global");
    expect(inPod).toContain(
      "+ route 6 unicast dst=default gateway=fe80::1 dev=eth0 table=main protocol=boot scope=global metric=1024",
    );
    expect(inPod).toContain(`+ neigh dst=fe80::1 dev=eth0 lladdr=${hostMac}`);
    expect((await pod.del()).error).toBeUndefined();
    expect(diffSnapshots(hostBefore, await snapshot())).toEqual([]);
  });

  test("serves both families at once, from another ENI's table, in the oldest version", async () => {
    const pod = await podOn(
      { primary: "aws", cniVersion: "0.3.1", primarySettings: { deviceNumber: "2" } },
      { addresses: ["10.0.0.51", "2001:db8:1::51"] },
    );
    const hostBefore = await snapshot();
    const result = await pod.mustAdd();
    expect(result.interfaces?.map(({ mac, sandbox }) => [mac, sandbox])).toEqual([
      [undefined, undefined],
      ["3", "/run/netns/pod-sample-pod"],
      ["0", "2"],
    ]);
    expect(result.ips).toEqual([
      { version: "4", address: "10.0.0.51/32", interface: 1 },
      { version: "6", address: "2001:db8:1::51/128", interface: 1 },
    ]);
    const rules = changes(hostBefore, await snapshot()).filter((line) => line.startsWith("+ rule"));
    expect(rules).toEqual([
      "+ rule 4 priority=1536 src=10.0.0.51 table=3 protocol=unspec",
      "+ rule 4 priority=512 src=all dst=10.0.0.51 table=main protocol=unspec",
      "+ rule 6 priority=1536 src=2001:db8:1::51 table=3 protocol=unspec",
      "+ rule 6 priority=512 src=all dst=2001:db8:1::51 table=main protocol=unspec",
    ]);
    expect((await pod.del()).error).toBeUndefined();
    expect(diffSnapshots(hostBefore, await snapshot())).toEqual([]);
  });

  test("leaves the veth to the namespace when told to, and fails without an address as aws-cni does", async () => {
    const pod = await podOn(
      { primary: "aws", primarySettings: { leaveVeth: "true" } },
      { addresses: ["10.0.0.52"] },
    );
    const hostBefore = await snapshot();
    await pod.mustAdd();
    expect((await pod.del()).error).toBeUndefined();
    expect(changes(hostBefore, await snapshot())).toEqual([expect.stringContaining(`+ link ifname=${veth}`)]);

    const homeless = await podOn({ primary: "aws" }, { name: "homeless" });
    expect((await homeless.add()).error).toContain("failed to assign an IP address to container");
  });

  test.each(["0", "2"])("deletes by its own result while ipamd is away: device %s", async (deviceNumber) => {
    const pod = await podOn(
      { primary: "aws", primarySettings: { deviceNumber, leaveVeth: "true" } },
      { addresses: ["10.0.0.54"] },
    );
    const hostBefore = await snapshot();
    await pod.mustAdd();
    using _ = pod.withoutIpamd();
    expect((await pod.add()).error).toContain("connection refused");
    expect((await pod.del()).error).toBeUndefined();
    expect(changes(hostBefore, await snapshot())).toEqual([expect.stringContaining(`+ link ifname=${veth}`)]);
  });

  test("its pod is reached by the node, and by the VPC as far as the node's group says", async () => {
    const pod = await podOn({ primary: "aws" }, { addresses: ["10.0.0.53"] });
    await pod.mustAdd();
    await pod.serve({ port: 8080 });
    expect(await pod.connect("10.0.0.53", { port: 8080 })).toEqual({
      reach: "reached",
      reply: "sample-pod 10.0.0.53",
    });
    expect((await exec(undefined, ["ping", "-n", "-c", "1", "-W", "3", "10.0.0.53"])).status).toBe(0);
    const outside = await vpc.addHost({ name: "out", ipv4: "10.0.0.30", groups: ["node"] });
    expect(await pod.ping("10.0.0.30", 1)).toBe(false);
    await vpc.allow("node", { fromGroup: "node", protocol: "all" });
    expect(await pod.ping("10.0.0.30")).toBe(true);
    await vpc.removeHost(outside);
  });
});

describe("Debian's ptp with host-local", () => {
  test("adds, checks and deletes a pod of both families", async () => {
    await vpc.assignSecondary(ptpPrefixes.ipv4);
    const pod = await podOn({ primary: "ptp" });
    const hostBefore = await snapshot();
    const result = await pod.mustAdd();
    expect(result.ips?.map((ip) => ip.address)).toEqual(["10.0.9.2/24", "2001:db8:9::2/80"]);
    expect((await pod.check()).error).toBeUndefined();
    expect((await exec(undefined, ["ping", "-n", "-c", "1", "-W", "3", pod.ipv4])).status).toBe(0);
    expect((await pod.del()).error).toBeUndefined();
    await settled(undefined, hostBefore);
    await vpc.unassignSecondary(ptpPrefixes.ipv4);
  });
});
