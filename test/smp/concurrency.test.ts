// Many calls at the same time: 30 pods on one trunk, two sandboxes of one pod, and a call that does not let go.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AttachmentStore, LOCK_WAIT_MS, STATE_DIRECTORY } from "../../src/state/store.ts";
import { type Clock, systemClock } from "../../src/sys/clock.ts";
import { lockFile } from "../../src/sys/lock.ts";
import {
  deleteNetns,
  diffSnapshots,
  exec,
  ipBatch,
  ipJson,
  mustExec,
  netnsPath,
  Pod,
  settled,
  snapshot,
  writeConflist,
  type Branch,
  type CniAnswer,
} from "../ground/index.ts";
import { flowsOf, sumFlows } from "../../src/simulator/data-plane/counters.ts";
import { plainNode } from "../kernel/faults/aftermath.ts";
import { call, callExecutable, mustCall } from "../kernel/faults/plugin.ts";
import { Before, Setting, recordsIn } from "../kernel/faults/setting.ts";
import { changes, viewOf } from "../kernel/faults/view.ts";

const COUNT = 30;
/** Half a minute in a guest that has two processors to itself; many times that in one that shares them. */
const PATIENCE = 300_000;
/** Behind every router: a packet to there is one that the pod's gateway took. */
const FAR = { 4: "198.51.100.9", 6: "2001:db8:ffff::9" } as const;

let setting: Setting;

beforeAll(async () => {
  setting = await Setting.open();
  new AttachmentStore(STATE_DIRECTORY, systemClock).prepare();
});

afterAll(() => setting.close());

/** Pods in namespaces of their own, each with a branch of its own; cheaper together than one by one. */
async function manyPods(): Promise<(Pod & { readonly branch: Branch })[]> {
  const { vpc } = setting;
  const numbers = Array.from({ length: COUNT }, (_, i) => i + 1);
  const branches = await vpc.attachBranches(
    numbers.map((n) => ({
      vlanId: 10 + n,
      ipv4: `10.0.0.${100 + n}`,
      ipv6: `2001:db8:1::${100 + n}`,
      groups: ["node"],
    })),
  );
  const network = await writeConflist(path.join(setting.scratch, "many"), { primary: "aws" });
  const pods = branches.map((branch, i) =>
    Object.assign(new Pod({ vpc, network, name: `many-${i + 1}`, branch }), { branch }),
  );
  await ipBatch(
    undefined,
    pods.map(({ netns }) => `netns add ${netns}`),
  );
  // As a runtime does; the kernel's own address of lo stays when it is set down again.
  await Promise.all(pods.map(({ netns }) => ipBatch(netns, ["link set lo up"])));
  for (const [i, pod] of pods.entries()) {
    const file = path.join(network.addressDir, `${pod.namespace}.${pod.name}`);
    await writeFile(file, `10.0.0.${150 + i}\n2001:db8:1::${150 + i}\n`);
  }
  return pods;
}

function errorsOf(answers: readonly CniAnswer[]): string[] {
  return answers.flatMap(({ status, error }, i) => (status === 0 ? [] : [`pod ${i + 1}: ${error}`]));
}

