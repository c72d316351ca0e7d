// The wait for the gateways, and the default routes of other plugins, against the real kernel: any Linux, as root.
import { spawn } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { apply, undo } from "../../src/datapath/apply.ts";
import { waitForGateways } from "../../src/datapath/gateway.ts";
import { Kernel } from "../../src/datapath/kernel.ts";
import { undoOf } from "../../src/datapath/operation.ts";
import { otherDefaults, replaceOtherDefaults } from "../../src/datapath/other-defaults.ts";
import { readRoutes } from "../../src/datapath/read.ts";
import { type Namespace, openNamespace } from "../../src/netns/namespace.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { createNetns, deleteNetns, ipBatch, mustExec, netnsPath } from "../ground/index.ts";

const POD = `gateway-test-${process.pid}`;
const VPC = `${POD}-vpc`;
let namespace: Namespace;

beforeEach(async () => {
  await createNetns(VPC);
  await createNetns(POD);
  namespace = openNamespace(netnsPath(POD));
  await ipBatch(VPC, [`link add gw type veth peer name eth0 netns ${POD}`, "link set lo up"]);
  for (const netns of [VPC, POD]) {
    await mustExec(netns, [
      "sh",
      "-c",
      "for d in /proc/sys/net/ipv6/conf/*; do echo 0 > $d/accept_dad; done",
    ]);
  }
  await ipBatch(VPC, ["link set gw up"]);
});

afterEach(async () => {
  namespace[Symbol.dispose]();
  await deleteNetns(POD);
  await deleteNetns(VPC);
});

describe("the gateways", () => {
  beforeEach(async () => {
    await ipBatch(POD, ["link set lo up", "addr add 10.0.1.30/24 dev eth0", "link set eth0 up"]);
  });

  /** Much less than is waited; a machine may stall. */
  const AT_ONCE_MS = 5_000;

  /** Milliseconds that it took. */
  function wait(addresses: readonly string[], seconds = 20): number {
    using kernel = new Kernel(namespace);
    const before = systemClock.now();
    waitForGateways(kernel, systemClock, {
      at: "pod",
      device: "eth0",
      addresses,
      vlanId: 7,
      eniId: "eni-0b",
      seconds,
    });
    return systemClock.now() - before;
  }

  const both = ["10.0.1.1", "fe80:ec2::1"];
  const answering = ["addr add 10.0.1.1/24 dev gw", "addr add fe80:ec2::1/64 dev gw nodad"];

  test("answer at once", async () => {
    await ipBatch(VPC, answering);
    expect(wait(both)).toBeLessThan(AT_ONCE_MS);
    expect(wait(both)).toBeLessThan(AT_ONCE_MS);
  });

  test("answer although the device came up just now", async () => {
    await ipBatch(VPC, answering);
    await ipBatch(POD, ["link set eth0 down", "link set eth0 up"]);
    expect(wait(both)).toBeLessThan(AT_ONCE_MS);
  });

  test("are asked for from a device without an IPv4 address, as on the node", async () => {
    await ipBatch(VPC, answering);
    await ipBatch(POD, [
      "addr flush dev eth0 scope global",
      "link add node0 type veth peer name node1",
      "addr add 10.0.9.10/24 dev node0",
      "link set node1 up",
      "link set node0 up",
    ]);
    await mustExec(VPC, ["ip", "route", "add", "10.0.9.0/24", "dev", "gw"]);
    expect(wait(both)).toBeLessThan(AT_ONCE_MS);
  });

  test.each([both, ["10.0.1.1"], ["fe80:ec2::1"]])(
    "answer after two seconds: %s %s",
    async (...addresses) => {
      const late = spawn("ip", ["netns", "exec", VPC, "sh", "-c", `sleep 2; ip -batch -`], {
        stdio: ["pipe", "ignore", "inherit"],
      });
      const ended = new Promise((resolve) => late.on("close", resolve));
      late.stdin.end(`${answering.join("\n")}\n`);
      const took = wait(addresses.filter((address) => address !== undefined));
      await ended;
      // The child's start is not ours to count.
      expect(took).toBeGreaterThan(1500);
      expect(took).toBeLessThan(10_000);
    },
  );

  test.each(both)("never answer: %s", async (silent) => {
    await ipBatch(
      VPC,
      answering.filter((line) => !line.includes(`${silent}/`)),
    );
    expect(() => wait(both, 1)).toThrow(
      `the gateway ${silent} does not answer on VLAN 7 (eni-0b) after 1 s: the branch carries no packets yet`,
    );
  });

  test("never answer on a device whose other end is down", async () => {
    await ipBatch(VPC, ["link set gw down"]);
    expect(() => wait(both, 1)).toThrow(/^the gateway 10\.0\.1\.1 does not answer on VLAN 7/);
  });
});

