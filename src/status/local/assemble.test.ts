import { describe, expect, it } from "vitest";
import { recordOf } from "../../../test/unit/record.ts";
import { styleOf } from "../../text/style.ts";
import { assembleNode } from "./assemble.ts";
import type { FoundInKernel, NodeFacts, RecordFact } from "./facts.ts";
import { nodeExitOf, nodeJsonOf } from "./json.ts";
import { nodeLinesOf } from "./text.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const MAC = "02:00:00:00:00:11";
const WHOLE: FoundInKernel = { differences: [], rules: { wanted: 3, found: 3 } };

function aRecord(
  vlan: number,
  fields: Parameters<typeof recordOf>[0] = {},
  more: Partial<RecordFact> = {},
): RecordFact {
  const pod = { namespace: "shop", name: `web-${vlan}`, uid: `uid-${vlan}` };
  const { steps: _, ...record } = recordOf({ vlanId: vlan, eniId: `eni-${vlan}`, pod, ...fields });
  const file = `${vlan}:c${vlan}:eth0.json`;
  return { file, vlan, writtenAt: NOW - 3_600_000, record, found: WHOLE, ...more };
}

function nodeOf(more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    now: NOW,
    stateProblem: { value: undefined },
    socketProblem: { value: undefined },
    trunk: { value: { mac: MAC, devices: [{ name: "eth1", mac: MAC, isUp: true }] } },
    records: { value: [aRecord(7)] },
    devices: { value: [] },
    localRules: {
      value: [
        { family: 4, place: "before" },
        { family: 6, place: "before" },
      ],
    },
    ...more,
  };
}

const told = (facts: NodeFacts) =>
  assembleNode(facts).problems.map(({ severity, kind, about, message }) => [severity, kind, about, message]);

const strict = aRecord(8, { datapath: "routed", mode: "strict" });

describe("a node", () => {
  it("has no problems when all is as the records say", () => expect(told(nodeOf())).toEqual([]));

  it.each<[string, Partial<NodeFacts>, readonly string[]]>([
    [
      "an unusable state directory",
      { stateProblem: { value: "/run/branchline is writable by others" } },
      ["problem", "StateUnusable", "the state directory", "/run/branchline is writable by others"],
    ],
    [
      "no rule for table local",
      { localRules: { value: [{ family: 4, place: "missing" }] } },
      [
        "problem",
        "LocalRuleMissing",
        "IPv4",
        "there is no rule for table local, so the node accepts no packets",
      ],
    ],
    [
      "the rule for table local before those of a strict pod",
      { records: { value: [strict] } },
      ["problem", "LocalRuleMissing", "IPv4", "the rule for table local is before those of strict mode"],
    ],
    [
      "no trunk",
      { trunk: { value: { mac: undefined, devices: [] } }, records: { value: [] } },
      ["warning", "TrunkMissing", "the trunk", "trunk.json is not there: no trunk is known"],
    ],
    [
      "a trunk without a device",
      { trunk: { value: { mac: MAC, devices: [{ name: "eth0", mac: "02:00:00:00:00:99", isUp: true }] } } },
      ["problem", "TrunkMissing", "the trunk", `no device has its MAC ${MAC}`],
    ],
    [
      "a trunk that only the record names, and that is down",
      { trunk: { value: { mac: undefined, devices: [{ name: "eth1", mac: MAC, isUp: false }] } } },
      ["problem", "TrunkMissing", "the trunk", "its device eth1 is down"],
    ],
    [
      "a record that cannot be read",
      { records: { value: [{ ...aRecord(7), record: { why: "it is no record" }, found: undefined }] } },
      ["problem", "RecordUnreadable", "7:c7:eth0.json", "it is no record"],
    ],
    [
      "a difference",
      {
        records: {
          value: [
            aRecord(
              7,
              {},
              { found: { differences: ["on the node: rule x is missing"], rules: { wanted: 3, found: 2 } } },
            ),
          ],
        },
      },
      ["problem", "RecordDiffers", "shop/web-7", "on the node: rule x is missing"],
    ],
    [
      "a silent agent",
      { socketProblem: { value: "there is no agent.sock" } },
      ["problem", "AgentSilent", "the agent", "there is no agent.sock"],
    ],
    [
      "a pod that is gone",
      { records: { value: [aRecord(7, {}, { found: undefined })] } },
      ["warning", "SandboxGone", "shop/web-7", "its network namespace is gone, and DEL has not come"],
    ],
    [
      "a device of nobody",
      {
        devices: {
          value: [
            { name: "vlan.eth.7", vlan: 7, isUp: true },
            { name: "vlan.eth.9", vlan: 9, isUp: true },
          ],
        },
      },
      ["warning", "DeviceWithoutRecord", "vlan.eth.9", "VLAN id 9: it is aws-cni's, or was left behind"],
    ],
  ])("with %s has that problem and no other", (_what, more, expected) =>
    expect(told(nodeOf(more))).toEqual([expected]),
  );

  it("of which two records claim one branch has two holders of each of its ids", () => {
    const other = { ...aRecord(7, { eniId: "eni-7", containerId: "d" }), file: "7:d:eth0.json" };
    expect(told(nodeOf({ records: { value: [aRecord(7), other] } }))).toEqual([
      ["problem", "VlanTwice", "VLAN id 7", "it is of shop/web-7 and shop/web-7"],
      ["problem", "VlanTwice", "eni-7", "it is of shop/web-7 and shop/web-7"],
    ]);
  });

  it("does not call a difference wrong while an ADD may be under way", () => {
    const found = { differences: ["x"], rules: { wanted: 1, found: 0 } };
    const facts = nodeOf({ records: { value: [aRecord(7, {}, { writtenAt: NOW - 5_000, found })] } });
    expect(assembleNode(facts)).toMatchObject({ problems: [], records: [{ state: "changing" }] });
  });

  it("is fine for strict pods once the rule is behind theirs, and only for their families", () => {
    const place = (four: "before" | "behind") =>
      told(
        nodeOf({
          records: { value: [strict] },
          localRules: {
            value: [
              { family: 4, place: four },
              { family: 6, place: "before" },
            ],
          },
        }),
      );
    expect(place("behind")).toEqual([]);
    expect(place("before")).toHaveLength(1);
  });

  it("that could not be looked at is not fine", () => {
    const missing = { missing: "EACCES" };
    const facts = nodeOf({ records: missing, trunk: missing, localRules: missing, socketProblem: missing });
    const node = assembleNode(facts);
    expect([node.problems, nodeExitOf(node), node.agent]).toEqual([[], 3, "unknown"]);
    expect(node.gaps).toEqual(["EACCES", "EACCES", "EACCES", "EACCES"]);
  });
});

