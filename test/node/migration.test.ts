// From aws-cni's ENABLE_POD_ENI to branchline by the commands of docs/install.md: pods of both makers reach what their group
// may reach, all the while.
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../ground/index.ts";
import type { MigratingPod } from "./support/migrating-pod.ts";
import { Migrating } from "./support/migrating.ts";

const PAGE = readFileSync(path.resolve(import.meta.dirname, "../../docs/install.md"), "utf8");

/** The blocks of code of a section, in their order. */
function blocksOf(heading: string): string[] {
  const section = PAGE.split(/^## /m).find((one) => one.startsWith(`${heading}\n`));
  return [...(section ?? "").matchAll(/^ *```\w*\n(.*?)^ *```$/gms)].map(([, block = ""]) => block);
}

const values = /^```yaml\n# values\.yaml\n(.*?)^```$/ms.exec(PAGE)?.[1] ?? "";
const [install, disable, refuse, back, ...others] = blocksOf("Migrating from ENABLE_POD_ENI");

let node: Migrating;
const pods: MigratingPod[] = [];

beforeAll(async () => {
  node = await Migrating.open();
  node.writeValues(values);
  await node.installAwsNode();
  await node.type("kubectl rollout status daemonset/aws-node -n kube-system --timeout=120s");
}, 300_000);

afterAll(() => node[Symbol.asyncDispose]());

/** Starts a pod with a branch of its own, and waits until it has been answered. */
async function start(name: string, vlanId: number): Promise<MigratingPod> {
  const pod = await node.start(name, await node.branch(vlanId));
  pods.push(pod);
  await areAlive(1);
  return pod;
}

/** Each of the pods is answered, so many times from now on. */
async function areAlive(times = 3): Promise<void> {
  const wanted = new Map(pods.map((pod) => [pod, pod.answered + times]));
  for (const [pod, count] of wanted)
    await eventually(`${pod.name} is answered`, () => (pod.answered >= count ? true : undefined), 30_000);
}

async function end(pod: MigratingPod): Promise<void> {
  pods.splice(pods.indexOf(pod), 1);
  const { sent, lost } = await pod.end();
  expect(sent).toBeGreaterThan(0);
  // The last one may have been under way.
  expect({ pod: pod.name, lost: Math.max(lost - 1, 0) }).toEqual({ pod: pod.name, lost: 0 });
}

it("the page has a block of commands for each step, and for the way back", () => {
  expect([install, disable, refuse, back].map((block) => typeof block)).toEqual(Array(4).fill("string"));
  expect(others).toEqual([]);
  expect(values).toContain("registry.example/branchline");
});

it("pods of both makers live through every step, and end", { timeout: 600_000 }, async () => {
  const first = await start("first", 11);
  expect([first.maker, node.entry]).toEqual(["aws-cni", undefined]);

  await node.type(install ?? "");
  expect(node.entry).toMatchObject({ alreadyAttached: "pass" });
  const second = await start("second", 12);
  expect(second.maker).toBe("aws-cni");
  await areAlive();

  await node.type(disable ?? "");
  expect(await node.podEni()).toBe("false");
  const third = await start("third", 13);
  expect(third.maker).toBe("branchline");
  // One of aws-cni's ends, and its VLAN id is ours.
  await end(second);
  expect(second.maker).toBeUndefined();
  const again = await start("again", 12);
  expect(again.maker).toBe("branchline");

  await node.type(refuse ?? "");
  expect(node.entry).toMatchObject({ alreadyAttached: "refuse" });
  const fourth = await start("fourth", 14);
  expect(fourth.maker).toBe("branchline");
  expect(first.maker).toBe("aws-cni");
  await areAlive();

  await node.type(back ?? "");
  expect([await node.podEni(), node.entry?.["alreadyAttached"]]).toEqual(["true", "pass"]);
  const fifth = await start("fifth", 15);
  expect(fifth.maker).toBe("aws-cni");
  await areAlive();

  expect(await node.unprotected()).toEqual([]);
  for (let pod = pods[0]; pod !== undefined; pod = pods[0]) await end(pod);
  expect([first, third, again, fourth, fifth].map(({ maker }) => maker)).toEqual(Array(5).fill(undefined));
});
