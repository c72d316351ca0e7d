import { expect, it } from "vitest";
import { readMetadata } from "../../kubernetes/metadata.ts";
import { markAt, markOf, settingPatch, withoutAnnotationPatch } from "./mark.ts";

const metadataWith = (labels?: Record<string, string>, annotations?: Record<string, string>) =>
  readMetadata({ metadata: { name: "n", resourceVersion: "7", labels, annotations } });

it.each([
  ["20261128T150405Z", "20261128T150405Z"],
  [undefined, undefined],
  ["", undefined],
  ["true", undefined],
  ["false", undefined],
  ["20261128T150405", undefined],
  ["20261128T150405Z\n", undefined],
])("the label %j is the mark %j", (value, mark) =>
  expect(markOf(metadataWith(value === undefined ? undefined : { "branchline.dev/uninstall": value }))).toBe(
    mark,
  ),
);

it("neither another label nor an annotation of that name is a mark", () => {
  const time = "20261128T150405Z";
  expect(markOf(metadataWith({ "branchline.dev/uninstalled": time }))).toBeUndefined();
  expect(markOf(metadataWith({}, { "branchline.dev/uninstall": time }))).toBeUndefined();
});

it("a moment's mark is one", () => {
  const mark = markAt(Date.parse("2026-11-28T15:04:05.678Z"));
  expect(mark).toBe("20261128T150405Z");
  expect(markOf(metadataWith({ "branchline.dev/uninstall": mark }))).toBe(mark);
});

const test = { op: "test", path: "/metadata/resourceVersion", value: "7" };

it("an annotation is added beside others, and in a map of its own where there is none", () => {
  expect(settingPatch(metadataWith({}, { a: "b" }), "annotations", "x.dev/y~z", "v")).toEqual([
    test,
    { op: "add", path: "/metadata/annotations/x.dev~1y~0z", value: "v" },
  ]);
  expect(settingPatch(metadataWith({ a: "b" }), "annotations", "x.dev/y", "v")).toEqual([
    test,
    { op: "add", path: "/metadata/annotations", value: { "x.dev/y": "v" } },
  ]);
});

it("a label likewise", () =>
  expect(settingPatch(metadataWith({ a: "b" }), "labels", "x.dev/y", "v")).toEqual([
    test,
    { op: "add", path: "/metadata/labels/x.dev~1y", value: "v" },
  ]));

it("an annotation is taken away", () =>
  expect(withoutAnnotationPatch(metadataWith({}, { "x.dev/y": "v" }), "x.dev/y")).toEqual([
    test,
    { op: "remove", path: "/metadata/annotations/x.dev~1y" },
  ]));