it("is printed for people", () => {
  const value = [
    aRecord(12, { datapath: "routed", mode: "strict" }),
    aRecord(7),
    aRecord(8, {}, { found: undefined }),
  ];
  const facts = nodeOf({ records: { value }, socketProblem: { value: "there is no agent.sock" } });
  const text = [...nodeLinesOf(assembleNode(facts), { style: styleOf(false), width: undefined })].join("\n");
  expect(text).toBe(`problem  Rules for table local (1)
         IPv4: the rule for table local is before those of strict mode

problem  The agent (1)
         the agent: there is no agent.sock

warning  Pods that are gone (1)
         shop/web-8: its network namespace is gone, and DEL has not come

Trunk: eth1, up, ${MAC}
Agent: silent

Records
POD          VLAN  BRANCH  DATAPATH       ADDRESSES  RULES   STATE
shop/web-7   7     eni-7   direct         10.0.0.20  3 of 3  whole
shop/web-8   8     eni-8   direct         10.0.0.20  -       gone
shop/web-12  12    eni-12  routed strict  10.0.0.20  3 of 3  whole

3 records on this node: 2 problems, 1 warning`);
});

it("is JSON for scripts", () => {
  const json = [...nodeJsonOf(assembleNode(nodeOf()), { branchline: "0.1.0" })].join("");
  expect(JSON.parse(json)).toEqual({
    version: 1,
    branchline: "0.1.0",
    at: "2026-11-28T12:00:00.000Z",
    place: "node",
    exit: 0,
    trunk: { mac: MAC, device: "eth1", up: true },
    agent: "answers",
    problems: [],
    unknown: [],
    records: [
      {
        file: "7:c7:eth0.json",
        vlan: 7,
        state: "whole",
        eni: "eni-7",
        pod: { namespace: "shop", name: "web-7", uid: "uid-7" },
        container: "c1",
        interface: "eth0",
        addresses: ["10.0.0.20"],
        datapath: "direct",
        rules: { wanted: 3, found: 3 },
        differences: [],
      },
    ],
    devicesWithoutRecord: [],
  });
});
