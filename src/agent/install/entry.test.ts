import { describe, expect, it } from "vitest";
import { EntryError, readEntry } from "./entry.ts";

const capabilities = { "io.kubernetes.cri.pod-annotations": true };
const needed = { enablePodENI: true, capabilities, serviceCIDRs: ["10.96.0.0/12"] };

describe("readEntry", () => {
  it.each<[object, object]>([
    [{}, needed],
    [
      { type: "branchline", datapath: "auto" },
      { ...needed, datapath: "auto" },
    ],
    [{ enablePodENI: "true" }, needed],
    [{ capabilities: { more: true } }, { ...needed, capabilities: { more: true, ...capabilities } }],
    [{ missingAnnotation: "refuse" }, { ...needed, missingAnnotation: "refuse" }],
  ])("%j", (more, expected) =>
    expect(readEntry(JSON.stringify({ serviceCIDRs: ["10.96.0.0/12"], ...more }))).toEqual(expected),
  );

  it.each<[string | undefined, string]>([
    ["{", 'the entry "{" is not JSON'],
    ["[]", "the entry [] is not a JSON object"],
    ['{"type":"bridge"}', 'the entry\'s type is "bridge"'],
    ['{"enablePodENI":false}', "the entry has enablePodENI false: pods would start without their branch"],
    ['{"enablePodENI":"no"}', "pods would start without their branch"],
    ['{"capabilities":[]}', "the entry's capabilities [] are not a JSON object"],
    [
      '{"capabilities":{"io.kubernetes.cri.pod-annotations":false}}',
      "switch io.kubernetes.cri.pod-annotations off",
    ],
    // With these, the plugin would fail every pod of the node.
    [undefined, "the plugin refuses the entry: serviceCIDRs is missing"],
    ["{}", "the plugin refuses the entry: serviceCIDRs is missing"],
    ['{"serviceCIDRs":[],"datapath":"sideways"}', "the plugin refuses the entry"],
    // With this, a pod could start without its branch.
    ['{"serviceCIDRs":[],"missingAnnotation":"pass"}', 'the entry has missingAnnotation "pass"'],
    ['{"serviceCIDRs":[],"listFile":"/x"}', 'the entry has listFile "/x": the agent writes that key itself'],
    ['{"serviceCIDRs":[],"mising":1}', '"mising"'],
  ])("refuses %s", (text, message) => {
    expect(() => readEntry(text)).toThrow(EntryError);
    expect(() => readEntry(text)).toThrow(message);
  });
});
