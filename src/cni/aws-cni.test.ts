import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeRule } from "../netlink/route/rule.ts";
import { isIpamdDown, rulesOfAwsCni, vethsOfAwsCni } from "./aws-cni.ts";
import type { JsonObject } from "../text/json.ts";
import { requirePrevResult } from "./prevresult.ts";

const veth = { name: "enicc21c2d7785" };
const sandbox = "/run/netns/pod";

/** As aws-cni 1.23 prints it for a regular pod. */
function resultOf({ table = "254", device = "0", vlan = "0", ...more }: Record<string, unknown> = {}) {
  return {
    cniVersion: "1.0.0",
    interfaces: [
      veth,
      { name: "eth0", mac: table, sandbox },
      { name: "dummycc21c2d7785", mac: vlan, sandbox: device },
    ],
    ips: [{ interface: 1, address: "10.0.0.50/32" }],
    ...more,
  } as JsonObject;
}

const rules = (result: JsonObject) =>
  rulesOfAwsCni(requirePrevResult({ prevResult: result }, "1.0.0")).map(describeRule);

describe("rulesOfAwsCni", () => {
  const toPod = "512: from all to 10.0.0.50/32 lookup 254";

  it.each([
    ["the primary ENI's address", {}, [toPod]],
    ["the primary ENI's, counted from 1", { table: "1" }, [toPod]],
    ["a secondary ENI's", { table: "3", device: "2" }, [toPod, "1536: from 10.0.0.50/32 lookup 3"]],
    ["before 1.20, the primary ENI's", { table: "" }, [toPod]],
    [
      "before 1.20, a secondary ENI's",
      { table: "", device: "2" },
      [toPod, "1536: from 10.0.0.50/32 lookup 3"],
    ],
    ["a MAC: another plugin's way to fill that field", { table: "02:b1:00:00:00:07" }, []],
    ["a branch that aws-cni attached itself", { vlan: "7" }, []],
    ["no device number", { table: "", device: "" }, []],
    ["nonsense", { table: "1e3" }, []],
    ["an address of no interface", { ips: [{ address: "10.0.0.50/32" }] }, []],
    ["an address of an interface outside", { ips: [{ interface: 9, address: "10.0.0.50/32" }] }, []],
    ["an address of the node's own interface", { ips: [{ interface: 0, address: "10.0.0.50/32" }] }, []],
    [
      "IPv6, in another spelling and with a subnet's length",
      { ips: [{ interface: 1, address: "2001:DB8:0::50/64" }] },
      ["512: from all to 2001:db8::50/128 lookup 254"],
    ],
  ])("%s", (_what, fields, expected) => {
    expect(rules(resultOf(fields))).toEqual(expected);
  });

  it("has those of every network card", () => {
    const result = resultOf({
      interfaces: [
        veth,
        { name: "eth0", mac: "254", sandbox },
        { name: "enia0b7655f3c9" },
        { name: "mNicIf1", mac: "10101", sandbox },
        { name: "dummycc21c2d7785", mac: "0", sandbox: "0" },
      ],
      ips: [
        { interface: 1, address: "10.0.0.50/32" },
        { interface: 3, address: "10.0.1.51/32" },
      ],
    });
    expect(vethsOfAwsCni(requirePrevResult({ prevResult: result }, "1.0.0"))).toEqual([
      "enicc21c2d7785",
      "enia0b7655f3c9",
    ]);
    expect(rules(result)).toEqual([
      toPod,
      "512: from all to 10.0.1.51/32 lookup 254",
      "1536: from 10.0.1.51/32 lookup 10101",
    ]);
  });

  it("has none for another plugin's result", () => {
    const interfaces = [veth, { name: "eth0", mac: "02:b1:00:00:00:07", sandbox }];
    expect(rules(resultOf({ interfaces }))).toEqual([]);
    expect(rules({ cniVersion: "1.0.0" })).toEqual([]);
  });
});

describe("isIpamdDown", () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(path.join(tmpdir(), "aws-node-"));
    mkdirSync(path.join(scratch, "aws-node"));
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  const socket = (flags: string, file: string) =>
    `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 18435 /run/systemd/private
0000000000000000: 00000002 00000000 ${flags} 0001 01 24117${file === "" ? "" : ` ${file}`}
`;

  it.each([
    ["it listens", socket("00010000", "/var/run/aws-node/ipamd.sock"), false],
    ["it listens, by the path's other name", socket("00010000", "/run/aws-node/ipamd.sock"), false],
    ["only a connection of it is left", socket("00000000", "/var/run/aws-node/ipamd.sock"), true],
    ["somebody else listens", socket("00010000", "/var/run/aws-node/npa.sock"), true],
    ["there are no such sockets", socket("00000000", ""), true],
    ["the list cannot be read", undefined, false],
  ])("%s", (_when, list, expected) => {
    const sockets = path.join(scratch, "unix");
    if (list !== undefined) writeFileSync(sockets, list);
    expect(isIpamdDown({ directory: path.join(scratch, "aws-node"), sockets })).toBe(expected);
    expect(isIpamdDown({ directory: path.join(scratch, "elsewhere"), sockets })).toBe(false);
  });
});
