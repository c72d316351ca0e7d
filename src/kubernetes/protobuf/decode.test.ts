import { describe, expect, it } from "vitest";
import { encoded, type Pair } from "../../../test/unit/protobuf.ts";
import { decode } from "./decode.ts";
import { type Message, message } from "./message.ts";
import { ProtobufError } from "./wire.ts";

const inner = message({ name: [1, "text"], count: [3, "number"] });
const outer: Message = message({
  text: [1, "text"],
  bool: [2, "bool"],
  number: [3, "number"],
  time: [4, "time"],
  instant: [5, "instant"],
  quantity: [6, "quantity"],
  one: [8, inner],
  many: [9, inner, "list"],
  texts: [10, "text", "list"],
  labels: [11, "text", "map"],
  limits: [12, "quantity", "map"],
  some: [13, "text", "map", ["a"]],
});
const read = (...pairs: readonly Pair[]) => decode(encoded(pairs), outer);

describe("a message", () => {
  it.each<[string, readonly Pair[], object]>([
    ["nothing", [], {}],
    ["a text", [[1, "グループ"]], { text: "グループ" }],
    [
      "what JSON omits",
      [
        [1, ""],
        [2, false],
      ],
      {},
    ],
    ["a bool", [[2, true]], { bool: true }],
    ["a number", [[3, 2 ** 53 - 1]], { number: 2 ** 53 - 1 }],
    ["zero", [[3, 0]], { number: 0 }],
    [
      "a time",
      [
        [
          4,
          [
            [1, 1_764_392_983],
            [2, 5],
          ],
        ],
      ],
      { time: "2025-11-29T05:09:43Z" },
    ],
    [
      "Go's zero time",
      [
        [
          4,
          [
            [1, -62_135_596_800],
            [2, 0],
          ],
        ],
      ],
      {},
    ],
    [
      "a time that is not set",
      [
        [4, []],
        [5, []],
      ],
      {},
    ],
    ["an instant", [[5, [[1, 1_764_392_983]]]], { instant: 1_764_392_983_000 }],
    ["a quantity", [[6, [[1, "500m"]]]], { quantity: "500m" }],
    [
      "a message",
      [
        [
          8,
          [
            [1, "x"],
            [3, 4],
          ],
        ],
      ],
      { one: { name: "x", count: 4 } },
    ],
    [
      "messages",
      [
        [9, [[1, "x"]]],
        [1, "t"],
        [9, []],
      ],
      { many: [{ name: "x" }, {}], text: "t" },
    ],
    [
      "texts",
      [
        [10, "a"],
        [10, ""],
      ],
      { texts: ["a", ""] },
    ],
    [
      "a map",
      [
        [
          11,
          [
            [1, "k"],
            [2, "v"],
          ],
        ],
        [
          11,
          [
            [1, "empty"],
            [2, ""],
          ],
        ],
        [11, [[1, "bare"]]],
      ],
      {
        labels: { k: "v", empty: "", bare: "" },
      },
    ],
    [
      "a map of quantities",
      [
        [
          12,
          [
            [1, "cpu"],
            [2, [[1, "2"]]],
          ],
        ],
      ],
      { limits: { cpu: "2" } },
    ],
    [
      "some keys of a map",
      [
        [
          13,
          [
            [1, "a"],
            [2, "1"],
          ],
        ],
        [
          13,
          [
            [1, "b"],
            [2, "2"],
          ],
        ],
      ],
      { some: { a: "1" } },
    ],
    [
      "fields that nobody reads",
      [
        [99, "x"],
        [98, 7],
        [97, [[1, "y"]]],
        [1, "t"],
      ],
      { text: "t" },
    ],
  ])("has %s", (_what, pairs, expected) => expect(read(...pairs)).toEqual(expected));

  it("has keys of any name", () => {
    const { labels } = read(
      [
        11,
        [
          [1, "__proto__"],
          [2, "x"],
        ],
      ],
      [
        11,
        [
          [1, "constructor"],
          [2, "y"],
        ],
      ],
    );
    expect(Object.entries(labels as object)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  it("skips numbers of fixed size", () => {
    const fixed = Buffer.from([0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4]);
    expect(decode(Buffer.concat([fixed, encoded([[1, "t"]])]), outer)).toEqual({ text: "t" });
  });

  const whole = encoded([
    [1, "text"],
    [
      8,
      [
        [1, "x"],
        [3, 300],
      ],
    ],
    [
      11,
      [
        [1, "k"],
        [2, "v"],
      ],
    ],
  ]);
  /** Empty where it is refused: what else is thrown is a defect. */
  const attempt = (bytes: Buffer): object => {
    try {
      return decode(bytes, outer);
    } catch (error) {
      if (error instanceof ProtobufError) return {};
      throw error;
    }
  };

  it.each(Array.from({ length: whole.length - 1 }, (_, i) => i + 1))(
    "of which only %i bytes arrived is refused, or cut between two fields",
    (length) => {
      const found = attempt(whole.subarray(0, length));
      expect(decode(whole, outer)).toMatchObject(found);
      expect(Object.keys(found).length).toBeLessThan(3);
    },
  );

  it.each<[string, number[]]>([
    ["a length beyond its end", [0x0a, 0x7f, 0x41]],
    ["a number that does not end", Array<number>(12).fill(0xff)],
    ["a group", [0x0b]],
    ["a number instead of a text", [0x08, 1]],
    ["a text instead of a number", [0x1a, 1, 0x41]],
    ["a message that goes beyond the one around it", [0x42, 2, 0x0a, 5, 0x41, 0x41, 0x41, 0x41]],
  ])("with %s is refused", (_what, bytes) =>
    expect(() => decode(Buffer.from(bytes), outer)).toThrow(ProtobufError),
  );
});
