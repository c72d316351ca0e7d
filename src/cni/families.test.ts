import { describe, expect, it } from "vitest";
import { wantedFamilies } from "./result.ts";
import type { JsonObject } from "../text/json.ts";
import { requirePrevResult } from "./prevresult.ts";

const host = { name: "eni1234" };
const eth0 = { name: "eth0", mac: "1", sandbox: "/run/netns/pod" };
const four = { address: "10.0.0.50/32" };
const six = { address: "fd00:1::20/128" };

function of(previous: JsonObject, families?: readonly (4 | 6)[]) {
  const result = requirePrevResult({ prevResult: { cniVersion: "1.0.0", ...previous } }, "1.0.0");
  return wantedFamilies(result, "eth0", families);
}

const interfaces = [host, eth0];

describe("the families of a branch", () => {
  it.each([
    ["IPv4", { interfaces, ips: [{ ...four, interface: 1 }] }, [4]],
    ["IPv6", { interfaces, ips: [{ ...six, interface: 1 }] }, [6]],
    [
      "both, in whatever order",
      {
        interfaces,
        ips: [
          { ...six, interface: 1 },
          { ...four, interface: 1 },
        ],
      },
      [4, 6],
    ],
    ["without an index: of the pod's interface", { interfaces, ips: [six] }, [6]],
    [
      "not those of egress-cni's interface",
      {
        interfaces: [...interfaces, { name: "vethe4" }, { name: "v4if0", sandbox: "/run/netns/pod" }],
        ips: [
          { ...six, interface: 1 },
          { address: "169.254.172.5/22", interface: 3 },
        ],
      },
      [6],
    ],
    [
      "not those of the node's interface of that name",
      {
        interfaces: [{ name: "eth0" }, eth0],
        ips: [
          { ...four, interface: 0 },
          { ...six, interface: 1 },
        ],
      },
      [6],
    ],
  ])("are those that the primary gave the pod's interface: %s", (_what, previous, families) => {
    expect(of(previous).map(({ family }) => family)).toEqual(families);
  });

  it("each names who wants it", () => {
    expect(of({ interfaces, ips: [four] })).toEqual([
      { family: 4, because: "the primary gave eth0 10.0.0.50/32" },
    ]);
    expect(of({ interfaces, ips: [four] }, [4, 6])).toEqual([
      { family: 4, because: 'families ["4","6"] asks for IPv4' },
      { family: 6, because: 'families ["4","6"] asks for IPv6' },
    ]);
  });

  it("the entry's are asked for whatever the primary has", () => {
    expect(of({ interfaces }, [6]).map(({ family }) => family)).toEqual([6]);
  });

  it.each([
    ["no address at all", { interfaces }],
    ["one of another interface", { interfaces, ips: [{ ...four, interface: 0 }] }],
    ["one of none", { interfaces, ips: [{ ...four, interface: 9 }] }],
  ])("are not guessed: %s", (_what, previous) => {
    expect(() => of(previous)).toThrow(
      /prevResult has no address of interface "eth0".* or the entry must set families/,
    );
  });

  it("a primary that made no interface is no primary", () => {
    expect(() => of({ interfaces: [host], ips: [four] })).toThrow(/no interface "eth0" in a sandbox/);
  });
});
