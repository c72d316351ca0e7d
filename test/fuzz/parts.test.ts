// What reads a call's parts, each by itself: thousands of examples in the time of one whole call.
import { isIPv4, isIPv6 } from "node:net";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/cni/config.ts";
import { CniError } from "../../src/cni/errors.ts";
import { isObject, parseJson, stringifyJson } from "../../src/text/json.ts";
import { readPrevResult } from "../../src/cni/prevresult.ts";
import { convertResult } from "../../src/cni/result.ts";
import { AnnotationError, type BranchAssignment, decodeBranch } from "../../src/ipam/annotation.ts";
import { isNestedTooDeep } from "../../src/text/nesting.ts";
import { judge } from "./answers.ts";
import { VERSIONS, annotations, entries, previousResults } from "./configurations.ts";
import { type Value, changed, textOf } from "./hostile.ts";
import { Tally, patience, runs } from "./runs.ts";

/** What it gave, or the error that it may throw; any other is thrown on. */
function attempt<T, E extends Error>(action: () => T, expected: new (...args: never[]) => E): T | E {
  try {
    return action();
  } catch (error) {
    if (error instanceof expected) return error;
    throw error;
  }
}

/** What no pod may start with, whatever the annotation says. */
function branchDefects({ eniId, mac, vlanId, addresses }: BranchAssignment): string[] {
  return [
    ...(/^eni-[\w-]+$/.test(eniId) ? [] : [`eniId ${eniId}`]),
    // Neither a group's nor none.
    ...(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) && !/^[0:]+$/.test(mac) ? [] : [`mac ${mac}`]),
    ...(Number.isInteger(vlanId) && vlanId >= 1 && vlanId <= 4094 ? [] : [`vlanId ${vlanId}`]),
    ...(addresses.length === 1 || addresses.length === 2 ? [] : [`${addresses.length} addresses`]),
    ...addresses.flatMap(({ family, address, gateway, prefixLength }) =>
      (family === 4 ? isIPv4 : isIPv6)(address) && address !== gateway && prefixLength >= 1
        ? []
        : [`address ${address} of IPv${family}`],
    ),
  ];
}

describe("whatever the text is", patience, () => {
  it("an annotation names a branch that can be, or is an error that says what is wrong", () => {
    const tally = new Tally();
    const property = fc.property(annotations, (text) => {
      const found = attempt(() => decodeBranch(text), AnnotationError);
      const said = found instanceof Error ? found.message : "";
      expect(found instanceof Error ? [] : branchDefects(found)).toEqual([]);
      expect(said === "" || said.startsWith("annotation vpc.amazonaws.com/pod-eni: ")).toBe(true);
      expect(said.length).toBeLessThan(600);
      tally.count(said === "" ? "branch" : (/ (?:is|are|has|names) .*/.exec(said)?.[0].slice(0, 20) ?? said));
    });
    fc.assert(property, runs(800));
    expect(tally.rare({ branch: 0.1, " is not a string": 0.05, " is missing": 0.05 })).toEqual([]);
  });

  it("an entry is read, or is an error of code 7; leniently it is read", () => {
    const log = { usual: "/var/log/x", odd: ["relative", ""] };
    const tally = new Tally();
    const property = fc.property(
      fc.oneof(entries(log, "wild"), changed(entries(log, "tame"), 3)),
      (entry) => {
        const raw = decoded(entry);
        const strict = attempt(() => readConfig(raw, {}, { ifName: "eth0" }), CniError);
        expect(strict instanceof CniError ? strict.code : 7).toBe(7);
        const { config, warnings } = readConfig(raw, {}, { lenient: true });
        expect(config.hostInterfaceName.length).toBeLessThanOrEqual(15);
        expect(Math.max(0, ...warnings.map(({ length }) => length))).toBeLessThan(600);
        tally.count(strict instanceof CniError ? "refused" : "read");
      },
    );
    fc.assert(property, runs(500));
    expect(tally.rare({ read: 0.2, refused: 0.1 })).toEqual([]);
  });

  it("a prevResult goes out valid in every version, but for what was wrong with it, or is an error of code 6", () => {
    const tally = new Tally();
    const property = fc.property(previousResults, fc.constantFrom(...VERSIONS), (given, version) => {
      const raw = decoded({ prevResult: given });
      const found = attempt(() => readPrevResult(raw, version), CniError);
      const code = found instanceof CniError ? found.code : 6;
      expect(code).toBe(6);
      const isResult = found !== undefined && !(found instanceof CniError);
      const stdout = isResult ? stringifyJson(convertResult(found, version)) : '{"cniVersion":"1.0.0"}';
      const asked = { version: isResult ? version : "1.0.0", previous: plain(given) };
      expect(judge("ADD", { status: 0, stdout }, asked).defects).toEqual([]);
      tally.count(isResult ? "result" : "none");
    });
    fc.assert(property, runs(500));
    expect(tally.rare({ result: 0.2, none: 0.1 })).toEqual([]);
  });
});

/** As another reader of JSON has it. */
function plain(value: Value): unknown {
  const text = textOf(value);
  return isNestedTooDeep(text) ? undefined : JSON.parse(text);
}

/** The entry as it comes in; one that would be refused before it is read, as an empty one. */
function decoded(entry: Value) {
  const text = textOf(entry);
  const value = isNestedTooDeep(text) ? {} : parseJson(text);
  return isObject(value) ? value : {};
}
