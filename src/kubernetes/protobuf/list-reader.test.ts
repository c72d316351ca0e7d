import { describe, expect, it } from "vitest";
import { answer, encoded, page, type Pair, varint } from "../../../test/unit/protobuf.ts";
import { ListReader } from "./list-reader.ts";
import { message } from "./message.ts";
import { ProtobufError } from "./wire.ts";

const ITEM = message({ metadata: [1, message({ name: [1, "text"] })] });
const pod = (name: string): readonly Pair[] => [[1, [[1, name]]]];
const named = (name: string) => ({ metadata: { name } });

/** Items that each piece completes, and the head. */
function read(bytes: Buffer, size: number) {
  const reader = new ListReader(ITEM);
  const items: unknown[] = [];
  for (let at = 0; at < bytes.length; at += size) items.push(...reader.read(bytes.subarray(at, at + size)));
  return { items, head: reader.end() };
}

describe("a list in protobuf", () => {
  const bytes = page([pod("a"), pod("b".repeat(300)), pod("")], "next");
  const expected = {
    items: [named("a"), named("b".repeat(300)), { metadata: {} }],
    head: { resourceVersion: "7", continue: "next" },
  };

  it.each([1, 2, 3, 7, 100, 100_000])("is the same in pieces of %i bytes", (size) =>
    expect(read(bytes, size)).toEqual(expected),
  );

  it("has a head before it has items", () => {
    const reader = new ListReader(ITEM);
    const begun = bytes.subarray(0, 60);
    expect([...reader.read(begun)]).toEqual([named("a")]);
    expect(reader.head).toEqual(expected.head);
  });

  it("may be empty, and may have fields that nobody knows", () => {
    expect(read(page([]), 9)).toEqual({ items: [], head: { resourceVersion: "7", continue: "" } });
    const strange = answer("PodList", [
      [1, [[2, "7"]]],
      [9, 5],
      [2, pod("a")],
      [8, "x"],
    ]);
    expect(read(strange, 4).items).toEqual([named("a")]);
  });

  it.each<[string, Buffer]>([
    ["nothing", Buffer.of()],
    ["another beginning", Buffer.from('{"kind":"PodList"}')],
    ["no object", Buffer.concat([Buffer.from("k8s\0"), encoded([[1, [[1, "v1"]]]])])],
    [
      "an item beyond its end",
      Buffer.concat([Buffer.from("k8s\0"), encoded([[2, encoded([[2, "x".repeat(9)]]).subarray(0, 4)]])]),
    ],
    ["a number that does not end", Buffer.concat([Buffer.from("k8s\0"), Buffer.alloc(20, 0xff)])],
    ["a group", Buffer.concat([Buffer.from("k8s\0"), varint(3 * 8 + 3)])],
  ])("that is %s is refused", (_what, defect) => expect(() => read(defect, 5)).toThrow(ProtobufError));

  it.each(Array.from({ length: bytes.length - 8 }, (_, i) => i))(
    "that ends after %i bytes is refused",
    (length) => expect(() => read(bytes.subarray(0, length), 16)).toThrow(ProtobufError),
  );
});
