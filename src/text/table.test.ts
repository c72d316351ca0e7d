import { describe, expect, it } from "vitest";
import { styleOf } from "./style.ts";
import { fieldLines, tableLines } from "./table.ts";

const head = ["NAME", "ENI"];

describe("tableLines", () => {
  it("aligns columns two spaces apart, without spaces at the ends", () =>
    expect(
      tableLines({
        head,
        rows: [
          ["a", "eni-1"],
          ["longer", "e"],
        ],
      }),
    ).toEqual(["NAME    ENI", "a       eni-1", "longer  e"]));

  it("shows what is empty as a dash", () =>
    expect(tableLines({ head, rows: [["", "eni-1"], ["b"]] })).toEqual([
      "NAME  ENI",
      "-     eni-1",
      "b     -",
    ]));

  it("is nothing without rows", () => expect(tableLines({ head, rows: [] })).toEqual([]));

  it("counts what takes two columns, and what takes none", () =>
    expect(
      tableLines({
        head,
        rows: [
          ["グループ", "1"],
          ["e\u0301", "2"],
          ["🙂", "3"],
          ["ｆｕｌｌ", "4"],
        ],
      }),
    ).toEqual(["NAME      ENI", "グループ  1", "e\u0301         2", "🙂        3", "ｆｕｌｌ  4"]));

  it("does not count colours", () => {
    const { red } = styleOf(true);
    const [title, first, second] = tableLines({
      head,
      rows: [
        [red("ab"), "x"],
        ["abcdef", "y"],
      ],
    });
    expect(title?.indexOf("ENI")).toBe(8);
    expect(first).toBe(`${red("ab")}      x`);
    expect(second).toBe("abcdef  y");
  });
});

it("fieldLines aligns values", () =>
  expect(
    fieldLines(
      [
        ["a", "1"],
        ["long", ""],
      ],
      2,
    ),
  ).toEqual(["  a     1", "  long"]));

it("styleOf without colour changes nothing", () => expect(styleOf(false).red("x")).toBe("x"));
