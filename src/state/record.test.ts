import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { formatRecord, parseRecord } from "./record.ts";

const written = JSON.parse(
  readFileSync(new URL("../../test/golden/records-0.1.0.json", import.meta.url), "utf8"),
) as { datapath: string; steps: { do: object; undo: object[] }[] }[];

/** A step of the node's own, as a version writes it. */
const step = (at: string) => {
  const rule = { family: 4, priority: 10, table: 107 };
  return { do: { kind: "rule", at, rule }, undo: [{ kind: "rule", at, rule, absent: true }] };
};
/** The wait for duplicate address detection. */
const wait = (kind: string) => ({ do: { kind, at: "pod", device: 5, address: "2001:db8::1" }, undo: [] });

describe.each(written)("what version 0.1.0 wrote: $datapath", (record) => {
  const text = JSON.stringify(record);

  it("is read, with today's words for the same operations", () => {
    const steps = JSON.parse(JSON.stringify(record.steps).replaceAll('"at":"host"', '"at":"node"')) as object;
    expect(parseRecord(text)).toEqual({ ...record, steps });
    expect(steps).not.toEqual(record.steps);
  });

  it("is written to the letter, so that version 0.1.0 reads what this one writes", () => {
    const read = parseRecord(text);
    expect(read && formatRecord(read)).toBe(text);
  });
});

it("translates the operations and nothing else that has the same words in it", () => {
  const [first] = written;
  const pod = { namespace: "node", name: "host", uid: "unique" };
  const record = { ...first, pod, network: "host", steps: [step("host"), wait("unique")] };
  const read = parseRecord(JSON.stringify(record));
  expect(read).toEqual({ ...record, steps: [step("node"), wait("dad")] });
  expect(read && formatRecord(read)).toBe(JSON.stringify(record));
});
