import { describe, expect, it } from "vitest";
import { styleOf } from "../text/style.ts";
import { type Column, columnLines } from "./columns.ts";

interface Row {
  readonly name: string;
  readonly node: string;
  readonly group: string;
}

const columns: readonly Column<Row>[] = [
  { head: "NAME", cell: ({ name }) => name },
  { head: "NODE", cell: ({ node }) => node, leaves: 2 },
  { head: "GROUP", cell: ({ group }) => `sg-${group} (${group})`, short: ({ group }) => group },
  { head: "AGE", cell: () => "3s", leaves: 1 },
];
const rows = [{ name: "web-0", node: "ip-10-0-1-23.ec2.internal", group: "web" }];
const linesAt = (width: number | undefined) => columnLines(columns, rows, styleOf(false), width);
const note = (heads: string) => `(no room for ${heads}; -o json has all)`;

describe("a table", () => {
  it("is as wide as it is where there is no terminal", () =>
    expect(linesAt(undefined)).toEqual([
      "NAME   NODE                       GROUP         AGE",
      "web-0  ip-10-0-1-23.ec2.internal  sg-web (web)  3s",
    ]));

  it("fits exactly", () => expect(linesAt(51)).toEqual(linesAt(undefined)));

  it("is shortened before anything is left out", () =>
    expect(linesAt(50)).toEqual([
      "NAME   NODE                       GROUP  AGE",
      "web-0  ip-10-0-1-23.ec2.internal  web    3s",
    ]));

  it("loses what matters least, and says so", () => {
    expect(linesAt(43)).toEqual([
      "NAME   NODE                       GROUP",
      "web-0  ip-10-0-1-23.ec2.internal  web",
      note("AGE"),
    ]);
    expect(linesAt(12)).toEqual(["NAME   GROUP", "web-0  web", note("NODE, AGE")]);
  });

  it("gets back what there is room for once a wider one has gone", () =>
    expect(linesAt(20)).toEqual(["NAME   GROUP  AGE", "web-0  web    3s", note("NODE")]));

  it("keeps what has to stay, however narrow it is", () =>
    expect(linesAt(3).slice(0, 1)).toEqual(["NAME   GROUP"]));

  it("is nothing without rows", () => expect(columnLines(columns, [], styleOf(false), 80)).toEqual([]));
});
