import { describe, expect, it } from "vitest";
import { isObject, parseJson } from "../text/json.ts";
import type { JsonObject } from "../text/json.ts";
import { readPrevResult, requirePrevResult } from "./prevresult.ts";

function config(prevResult: string): JsonObject {
  const value = parseJson(`{"cniVersion":"0.4.0","name":"n","prevResult":${prevResult}}`);
  if (!isObject(value)) throw new Error("no object");
  return value;
}

/** As aws-cni leaves it: a route table's number and a VLAN id for MAC addresses, a device number for a sandbox. */
const AWS = `{"cniVersion":"0.4.0","interfaces":[{"name":"eniabc"},{"name":"eth0","mac":"102","sandbox":"/var/run/netns/x"},
{"name":"dummyabc","mac":"0","sandbox":"2"}],"ips":[{"version":"4","interface":1,"address":"10.0.0.5/32","gateway":"10.0.0.1"}],
"routes":[{"dst":"0.0.0.0/0","gw":"169.254.1.1"},{"dst":"10.0.0.0/8"}],"dns":{}}`;

describe("readPrevResult", () => {
  it("reads aws-cni's", () => {
    const result = readPrevResult(config(AWS), "0.4.0");
    expect(result?.interfaces.map(({ name, mac, sandbox }) => [name, mac, sandbox])).toEqual([
      ["eniabc", "", ""],
      ["eth0", "102", "/var/run/netns/x"],
      ["dummyabc", "0", "2"],
    ]);
    expect(result?.ips).toMatchObject([
      { prefix: { address: "10.0.0.5", length: 32 }, interface: 1, gateway: "10.0.0.1" },
    ]);
    expect(result?.routes.map(({ dst, gw }) => [dst, gw])).toEqual([
      [{ address: "0.0.0.0", length: 0 }, "169.254.1.1"],
      [{ address: "10.0.0.0", length: 8 }, undefined],
    ]);
    expect(result?.raw).toEqual(JSON.parse(AWS));
  });

  it.each([
    ["{}", "0.4.0"],
    ['{"cniVersion":"1.0.0"}', "1.0.0"],
    ['{"cniVersion":""}', "0.4.0"],
    ['{"cniVersion":null}', "0.4.0"],
    ['{"interfaces":null,"ips":null,"routes":null,"dns":null}', "0.4.0"],
    ['{"interfaces":[],"ips":[],"routes":[]}', "0.4.0"],
    ['{"interfaces":[{"name":"x","mac":null}]}', "0.4.0"],
    ['{"ips":[{"address":"fd00::1/64","interface":9,"gateway":""}]}', "0.4.0"],
    ['{"zz":[1.0],"ips":[{"address":"10.0.0.1/24","x":12345678901234567890}]}', "0.4.0"],
  ])("takes %s", (text, version) => expect(readPrevResult(config(text), "0.4.0")?.version).toBe(version));

  it("is nothing when absent or null", () => {
    expect(readPrevResult({}, "1.0.0")).toBeUndefined();
    expect(readPrevResult(config("null"), "1.0.0")).toBeUndefined();
  });

  it.each([
    ["5", "prevResult 5 is not an object"],
    ["[]", "prevResult [] is not an object"],
    ['{"cniVersion":5}', "prevResult.cniVersion 5 is not a string"],
    ['{"cniVersion":"0.2.0"}', 'prevResult.cniVersion "0.2.0" is none of 0.3.0'],
    ['{"cniVersion":"9"}', 'prevResult.cniVersion "9" is none of'],
    ['{"interfaces":5}', "prevResult.interfaces 5 is not a list"],
    ['{"interfaces":{}}', "prevResult.interfaces {} is not a list"],
    ['{"interfaces":[5]}', "prevResult.interfaces[0] 5 is not an object"],
    ['{"interfaces":[{},null]}', "prevResult.interfaces[1] null is not an object"],
    ['{"interfaces":[{"name":5}]}', "prevResult.interfaces[0].name 5 is not a string"],
    ['{"interfaces":[{"mac":102}]}', "prevResult.interfaces[0].mac 102 is not a string"],
    ['{"interfaces":[{"sandbox":2.0}]}', "prevResult.interfaces[0].sandbox 2.0 is not a string"],
    ['{"ips":{}}', "prevResult.ips {} is not a list"],
    ['{"ips":[{}]}', 'prevResult.ips[0].address "" is not an address with a prefix length'],
    ['{"ips":[{"address":"x"}]}', 'prevResult.ips[0].address "x" is not an address'],
    ['{"ips":[{"address":"10.0.0.1"}]}', 'prevResult.ips[0].address "10.0.0.1" is not an address with'],
    ['{"ips":[{"address":5}]}', "prevResult.ips[0].address 5 is not a string"],
    [
      '{"ips":[{"address":"10.0.0.1/24","interface":"0"}]}',
      'prevResult.ips[0].interface "0" is not an index',
    ],
    [
      '{"ips":[{"address":"10.0.0.1/24","interface":1.5}]}',
      "prevResult.ips[0].interface 1.5 is not an index",
    ],
    ['{"ips":[{"address":"10.0.0.1/24","gateway":"x"}]}', 'prevResult.ips[0].gateway "x" is not an address'],
    ['{"routes":"x"}', 'prevResult.routes "x" is not a list'],
    ['{"routes":[{"dst":"x"}]}', 'prevResult.routes[0].dst "x" is not a network'],
    [
      '{"routes":[{"dst":"10.0.0.0/8"},{"dst":"10.0.0.0"}]}',
      'prevResult.routes[1].dst "10.0.0.0" is not a network',
    ],
    [
      '{"routes":[{"dst":"10.0.0.0/8","gw":"10.0.0.1/8"}]}',
      'prevResult.routes[0].gw "10.0.0.1/8" is not an address',
    ],
  ])("refuses %s", (text, message) => {
    const run = () => readPrevResult(config(text), "0.4.0");
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: 6 }));
  });
});

describe("requirePrevResult", () => {
  it("says that a primary plugin is needed", () => {
    expect(() => requirePrevResult({}, "1.0.0")).toThrow(
      "prevResult is missing: branchline must be chained after a primary plugin",
    );
    expect(() => requirePrevResult({}, "1.0.0")).toThrow(expect.objectContaining({ code: 7 }));
    expect(requirePrevResult(config("{}"), "1.0.0").version).toBe("1.0.0");
  });
});
