// ADD is not done before the branch's gateway answers: with a VPC in which it does, does late, and does not.
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diffSnapshots, ipBatch, ipJson, settled, snapshot } from "../ground/index.ts";
import { routed, vpcGateway } from "./support/routed.ts";
import { annotationOf, records, sandboxForTest, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let annotation: string;

beforeAll(async () => {
  await ground.vpc.createGroup("db");
  const branch = await ground.vpc.attachBranch({
    vlanId: 7,
    ipv4: "10.0.0.20",
    ipv6: "2001:db8:1::20",
    groups: ["db"],
  });
  ({ annotation } = branch);
});

afterAll(async () => {
  await settled(undefined, ground.before);
});

const settingsOf = {
  direct: {},
  strict: routed("strict"),
  standard: routed("standard"),
} as const;

describe.each(["direct", "strict", "standard"] as const)("%s", (kind) => {
  const pod = (name: string, branch: string): Promise<Sandbox> =>
    sandboxForTest(ground, {
      name,
      primary: "veth",
      addresses: ["10.0.0.50", "2001:db8:1::50"],
      branch,
      settings: { ...settingsOf[kind], gatewayTimeout: 10 },
    });

  test("both families answer at once, and the kernel keeps what it learned", async () => {
    const sandbox = await pod("prompt", annotation);
    const before = Date.now();
    await sandbox.mustAdd();
    expect(Date.now() - before).toBeLessThan(8_000);
    const [netns, device] = kind === "direct" ? [sandbox.netns, "eth0"] : [undefined, "vlan.eth.7"];
    for (const family of [4, 6] as const) {
      const listed = await ipJson<{ dst: string; lladdr?: string }>(
        netns,
        `-${family}`,
        "neigh",
        "show",
        "dev",
        device,
      );
      expect(listed.find(({ dst }) => dst === vpcGateway[family])?.lladdr).toBeDefined();
    }
    expect((await sandbox.check()).failure).toBeUndefined();
  });

  test("silent: code 11, and everything as before", async () => {
    // Nobody associated this VLAN id: its frames are nobody's.
    const silent = annotationOf({ vlanId: 9, ipv4: "10.0.0.29", ipv6: "2001:db8:1::29" });
    const sandbox = await pod("silent", silent);
    const [node, inPod] = await Promise.all([snapshot(), sandbox.snapshot()]);
    const { failure } = await sandbox.add({ settings: { gatewayTimeout: 2 } });
    expect(failure).toMatchObject({
      code: 11,
      msg: "the gateway 10.0.0.1 does not answer on VLAN 9 (eni-0b000000000000009) after 2 s: the branch carries no packets yet",
    });
    expect(diffSnapshots(node, await snapshot())).toEqual([]);
    expect(diffSnapshots(inPod, await sandbox.snapshot())).toEqual([]);
    expect(records()).toEqual([]);
  });

  test("late: ADD takes as long, and succeeds", async () => {
    const sandbox = await pod("late", annotation);
    const { netns } = ground.vpc;
    await ipBatch(netns, ["link set br7 down"]);
    const up = spawn("ip", ["netns", "exec", netns, "sh", "-c", "sleep 4; ip -batch -"], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ended = new Promise((resolve) => up.on("close", resolve));
    // Setting the device down took its addresses and neighbours.
    up.stdin.end(
      [
        "link set br7 up",
        "addr replace fe80:ec2::1/64 dev br7 nodad",
        "route replace 10.0.0.20 dev br7",
        "route replace 2001:db8:1::20 dev br7",
        "neigh replace 10.0.0.20 lladdr 02:b1:00:00:00:07 dev br7 nud permanent",
        "neigh replace 2001:db8:1::20 lladdr 02:b1:00:00:00:07 dev br7 nud permanent\n",
      ].join("\n"),
    );
    const before = Date.now();
    const { failure } = await sandbox.add({ settings: { gatewayTimeout: 60 } });
    await ended;
    expect(failure).toBeUndefined();
    expect(Date.now() - before).toBeGreaterThan(2_000);
    expect((await sandbox.check()).failure).toBeUndefined();
  });

  test.each([{ families: ["4", "6"] }, { families: ["6"] }])(
    "a default route of egress-cni gives way to a branch of its family only, and comes back: $families",
    async ({ families }) => {
      const sandbox = await pod(`egress-${families.join("")}`, annotation);
      await ipBatch(undefined, [
        `link add vethe4 type veth peer name v4if0 netns ${sandbox.netns}`,
        "link set vethe4 up",
      ]);
      await ipBatch(sandbox.netns, [
        "link set v4if0 up",
        "addr add 169.254.172.5/22 dev v4if0",
        "route add default via 169.254.172.1 dev v4if0 metric 50",
      ]);
      const inPod = await sandbox.snapshot();
      const call = { settings: { families } };
      const byEgress = async () => {
        const listed = await ipJson<{ dev: string }>(sandbox.netns, "-4", "route", "show", "default");
        return listed.some(({ dev }) => dev === "v4if0");
      };
      await sandbox.mustAdd(call);
      expect(await byEgress()).toBe(!families.includes("4"));
      expect((await sandbox.check(call)).failure).toBeUndefined();
      await sandbox.mustDel(call);
      expect(diffSnapshots(inPod, await sandbox.snapshot())).toEqual([]);
      await ipBatch(undefined, ["link del vethe4"]);
    },
  );
});
