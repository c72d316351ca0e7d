import { expect, it } from "vitest";
import { CNI_NODES } from "../kubernetes/objects.ts";
import { featurePatch } from "./feature.ts";

const test = { op: "test", path: "/metadata/resourceVersion", value: "7" };
const feature = { name: "SecurityGroupsForPods" };
const patchOf = (more: object) =>
  featurePatch(CNI_NODES.read({ metadata: { name: "n", resourceVersion: "7" }, ...more }));

it.each<[string, object, object | undefined]>([
  [
    "no spec",
    {},
    [test, { op: "add", path: "/spec", value: {} }, { op: "add", path: "/spec/features", value: [feature] }],
  ],
  ["no list", { spec: {} }, [test, { op: "add", path: "/spec/features", value: [feature] }]],
  [
    "a null list",
    { spec: { features: null } },
    [test, { op: "add", path: "/spec/features", value: [feature] }],
  ],
  [
    "an empty list",
    { spec: { features: [] } },
    [test, { op: "add", path: "/spec/features/-", value: feature }],
  ],
  [
    "another feature",
    { spec: { features: [{ name: "CustomNetworking", value: "default" }] } },
    [test, { op: "add", path: "/spec/features/-", value: feature }],
  ],
  ["the feature", { spec: { features: [{ name: "SecurityGroupsForPods", value: "" }] } }, undefined],
])("%s", (_what, object, patch) => expect(patchOf(object)).toEqual(patch));
