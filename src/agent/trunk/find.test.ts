import { describe, expect, it } from "vitest";
import { type Sources, findTrunk } from "./find.ts";
import { trunksIn } from "./sources.ts";

const away: Sources = {
  flag: undefined,
  cniNode: { problem: "the CNINode has no status.trunkInterface" },
  annotation: { problem: "the node has no annotation branchline.dev/trunk" },
  introspection: { problem: "aws-node's introspection does not say: ECONNREFUSED" },
  metadata: { problem: "instance metadata does not say: no answer" },
};
const metadata = {
  found: new Map([
    ["eni-0a", "02:AA:00:00:00:01"],
    ["eni-0b", "02:bb:00:00:00:02"],
  ]),
};

describe("findTrunk", () => {
  it.each<[string, Partial<Sources>, object]>([
    [
      "the flag, against all others",
      {
        flag: { found: { mac: "02:CC:00:00:00:03" } },
        cniNode: { found: { id: "eni-0a", mac: "02:aa:00:00:00:01" } },
      },
      { eniId: undefined, mac: "02:cc:00:00:00:03" },
    ],
    [
      "the CNINode with its MAC",
      { cniNode: { found: { id: "eni-0a", mac: "02:AA:00:00:00:01" } } },
      { eniId: "eni-0a", mac: "02:aa:00:00:00:01" },
    ],
    [
      "the CNINode without a MAC, and metadata",
      { cniNode: { found: { id: "eni-0b", mac: undefined } }, metadata },
      { eniId: "eni-0b", mac: "02:bb:00:00:00:02" },
    ],
    [
      "the annotation and metadata",
      { annotation: { found: "eni-0a" }, metadata },
      { eniId: "eni-0a", mac: "02:aa:00:00:00:01" },
    ],
    [
      "aws-node and metadata",
      { introspection: { found: ["eni-0b"] }, metadata },
      { eniId: "eni-0b", mac: "02:bb:00:00:00:02" },
    ],
    [
      "the next source when metadata lags for the first",
      { annotation: { found: "eni-0c" }, introspection: { found: ["eni-0b"] }, metadata },
      { eniId: "eni-0b", mac: "02:bb:00:00:00:02" },
    ],
  ])("%s", (_what, sources, found) => expect(findTrunk({ ...away, ...sources })).toEqual({ found }));

  it("says what was tried", () =>
    expect(findTrunk(away)).toEqual({
      problem:
        "no trunk yet: the CNINode has no status.trunkInterface; the node has no annotation branchline.dev/trunk; aws-node's introspection does not say: ECONNREFUSED",
    }));

  it.each<[Partial<Sources>, string]>([
    [
      { annotation: { found: "eni-0c" }, metadata },
      "the annotation branchline.dev/trunk names eni-0c, whose MAC is not known: instance metadata does not show it yet",
    ],
    [
      { annotation: { found: "eni-0c" } },
      "whose MAC is not known: instance metadata does not say: no answer",
    ],
    [{ introspection: { found: [] }, metadata }, "aws-node names no trunk"],
    [{ introspection: { found: ["eni-0a", "eni-0b"] }, metadata }, "aws-node names eni-0a, eni-0b"],
    [
      { flag: { problem: "--trunk-interface ens9: there is no such interface" } },
      "--trunk-interface ens9: there is no such interface",
    ],
    [{ flag: { found: { mac: "02:cc" } } }, 'the flag gives the trunk the MAC "02:cc", which is none'],
    [
      { cniNode: { found: { id: "eni-0a", mac: "x" } } },
      'the CNINode gives the trunk the MAC "x", which is none',
    ],
  ])("%j", (sources, problem) => {
    const found = findTrunk({ ...away, ...sources });
    expect(found).toMatchObject({ problem: expect.stringContaining(problem) as string });
  });
});

describe("aws-node's answer", () => {
  const enis = {
    "eni-0aaaaaaaaaaaaaaaa": {
      ID: "eni-0aaaaaaaaaaaaaaaa",
      IsPrimary: true,
      IsTrunk: false,
      DeviceNumber: 0,
    },
    "eni-0bbbbbbbbbbbbbbbb": {
      ID: "eni-0bbbbbbbbbbbbbbbb",
      IsPrimary: false,
      IsTrunk: true,
      DeviceNumber: 1,
    },
  };
  it.each<[string, unknown, string[]]>([
    ["of one network card", { TotalIPs: 10, AssignedIPs: 1, ENIs: enis }, ["eni-0bbbbbbbbbbbbbbbb"]],
    ["of several", { "0": { ENIs: enis }, "1": { ENIs: {} } }, ["eni-0bbbbbbbbbbbbbbbb"]],
    ["as a list", [{ ENIs: Object.values(enis) }], ["eni-0bbbbbbbbbbbbbbbb"]],
    ["without ENIs", { ENIs: null }, []],
    ["of another service", { IsTrunk: true, ID: 5 }, []],
    ["with an id that is none", { IsTrunk: true, ID: "eni-../x" }, []],
  ])("%s", (_what, value, expected) => expect(trunksIn(value)).toEqual(expected));
});
