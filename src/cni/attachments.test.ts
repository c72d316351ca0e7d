import { describe, expect, it } from "vitest";
import { validAttachments } from "./attachments.ts";

const A = { containerID: "a1", ifname: "eth0" };
const B = { containerID: "b2", ifname: "net1" };
const a = { containerId: "a1", ifName: "eth0" };
const b = { containerId: "b2", ifName: "net1" };

describe("validAttachments", () => {
  it.each([
    ["absent means unknown", {}, undefined],
    ["null means unknown", { "cni.dev/valid-attachments": null }, undefined],
    [
      "null twice means unknown",
      { "cni.dev/valid-attachments": null, "cni.dev/attachments": null },
      undefined,
    ],
    ["an empty list means none", { "cni.dev/valid-attachments": [] }, []],
    ["the list", { "cni.dev/valid-attachments": [A, B] }, [a, b]],
    ["the older key", { "cni.dev/attachments": [A] }, [a]],
    ["the older key beside null", { "cni.dev/valid-attachments": null, "cni.dev/attachments": [A] }, [a]],
    [
      "both, as libcni writes them",
      { "cni.dev/valid-attachments": [A, B], "cni.dev/attachments": [A, B] },
      [a, b],
    ],
    [
      "both when they differ: what either holds is valid",
      { "cni.dev/valid-attachments": [A], "cni.dev/attachments": [B] },
      [a, b],
    ],
    ["entries with more fields", { "cni.dev/valid-attachments": [{ ...A, more: 1 }] }, [a]],
  ])("%s", (_what, config, expected) => expect(validAttachments(config)).toEqual(expected));

  it.each([
    [{ "cni.dev/valid-attachments": {} }, "cni.dev/valid-attachments {} is not a list"],
    [{ "cni.dev/valid-attachments": "" }, 'cni.dev/valid-attachments "" is not a list'],
    [{ "cni.dev/attachments": false }, "cni.dev/attachments false is not a list"],
    [{ "cni.dev/valid-attachments": [A, null] }, "cni.dev/valid-attachments[1] null is not an object"],
    [{ "cni.dev/valid-attachments": ["a1"] }, 'cni.dev/valid-attachments[0] "a1" is not an object'],
    [{ "cni.dev/valid-attachments": [{ ifname: "eth0" }] }, "[0].containerID nothing is not a container id"],
    [
      { "cni.dev/valid-attachments": [{ ...A, containerID: "" }] },
      '[0].containerID "" is not a container id',
    ],
    [{ "cni.dev/valid-attachments": [{ ...A, containerID: 5 }] }, "[0].containerID 5 is not a container id"],
    [{ "cni.dev/valid-attachments": [{ ...A, containerID: "../x" }] }, '[0].containerID "../x" is not'],
    [{ "cni.dev/valid-attachments": [{ containerID: "a1" }] }, "[0].ifname nothing is not a string"],
    [{ "cni.dev/valid-attachments": [{ ...A, ifname: "" }] }, '[0].ifname "" is empty'],
    [{ "cni.dev/valid-attachments": [{ ...A, ifname: "a b" }] }, '[0].ifname "a b" contains'],
    [
      { "cni.dev/valid-attachments": [A], "cni.dev/attachments": [5] },
      "cni.dev/attachments[0] 5 is not an object",
    ],
  ])("refuses %j", (config, message) => {
    expect(() => validAttachments(config)).toThrow(expect.objectContaining({ code: 7 }));
    expect(() => validAttachments(config)).toThrow(message);
  });
});