test(`${COUNT} ADDs at once on one trunk, and ${COUNT} DELs`, { timeout: 3 * PATIENCE }, async () => {
  const pods = await manyPods();
  const before = await snapshot();
  const views = pods.map(({ netns }) => viewOf(netnsPath(netns)));
  const timing = { timeout: PATIENCE };

  const started = Date.now();
  const added = await Promise.all(pods.map((pod) => pod.add(timing)));
  console.log(`${COUNT} ADDs: ${Date.now() - started} ms`);
  expect(errorsOf(added)).toEqual([]);
  expect(recordsIn(STATE_DIRECTORY)).toHaveLength(COUNT);

  // In the pods: each its own device and addresses, and no other VLAN device at all.
  const found = pods.map(({ netns }) => viewOf(netnsPath(netns)));
  expect(found.map((view) => view.filter((line) => /^link .* vlan /.test(line)))).toEqual(
    pods.map(({ branch }) => [`link eth0 ${branch.mac} mtu 9001 vlan ${branch.vlanId} up`]),
  );
  expect(
    found.map((view) =>
      view.filter((line) => /^address .* dev eth0 /.test(line)).map((line) => line.split(" ")[1]),
    ),
  ).toEqual(pods.map(({ branch }) => [`${branch.ipv4}/24`, `${branch.ipv6}/128`].sort()));

  // On the node: each table and each rule of the one pod that it is for, and the route in it by its own veth.
  const [rules4, rules6] = await Promise.all([hostRules("-4"), hostRules("-6")]);
  expect(rules4).toEqual(pods.map(({ branch }) => `${branch.ipv4} ${100 + branch.vlanId}`).sort());
  expect(rules6).toEqual(pods.map(({ branch }) => `${branch.ipv6} ${100 + branch.vlanId}`).sort());
  const [routes4, routes6] = await Promise.all([hostRoutes("-4"), hostRoutes("-6")]);
  const veths = pods.map(({ result }) => result?.interfaces?.[0]?.name ?? "none");
  expect(new Set(veths).size).toBe(COUNT);
  expect(routes4).toEqual(
    pods.map(({ branch }, i) => `${branch.ipv4} ${veths[i]} ${100 + branch.vlanId}`).sort(),
  );
  expect(routes6).toEqual(
    pods.map(({ branch }, i) => `${branch.ipv6} ${veths[i]} ${100 + branch.vlanId}`).sort(),
  );

  // Each by its own gateway, with the MAC and the address that EC2 expects of it.
  await setting.vpc.forget();
  await Promise.all(
    pods.map(({ netns }) =>
      exec(netns, ["sh", "-c", `ping -n -c 1 -W 1 ${FAR[4]} & ping -6 -n -c 1 -W 1 ${FAR[6]}; wait`]),
    ),
  );
  const { stdout } = await mustExec(setting.vpc.netns, ["nft", "-j", "list", "table", "inet", "vpc"]);
  const flows = flowsOf(stdout);
  const seen = (pod: { branch: Branch }, family: 4 | 6) => {
    const from = family === 4 ? pod.branch.ipv4 : pod.branch.ipv6;
    const { sent, spoofed } = sumFlows(flows, pod.branch.device, { to: FAR[family] });
    const own = from === undefined ? 0 : sumFlows(flows, pod.branch.device, { to: FAR[family], from }).sent;
    return { sent: sent > 0 && sent === own, spoofed };
  };
  for (const family of [4, 6] as const) {
    expect(pods.map((pod) => seen(pod, family))).toEqual(pods.map(() => ({ sent: true, spoofed: 0 })));
  }

  const ending = Date.now();
  const deleted = await Promise.all(pods.map((pod) => pod.del(timing)));
  console.log(`${COUNT} DELs: ${Date.now() - ending} ms`);
  expect(errorsOf(deleted)).toEqual([]);
  expect(recordsIn(STATE_DIRECTORY)).toEqual([]);
  expect(diffSnapshots(before, await snapshot())).toEqual([]);
  const left = pods.flatMap(({ name, netns }, i) =>
    changes(views[i] ?? [], viewOf(netnsPath(netns))).map((line) => `${name}: ${line}`),
  );
  expect(left).toEqual([]);
  for (const { netns } of pods) await deleteNetns(netns);
  await setting.vpc.detachBranch(...pods.map(({ branch }) => branch));
  await settled(undefined, before);
});

/** `address table` of the rules for what the node sends. */
async function hostRules(family: "-4" | "-6"): Promise<string[]> {
  const rules = await ipJson<{ priority: number; dst?: string; iif?: string; table: string }>(
    undefined,
    family,
    "rule",
    "show",
  );
  return rules
    .filter(({ priority, iif }) => priority === 512 && iif === "lo")
    .map(({ dst, table }) => `${dst} ${table}`)
    .sort();
}

