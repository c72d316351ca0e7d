import { expect, it } from "vitest";
import { createdAt, instanceOf, isOfCluster, trunkOf, vlanOfTags } from "../ec2/eni-tags.ts";
import { branchTags, CHANGED_TAG, homeOfTags, podOfTags, tokenOf } from "./tags.ts";

const POD = "branchline.dev/pod";
const UID = "branchline.dev/pod-uid";
const VLAN = "vpcresources.k8s.aws/vlan-id";
const pod = { namespace: "shop", name: "web-0", uid: "u-1" };
const tags = branchTags(
  "one",
  { instance: "i-1", trunk: "eni-t", vlan: 7, owner: pod, groups: ["sg-a", "sg-b"], isOpen: false },
  { team: "a", [POD]: "x/y" },
);

it("is read as it was written, whatever tags the node adds", () => {
  expect(podOfTags(tags)).toEqual(pod);
  expect(vlanOfTags(tags)).toBe(7);
  expect(instanceOf(tags)).toBe("i-1");
  expect(trunkOf(tags)).toBe("eni-t");
  expect(isOfCluster(tags, "one")).toBe(true);
  expect(isOfCluster(tags, "on")).toBe(false);
  expect(tags).toMatchObject({ team: "a" });
});

it("of a pod with the longest name there can be, no value is too long for EC2", () => {
  const owner = { namespace: "n".repeat(63), name: `${"p".repeat(189)}.${"q".repeat(63)}`, uid: "u-1" };
  const branch = { instance: "i-1", trunk: "eni-t", vlan: 7, owner, groups: ["sg-a"], isOpen: false };
  const long = branchTags("one", branch, {});
  expect(Math.max(...Object.values(long).map((value) => value.length))).toBe(256);
  expect(podOfTags(long)).toEqual(owner);
  expect(homeOfTags(long, ["sg-a"])).toEqual({ namespace: owner.namespace, isOpen: false });
});

const warm = { instance: "i-1", trunk: "eni-t", vlan: 7, owner: "shop", groups: ["sg-a"], isOpen: false };
const more = { [POD]: "bank/x", [UID]: "u-2", "branchline.dev/groups": "any" };
const home = { namespace: "shop", isOpen: false };

it.each([
  ["of its pod's namespace", tags, ["sg-b", "sg-a"], home],
  ["of the namespace that it was made for", branchTags("one", warm, {}), ["sg-a"], home],
  ["whatever tags the node adds", branchTags("one", warm, more), ["sg-a"], home],
  ["for all groups", branchTags("one", { ...warm, isOpen: true }, {}), ["sg-x"], { ...home, isOpen: true }],
  ["nobody's with other groups than it was made with", tags, ["sg-a"], undefined],
  [
    "nobody's once its groups were changed under a pod",
    { ...tags, [CHANGED_TAG]: "" },
    ["sg-a", "sg-b"],
    undefined,
  ],
  ["nobody's if AWS's controller has made it", { [VLAN]: "7" }, ["sg-a"], undefined],
])("has a home %s", (_what, all, groups, expected) => {
  expect(homeOfTags(all, groups)).toEqual(expected);
});

it.each([
  ["nothing", {}],
  ["no UID", { [POD]: "shop/web" }],
  ["no name", { [UID]: "u-1" }],
  ["an empty pod", { [POD]: "", [UID]: "u-1" }],
  ["no slash", { [POD]: "web", [UID]: "u-1" }],
  ["an empty name", { [POD]: "shop/", [UID]: "u-1" }],
  ["an empty namespace", { [POD]: "/web", [UID]: "u-1" }],
  ["an empty UID", { [POD]: "shop/web", [UID]: "" }],
  ["a slash too many", { [POD]: "shop/web/x", [UID]: "u-1" }],
])("names no pod: %s", (_what, junk) => expect(podOfTags(junk)).toBeUndefined());

it.each(["", "0", "-1", "1.5", "4095", "one", "1e9"])("names no VLAN id: %j", (text) => {
  expect(vlanOfTags({ [VLAN]: text })).toBeUndefined();
});

it.each([
  ["2026-11-01T00:00:00Z", Date.UTC(2026, 10, 1)],
  ["yesterday", undefined],
  ["", undefined],
])("was made at %j", (text, expected) => {
  expect(createdAt({ "node.k8s.amazonaws.com/createdAt": text })).toBe(expected);
});

it("has one token for the same parts, and another for others", () => {
  expect(tokenOf("a", 1)).toBe(tokenOf("a", 1));
  expect(
    new Set([tokenOf("a", 1), tokenOf("a", "1"), tokenOf("a1"), tokenOf("a", 1, ""), tokenOf("a,1")]).size,
  ).toBe(5);
  expect(tokenOf("a")).toMatch(/^[\x21-\x7e]{43}$/);
});
