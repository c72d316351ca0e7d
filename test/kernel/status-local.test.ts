// `branchline status --local`: what it says of attached pods, whole and broken by hand.
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../src/state/store.ts";
import { trunkFile } from "../../src/state/trunk.ts";
import { assembleNode } from "../../src/status/local/assemble.ts";
import { readNode } from "../../src/status/local/read.ts";
import { ipBatch, snapshot } from "../ground/index.ts";
import { annotationOf, createSandbox, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let direct: Sandbox;
let strict: Sandbox;

beforeAll(async () => {
  direct = await createSandbox(ground, {
    name: "direct",
    primary: "veth",
    addresses: ["10.0.0.50"],
    branch: annotationOf({ vlanId: 7, ipv4: "10.0.0.20" }),
  });
  strict = await createSandbox(ground, {
    name: "strict",
    primary: "veth",
    addresses: ["10.0.0.51"],
    branch: annotationOf({ vlanId: 8, ipv4: "10.0.0.21" }),
    settings: { datapath: "routed", podSGEnforcingMode: "strict" },
  });
  await direct.mustAdd();
  await strict.mustAdd();
  const { mac } = ground.vpc.trunk;
  writeFileSync(trunkFile(STATE_DIRECTORY), JSON.stringify({ eniId: "eni-1", mac }), { mode: 0o600 });
});

afterAll(async () => {
  await strict.mustDel();
  await direct.mustDel();
  await strict.remove();
  await direct.remove();
});

/** Later than any ADD: what differs then is not on its way. */
function told() {
  const { records, problems, gaps, trunk } = assembleNode(readNode(STATE_DIRECTORY, Date.now() + 60_000));
  return {
    records: records.map(({ vlan, state, record, rules }) => [vlan, record?.datapath, state, rules]),
    // There is no agent here.
    problems: problems
      .filter(({ kind }) => kind !== "AgentSilent")
      .map(({ kind, message }) => `${kind}: ${message}`),
    gaps,
    trunk,
  };
}

test("whole: the devices, the rules, the trunk", async () => {
  const before = await snapshot();
  const { records, problems, gaps, trunk } = told();
  expect(records).toEqual([
    [7, "direct", "whole", { wanted: expect.any(Number), found: expect.any(Number) }],
    [8, "routed", "whole", { wanted: 2, found: 2 }],
  ]);
  expect([problems, gaps]).toEqual([[], []]);
  expect(trunk).toMatchObject({ isUp: true, device: expect.any(String) });
  // It has changed nothing.
  expect(await snapshot()).toEqual(before);
});

test("broken by hand: the pod, and what differs", async () => {
  await ipBatch(undefined, ["rule del pref 10 iif vlan.eth.8"]);
  try {
    const { records, problems } = told();
    expect(records.map(([vlan, , state]) => [vlan, state])).toEqual([
      [7, "whole"],
      [8, "differs"],
    ]);
    expect(problems).toEqual([
      expect.stringMatching(/^RecordDiffers: on the node: rule "10: .*iif vlan\.eth\.8.*" is missing$/),
    ]);
  } finally {
    await ipBatch(undefined, ["rule add pref 10 iif vlan.eth.8 lookup 108"]);
  }
  await ipBatch(direct.netns, ["link set eth0 down"]);
  expect(told().problems).toContainEqual("RecordDiffers: in the pod: device eth0 is down");
});