/** `address device table` of the routes in the tables of VLAN ids. */
async function hostRoutes(family: "-4" | "-6"): Promise<string[]> {
  const routes = await ipJson<{ dst: string; dev?: string; table?: string }>(
    undefined,
    family,
    "route",
    "show",
    "table",
    "all",
  );
  return routes
    .filter(({ table }) => Number(table) > 100)
    .map(({ dst, dev, table }) => `${dst} ${dev} ${table}`)
    .sort();
}

test("two sandboxes of one pod ask for its VLAN at once: the last one has it, whole", async () => {
  const sandboxes = [await setting.sandbox("first", 50), await setting.sandbox("second", 51)];
  const before = new Before(sandboxes);
  const node = plainNode(STATE_DIRECTORY);
  for (let round = 1; round <= 2; round += 1) {
    const answers = await Promise.all(sandboxes.map((sandbox) => callExecutable("ADD", sandbox)));
    expect(answers).toMatchObject([{ status: 0 }, { status: 0 }]);

    const records = recordsIn(STATE_DIRECTORY);
    expect(records).toHaveLength(1);
    const owner = sandboxes.findIndex(({ containerId }) => records[0]?.includes(containerId));
    const [winner, loser] = [sandboxes[owner], sandboxes[1 - owner]];
    const result = answers[owner]?.result;
    if (winner === undefined || loser === undefined || result === undefined)
      throw new Error(`whose is ${records[0]}?`);
    await mustCall(node, "CHECK", { ...winner, prevResult: result });
    // What the other one had is taken back, and its DEL has nothing to take from the owner.
    expect(before.differences().filter((line) => line.startsWith(`${loser.netns}: `))).toEqual([]);
    await mustCall(node, "DEL", loser);
    await mustCall(node, "CHECK", { ...winner, prevResult: result });
    await mustCall(node, "DEL", winner);
    before.expectAgain(`round ${round}`, STATE_DIRECTORY);
  }
});

test("a call that does not let go of a VLAN id: the others give up with code 11, and change nothing", async () => {
  const sandbox = await setting.sandbox("waiting", 52);
  const before = new Before([sandbox]);
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: (milliseconds) => {
      now += milliseconds;
    },
  };
  const waiting = { store: new AttachmentStore(STATE_DIRECTORY, clock), clock };
  const file = path.join(STATE_DIRECTORY, "locks", `vlan-${setting.branch.vlanId}`);
  const refusal = {
    status: 1,
    code: 11,
    msg: `VLAN id ${setting.branch.vlanId} is still being worked on by another call after 30 s`,
  };
  {
    using held = lockFile(file, 0, systemClock);
    expect(held).toBeDefined();
    expect(await call(waiting, "ADD", sandbox)).toMatchObject(refusal);
    expect(now).toBeGreaterThanOrEqual(LOCK_WAIT_MS);
    expect(now).toBeLessThan(LOCK_WAIT_MS + 100);
    before.expectAgain("ADD given up", STATE_DIRECTORY);
  }
  const { result } = await mustCall(waiting, "ADD", sandbox);
  if (result === undefined) throw new Error("ADD answered nothing");
  const record = path.join(STATE_DIRECTORY, "attachments", recordsIn(STATE_DIRECTORY)[0] ?? "none");
  const written = await readFile(record, "utf8");
  {
    using held = lockFile(file, 0, systemClock);
    expect(held).toBeDefined();
    expect(await call(waiting, "DEL", sandbox)).toMatchObject(refusal);
  }
  expect(await readFile(record, "utf8")).toBe(written);
  await mustCall(waiting, "CHECK", { ...sandbox, prevResult: result });
  await mustCall(waiting, "DEL", sandbox);
  before.expectAgain("DEL given up, then done", STATE_DIRECTORY);
});
