import { describe, expect, it } from "vitest";
import { EntryError, readEntry } from "./entry.ts";

const capabilities = { "io.kubernetes.cri.pod-annotations": true };

describe("readEntry", () => {
  it.each<[string | undefined, object]>([
    [undefined, { enablePodENI: true, capabilities }],
    ["{}", { enablePodENI: true, capabilities }],
    ['{"type":"branchline","datapath":"auto"}', { datapath: "auto", enablePodENI: true, capabilities }],
    ['{"enablePodENI":"true"}', { enablePodENI: true, capabilities }],
    ['{"capabilities":{"more":true}}', { enablePodENI: true, capabilities: { more: true, ...capabilities } }],
  ])("%s", (text, expected) => expect(readEntry(text)).toEqual(expected));

  it.each([
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
  ])("refuses %s", (text, message) => {
    expect(() => readEntry(text)).toThrow(EntryError);
    expect(() => readEntry(text)).toThrow(message);
  });
});