describe("default routes of another plugin", () => {
  const branch = {
    eniId: "eni-0b",
    mac: "02:b1:00:00:00:07",
    vlanId: 7,
    addresses: ([4, 6] as const).map((family) => ({
      family,
      address: family === 4 ? "10.0.1.30" : "fd00:1::30",
      prefixLength: family === 4 ? 24 : 128,
      subnet: family === 4 ? "10.0.1.0/24" : "fd00:1::/64",
      gateway: family === 4 ? "10.0.1.1" : "fe80:ec2::1",
    })),
  };

  async function defaults(): Promise<string[]> {
    const shown = await Promise.all(
      ["-4", "-6"].map((family) => mustExec(POD, ["ip", family, "route", "show", "default"])),
    );
    return shown.flatMap(({ stdout }) => stdout.split("\n").map((line) => line.trim())).filter(Boolean);
  }

  beforeEach(async () => {
    await ipBatch(POD, [
      "link add v4if0 type veth peer name vethe4",
      "link set vethe4 up",
      "link set v4if0 up",
      "addr add 169.254.172.5/22 dev v4if0",
      "addr add fd00:9::5/64 dev v4if0 nodad",
      "route add default via 169.254.172.1 dev v4if0 src 169.254.172.5 proto 16",
      "route add default via 169.254.172.2 dev v4if0 metric 100 mtu 1400",
      "route add default dev v4if0 scope link metric 200",
      "route add default via 169.254.172.3 dev v4if0 tos 0x10",
      "route add default via 10.9.9.9 dev v4if0 onlink metric 300",
      "route add default via fd00:9::1 dev v4if0 metric 50",
      "route add default via fd00:9::2 dev v4if0 proto 16",
    ]);
  });

  function stepsOf(kernel: Kernel) {
    const pod = {
      primary: { link: { index: 2, name: "eth0", up: true, mtu: 9001, rest: [] }, addresses: [], routes: [] },
      otherDefaults: otherDefaults(readRoutes(kernel, "pod"), 2),
      loopbackUp: true,
      sysctls: [],
    };
    return replaceOtherDefaults(branch, { ...pod, primary: { ...pod.primary, permanentNeighbours: [] } });
  }

  test("all go, and come back as they were", async () => {
    using kernel = new Kernel(namespace);
    const before = await defaults();
    expect(before).toHaveLength(7);
    const steps = stepsOf(kernel);
    apply(kernel, steps);
    expect(await defaults()).toEqual([]);
    // What a record holds is text.
    expect(undo(kernel, undoOf(JSON.parse(JSON.stringify(steps))))).toEqual([]);
    expect(await defaults()).toEqual(before);
    // And again, as after a call that was killed.
    expect(undo(kernel, undoOf(steps))).toEqual([]);
    expect(await defaults()).toEqual(before);
  });

  test("nothing to come back to is no failure", async () => {
    using kernel = new Kernel(namespace);
    const steps = stepsOf(kernel);
    apply(kernel, steps);
    await ipBatch(POD, ["link del v4if0"]);
    expect(undo(kernel, undoOf(steps))).toEqual([]);
    expect(await defaults()).toEqual([]);
  });
});
