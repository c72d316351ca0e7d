import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CniError } from "./errors.ts";
import { trunkSelector } from "./trunk.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trunk-"));
  file = join(directory, "trunk.json");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("trunkSelector", () => {
  it("is what the configuration says, whatever the file says", () => {
    writeFileSync(file, "{");
    expect(trunkSelector({ interface: "eth1" }, directory)).toEqual({ interface: "eth1" });
    expect(trunkSelector({ mac: "02:00:00:00:00:11" }, directory)).toEqual({ mac: "02:00:00:00:00:11" });
  });

  it("is what the agent's file says otherwise, the MAC as the kernel writes it", () => {
    writeFileSync(file, JSON.stringify({ eniId: "eni-0a", mac: "02:AB:00:00:00:11", more: true }));
    expect(trunkSelector({}, directory)).toEqual({ mac: "02:ab:00:00:00:11" });
  });

  it("is unknown when neither says: code 100, with both that were tried", () => {
    const error = new CniError(
      100,
      `trunk not known: the configuration has neither trunk.interface nor trunk.mac, and there is no ${file}`,
    );
    expect(() => trunkSelector({}, directory)).toThrow(error);
    expect(() => trunkSelector({}, join(directory, "none"))).toThrow(CniError);
  });
});
