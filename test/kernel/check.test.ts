// CHECK with the direct datapath: each thing that may be broken by hand, one at a time, is found and named.
import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import { debianPlugins, deleteNetns, eventually, ipBatch, ipJson, run } from "../ground/index.ts";
import type { Failure } from "./support/plugin.ts";
import { annotationOf, createSandbox, sandboxForTest, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let pod: Sandbox;

const branch = annotationOf({ vlanId: 7, ipv4: "10.0.0.20", ipv6: "2001:db8:1::20" });
let hostVeth: string;

beforeAll(async () => {
  pod = await createSandbox(ground, {
    name: "checked",
    primary: "veth",
    addresses: ["10.0.0.50", "2001:db8:1::50"],
    branch,
  });
  hostVeth = pod.primaryResult.interfaces?.[0]?.name ?? "";
});

afterAll(async () => {
  await pod.remove();
});

/** What a failed CHECK said; undefined when all is well. */
async function checked(sandbox: Sandbox = pod): Promise<Failure | undefined> {
  const { failure, stdout, status } = await sandbox.check();
  if (status === 0 && stdout !== "") throw new Error(`CHECK wrote to stdout: ${stdout}`);
  return failure;
}

/** All that it said: the message names the first difference, the details each of them. */
function wordsOf(failure: Failure | undefined): string {
  return `${failure?.msg}\n${failure?.details}`;
}

describe("broken by hand, in the pod or on the node", () => {
  beforeEach(async () => {
    await pod.mustAdd();
  });

  afterEach(async () => {
    await pod.mustDel();
  });

  test("unharmed: success, in silence", async () => {
    expect(await checked()).toBeUndefined();
  });

  const pod4 = "10.0.0.20";
  const pod6 = "2001:db8:1::20";

  test.each<{ what: string; inPod?: string[]; onNode?: string[]; says: RegExp }>([
    {
      what: "the device is missing",
      inPod: ["link del eth0"],
      says: /^VLAN 7: in the pod: device eth0 is missing/,
    },
    {
      what: "another MAC",
      inPod: ["link set eth0 address 02:00:00:00:00:77"],
      says: /^VLAN 7: in the pod: device eth0 has MAC 02:00:00:00:00:77 instead of 02:b1:00:00:00:07/,
    },
    { what: "the device is down", inPod: ["link set eth0 down"], says: /in the pod: device eth0 is down/ },
    {
      what: "the IPv4 address is missing",
      inPod: [`addr del ${pod4}/24 dev eth0`],
      says: /^VLAN 7: in the pod: address 10\.0\.0\.20\/24 is missing on device eth0/,
    },
    {
      what: "the IPv4 address has another prefix",
      inPod: [
        `addr del ${pod4}/24 dev eth0`,
        `addr add ${pod4}/25 dev eth0`,
        "route add default via 10.0.0.1",
        "route add 169.254.169.0/24 via 10.0.0.1",
      ],
      says: /^VLAN 7: in the pod: address 10\.0\.0\.20\/24 is missing on device eth0$/m,
    },
    {
      what: "the IPv6 address is missing",
      inPod: [`addr del ${pod6}/128 dev eth0`],
      says: /^VLAN 7: in the pod: address 2001:db8:1::20\/128 is missing on device eth0/,
    },
    {
      what: "the IPv4 default route is missing",
      inPod: ["route del default"],
      says: /^VLAN 7: in the pod: route "default via 10\.0\.0\.1 dev eth0" is missing$/m,
    },
    {
      what: "the IPv6 default route is missing",
      inPod: ["-6 route del default"],
      says: /^VLAN 7: in the pod: route "default via fe80:ec2::1 dev eth0" is missing$/m,
    },
    {
      what: "the default route leads by host0",
      inPod: ["route replace default via 169.254.1.1 dev host0"],
      says: /route "default via 10\.0\.0\.1 dev eth0" is missing; there is "default via 169\.254\.1\.1 dev host0"/,
    },
    {
      what: "a second default beside, with another metric",
      inPod: ["route add default via 169.254.1.1 dev host0 metric 5"],
      says: /route "default via 10\.0\.0\.1 dev eth0" has another beside it: "default via 169\.254\.1\.1 dev host0"/,
    },
    {
      what: "a second default beside, of IPv6",
      inPod: ["-6 route add default via fe80::1 dev host0 metric 5"],
      says: /route "default via fe80:ec2::1 dev eth0" has another beside it: "default via fe80::1 dev host0"/,
    },
    {
      what: "the pod's rule is missing",
      inPod: ["rule del from 10.0.0.50"],
      says: /^VLAN 7: in the pod: rule "1536: from 10\.0\.0\.50\/32 lookup 107" is missing$/m,
    },
    {
      what: "the pod's IPv6 rule is missing",
      inPod: ["-6 rule del from 2001:db8:1::50"],
      says: /^VLAN 7: in the pod: rule "1536: from 2001:db8:1::50\/128 lookup 107" is missing$/m,
    },
    {
      what: "the pod's own table is empty",
      inPod: ["route flush table 107"],
      says: /in the pod: route "default via 169\.254\.1\.1 table 107 dev host0" is missing/,
    },
    {
      what: "the way to Services is missing",
      inPod: ["route del 172.20.0.0/16"],
      says: /in the pod: route "172\.20\.0\.0\/16 via 169\.254\.1\.1 src 10\.0\.0\.50 dev host0" is missing/,
    },
    {
      what: "host0's neighbour is missing",
      inPod: ["neigh del 169.254.1.1 dev host0"],
      says: /in the pod: permanent neighbour 169\.254\.1\.1 \(\S+\) is missing on device host0/,
    },
    {
      what: "host0 has another name",
      inPod: ["link set host0 down", "link set host0 name node0 up"],
      says: /in the pod: .*device host0 is called node0/,
    },
    {
      what: "host0 is down",
      inPod: ["link set host0 down"],
      says: /in the pod: .*device host0 is down/,
    },
    {
      what: "the node's rule is missing",
      onNode: [`rule del to ${pod4} iif lo`],
      says: /^VLAN 7: on the node: rule "512: from all to 10\.0\.0\.20\/32 iif lo lookup 107" is missing$/m,
    },
    {
      what: "the node's IPv6 rule is missing",
      onNode: [`-6 rule del to ${pod6} iif lo`],
      says: /^VLAN 7: on the node: rule "512: from all to 2001:db8:1::20\/128 iif lo lookup 107" is missing$/m,
    },
    {
      what: "the node's rule is for everybody's packets",
      onNode: [`rule del to ${pod4} iif lo`, `rule add priority 512 to ${pod4} table 107`],
      says: /on the node: rule "512: from all to 10\.0\.0\.20\/32 iif lo lookup 107" is missing/,
    },
    {
      what: "the node's route is missing",
      onNode: [`route del ${pod4} table 107`],
      says: /^VLAN 7: on the node: route "10\.0\.0\.20\/32 src 10\.0\.0\.10 table 107 dev eni-checked" is missing$/m,
    },
    {
      what: "the node's route has no source",
      onNode: [`route replace ${pod4} dev VETH scope link table 107`],
      says: /on the node: route "10\.0\.0\.20\/32 src 10\.0\.0\.10 table 107 dev eni-checked" is missing; there is/,
    },
    {
      what: "the node's neighbour is missing",
      onNode: [`neigh del ${pod6} dev VETH`],
      says: /on the node: permanent neighbour 2001:db8:1::20 \(\S+\) is missing on device eni/,
    },
  ])("$what", async ({ inPod = [], onNode = [], says }) => {
    // iproute2 takes no family inside a batch: one call for each.
    for (const [netns, lines] of [[pod.netns, inPod] as const, [undefined, onNode] as const]) {
      for (const line of lines) {
        const [first = "", ...rest] = line.replace("VETH", hostVeth).split(" ");
        await (first === "-6" ? ip6(netns, rest) : ipBatch(netns, [[first, ...rest].join(" ")]));
      }
    }
    const failure = await checked();
    expect(failure?.code).toBe(103);
    expect(wordsOf(failure)).toMatch(says);
    expect(failure?.msg).not.toContain("\n");
  });

  test("several at once: the message names the first and counts the rest, the details name each", async () => {
    await ipBatch(pod.netns, [
      "neigh del 169.254.1.1 dev host0",
      "route del default",
      "rule del from 10.0.0.50",
    ]);
    const failure = await checked();
    expect(failure?.msg).toMatch(/\(and 2 more\)$/);
    expect(failure?.details?.split("\n")).toHaveLength(3);
  });

  test("what a later plugin of the chain changed is not ours to judge: tuning, itself", async () => {
    const { stdout, status } = await run([`${debianPlugins}/tuning`], {
      input: JSON.stringify({
        cniVersion: "1.0.0",
        name: "ground",
        type: "tuning",
        mtu: 1500,
        promisc: true,
        allmulti: true,
        sysctl: {
          "net.ipv4.conf.eth0.rp_filter": "1",
          "net.ipv4.conf.host0.rp_filter": "1",
          "net.core.somaxconn": "500",
        },
        prevResult: pod.result,
      }),
      env: {
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: pod.path,
        CNI_IFNAME: "eth0",
        CNI_PATH: debianPlugins,
      },
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining("eth0")]);
    await ipBatch(pod.netns, [
      "addr add 10.0.0.77/32 dev eth0",
      "route add 192.0.2.0/24 via 10.0.0.1",
      "route add default via 10.0.0.9 dev eth0 metric 77",
    ]);
    expect((await pod.check({ prevResult: JSON.parse(stdout) as object })).failure).toBeUndefined();
  });

  test("but its MTU is, where the chain's result of version 1.1.0 states it", async () => {
    await ipBatch(pod.netns, ["link set eth0 mtu 1500"]);
    const stating = (mtu: number) => ({
      ...pod.result,
      cniVersion: "1.1.0",
      interfaces: pod.result?.interfaces?.map((entry) => (entry.name === "eth0" ? { ...entry, mtu } : entry)),
    });
    const check = (mtu: number) => pod.check({ cniVersion: "1.1.0", prevResult: stating(mtu) });
    expect((await check(1500)).failure).toBeUndefined();
    expect((await check(0)).failure).toBeUndefined();
    expect((await check(9001)).failure).toMatchObject({
      code: 103,
      msg: "VLAN 7: in the pod: device eth0 has MTU 1500 instead of 9001",
    });
  });

  test("prevResult of another sandbox", async () => {
    const { result } = pod;
    const wrong = {
      ...result,
      interfaces: result?.interfaces?.map((entry) =>
        entry.name === "eth0" ? { ...entry, mac: "02:b1:00:00:00:08" } : entry,
      ),
      ips: [{ address: "10.0.0.21/24", interface: 3 }],
    };
    const { failure } = await pod.check({ prevResult: wrong });
    expect(failure).toMatchObject({
      code: 103,
      msg: expect.stringMatching(/prevResult has no interface eth0/),
    });
    expect(failure?.details?.split("\n")).toEqual([
      "prevResult has no interface eth0 with MAC 02:b1:00:00:00:07",
      "prevResult has no address 10.0.0.20",
      "prevResult has no address 2001:db8:1::20",
    ]);
    expect((await pod.check({ prevResult: null })).failure?.code).toBe(7);
  });

  test("the namespace of another sandbox, or none", async () => {
    const other = await sandboxForTest(ground, { name: "other" });
    expect((await pod.check({ netns: other.path })).failure).toMatchObject({
      code: 104,
      msg: expect.stringMatching(/is not the one that VLAN 7 was attached in/),
    });
    expect((await pod.check({ netns: "/run/netns/none" })).failure?.code).toBe(104);
  });

  // Only where nobody else makes namespaces is a number given again at once.
  test("the next namespace, which got the number of its own", { tags: "vlan" }, async () => {
    const numberOf = ({ path }: Sandbox) => statSync(path).ino;
    const first = await createSandbox(ground, { name: "gone", primary: "veth", addresses: ["10.0.0.61"] });
    await first.mustAdd({ branch: annotationOf({ vlanId: 12, ipv4: "10.0.0.32" }) });
    const number = numberOf(first);
    await deleteNetns(first.netns);
    let tries = 0;
    // The kernel gives the lowest number that is free, and this one is a moment after its name has gone.
    const next = await eventually("its number is given again", async () => {
      const name = `next${(tries += 1)}`;
      const sandbox = await createSandbox(ground, { name, primary: "veth", addresses: ["10.0.0.62"] });
      if (numberOf(sandbox) === number) return sandbox;
      await sandbox.dispose();
      return undefined;
    });
    expect((await first.check({ netns: next.path })).failure).toMatchObject({
      code: 104,
      msg: expect.stringMatching(/is not the one that VLAN 12 was attached in/),
    });
    await first.mustDel();
    await next.dispose();
  });

  test("the record is lost, though the annotation names a branch", async () => {
    await rm(`${STATE_DIRECTORY}/attachments/7:sandbox-checked:eth0.json`);
    expect(await checked()).toMatchObject({ code: 3, msg: expect.stringMatching(/nothing was attached/) });
    // The annotation came late: only the result shows the branch.
    expect((await pod.check({ annotations: {} })).failure).toMatchObject({
      code: 3,
      msg: expect.stringMatching(/has a branch according to its prevResult, but nothing was attached/),
    });
  });
});

async function ip6(netns: string | undefined, args: readonly string[]): Promise<void> {
  // -j -d of ipJson do no harm to a change.
  await ipJson(netns, "-6", ...args);
}

test("a pod without a branch is as it should be", async () => {
  const plain = await sandboxForTest(ground, { name: "plain", primary: "veth", addresses: ["10.0.0.60"] });
  await plain.mustAdd();
  expect(await checked(plain)).toBeUndefined();
});

describe("a device of somebody else in the branch's place", () => {
  let victim: Sandbox;

  beforeEach(async () => {
    victim = await createSandbox(ground, { name: "victim", primary: "veth", addresses: ["10.0.0.60"] });
    await ipBatch(undefined, [
      "link add spare address 02:00:00:00:00:99 mtu 9001 type veth peer name spare1",
      "link set spare up",
    ]);
    await victim.mustAdd({ branch: annotationOf({ vlanId: 9, ipv4: "10.0.0.29" }) });
    await ipBatch(victim.netns, ["link del eth0"]);
  });

  afterEach(async () => {
    await ipBatch(victim.netns, ["link del eth0"]);
    await victim.remove();
    await ipBatch(undefined, ["link del spare"]);
  });

  async function replaceBy(parent: string, vlanId: number): Promise<void> {
    await ipBatch(undefined, [
      `link add link ${parent} name brk netns ${victim.netns} mtu 9001 address 02:b1:00:00:00:09 type vlan id ${vlanId}`,
    ]);
    await ipBatch(victim.netns, [
      "link set brk name eth0 up",
      "addr add 10.0.0.29/24 dev eth0",
      "route add default via 10.0.0.1",
    ]);
  }

  test("another VLAN id", async () => {
    await replaceBy("eth1", 99);
    expect(wordsOf(await checked(victim))).toMatch(
      /^VLAN 9: in the pod: device eth0 has VLAN id 99 instead of 9(\n| \(and)/,
    );
  });

  test("another parent", async () => {
    await replaceBy("spare", 9);
    expect(wordsOf(await checked(victim))).toMatch(
      /^VLAN 9: in the pod: device eth0 has parent \d+ instead of \d+(\n| \(and)/,
    );
  });

  test("no VLAN device at all", async () => {
    await ipBatch(victim.netns, ["link add eth0 type bridge", "link set eth0 up"]);
    expect(wordsOf(await checked(victim))).toMatch(/device eth0 is not a VLAN device but bridge/);
  });

  test("host0 is missing, and the node's end with it", async () => {
    await replaceBy("eth1", 9);
    await ipBatch(victim.netns, ["link del host0"]);
    const failure = await checked(victim);
    expect(failure?.code).toBe(103);
    expect(wordsOf(failure)).toMatch(/in the pod: device host0 is missing/);
    expect(wordsOf(failure)).toMatch(/on the node: route "10\.0\.0\.29\/32 .* is missing/);
  });
});
