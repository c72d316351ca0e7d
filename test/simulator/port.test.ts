import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { Budgets } from "../../src/ec2/budget.ts";
import type { Timer } from "../../src/sys/timer.ts";
import { Ec2Port } from "../../src/ec2/port.ts";
import { readFault } from "../../src/simulator/model/faults.ts";
import { changeSettings } from "../../src/simulator/model/settings.ts";
import { emptyWorld } from "../../src/simulator/model/world.ts";
import { start } from "../../src/simulator/start.ts";
import type { Running } from "../../src/simulator/start.ts";
import { EXAMPLE, applyWorldFile } from "../../src/simulator/world-file.ts";

const clock: Timer = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
};
const { signal } = new AbortController();
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function ground(): Promise<{ port: Ec2Port; running: Running; subnet: string; instance: string }> {
  const running = await start({
    listen: "127.0.0.1:0",
    metadataListen: "127.0.0.1:0",
    makeWorld(now) {
      const world = emptyWorld(1);
      applyWorldFile(world, EXAMPLE, now);
      changeSettings(world.settings, {
        throttling: false,
        attachSeconds: 0,
        detachSeconds: 0,
        instanceSeconds: 0,
      });
      return world;
    },
    log: () => {},
  });
  const port = portTo(running.ec2);
  cleanups.push(() => running.stop());
  const { world } = running.simulator();
  // The instances were made before the settings: they are running a second later.
  running.simulator().advance(running.now() + 1001);
  return {
    port,
    running,
    subnet: [...world.subnets.keys()][0] ?? "",
    instance: [...world.instances.keys()][0] ?? "",
  };
}

function portTo(endpoint: string): Ec2Port {
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const port = new Ec2Port({ budgets: new Budgets(clock), region: "us-east-1", endpoint, credentials });
  cleanups.push(() => port.close());
  return port;
}

const wanted = (subnet: string, token: string) => ({
  subnet,
  groups: [],
  description: "of a test",
  tags: { a: "" },
  token,
});

test("a trunk and a branch, from nothing and back", async () => {
  const { port, subnet, instance } = await ground();
  expect(await port.trunkRefusal(subnet, signal)).toBeUndefined();
  const trunk = await port.createTrunk(wanted(subnet, "trunk"), signal);
  expect(trunk).toMatchObject({ type: "trunk", status: "pending", tags: { a: "" } });
  const attachment = await port.attach(trunk.id, instance, 2, signal);
  await port.deleteOnTermination(trunk.id, attachment, signal);
  const branch = await port.createBranch(wanted(subnet, "branch"), signal);
  const made = await port.associate({ branch: branch.id, trunk: trunk.id, vlan: 7, token: "a" }, signal);
  expect(await port.associations(signal)).toEqual([{ ...made, branch: branch.id, trunk: trunk.id, vlan: 7 }]);
  const [shown] = await port.interfaces({ "network-interface-id": [branch.id] }, signal);
  expect(shown).toEqual({ ...branch, type: "branch", status: "in-use" });
  expect((await port.instances([instance], signal))[0]?.interfaces).toMatchObject([
    { type: "interface", deviceIndex: 0 },
    { id: trunk.id, type: "trunk", deviceIndex: 2 },
  ]);
  await port.disassociate(made.id, "b", signal);
  await port.deleteInterface(branch.id, signal);
  await port.detach(attachment, signal);
  await expect
    .poll(() =>
      port.deleteInterface(trunk.id, signal).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  expect(await port.interfaces({ "tag-key": ["a"] }, signal)).toEqual([]);
});

test("more interfaces than a page come whole", async () => {
  const { port, running, subnet } = await ground();
  for (let i = 0; i < 1005; i++) {
    running
      .simulator()
      .execute(
        "CreateNetworkInterface",
        { Version: "2016-11-15", SubnetId: subnet, Description: "many" },
        running.now(),
      );
  }
  const found = await port.interfaces({ description: ["many"] }, signal);
  expect(new Set(found.map(({ id }) => id)).size).toBe(1005);
});

test.for([
  ["RequestLimitExceeded", "throttled"],
  ["InternalError", "retry"],
  ["InsufficientFreeAddressesInSubnet", "wait"],
  ["UnauthorizedOperation", "denied"],
  ["SecurityGroupsPerInterfaceLimitExceeded", "invalid"],
  ["InvalidSubnetID.NotFound", "gone"],
  ["UnknownParameter", "bug"],
] as const)("%s is %s", async ([code, kind]) => {
  const { port, running, subnet } = await ground();
  running.simulator().faults.push(readFault({ code, message: "as told", count: 1 }));
  const failure = await port.createBranch(wanted(subnet, "t"), signal).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "Ec2CallError", kind, code, action: "CreateNetworkInterface" });
  expect(failure).toHaveProperty("requestId", expect.stringMatching(/^[0-9a-f-]{36}$/));
  // Nothing was tried again behind our back: the next call is the first to succeed.
  expect(running.simulator().faults).toEqual([]);
  await port.createBranch(wanted(subnet, "t"), signal);
});

test("an account without trunks is told apart before anything is made", async () => {
  const { port, running, subnet } = await ground();
  changeSettings(running.simulator().world.settings, { trunksAllowed: false });
  const refusal = await port.trunkRefusal(subnet, signal);
  expect(refusal?.message).toContain("Invalid value 'trunk' for InterfaceType");
});

test("nobody who answers is retry; an aborted call rejects with the signal's reason", async () => {
  const { port, running, subnet } = await ground();
  const gone = portTo("http://127.0.0.1:1");
  await expect(gone.subnets({}, signal)).rejects.toMatchObject({ kind: "retry", code: "ECONNREFUSED" });
  changeSettings(running.simulator().world.settings, { latencyMs: { "*": [5000, 5000] } });
  const reason = new Error("enough");
  const controller = new AbortController();
  const call = port.createBranch(wanted(subnet, "t"), controller.signal);
  setTimeout(() => controller.abort(reason), 50);
  await expect(call).rejects.toBe(reason);
});
