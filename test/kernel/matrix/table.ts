// The table of docs/datapaths.md, from what was observed.
import { readFileSync } from "node:fs";
import path from "node:path";

export const page = path.resolve(import.meta.dirname, "../../../docs/datapaths.md");

const BEGIN = "<!-- matrix: made by test/kernel/matrix/matrix.test.ts -->";
const END = "<!-- end of matrix -->";

export interface Row {
  readonly what: string;
  readonly cells: readonly string[];
}

export function tableOf(columns: readonly string[], rows: readonly Row[]): string {
  const lines = [
    ["", ...columns],
    ["", ...columns].map(() => "---"),
    ...rows.map(({ what, cells }) => [what, ...cells]),
  ];
  const widths = ["", ...columns].map((_, i) => Math.max(...lines.map((line) => (line[i] ?? "").length)));
  return lines
    .map((line) => {
      const cells = line.map((cell, i) =>
        cell === "---" ? "-".repeat(widths[i] ?? 3) : cell.padEnd(widths[i] ?? 0),
      );
      return `| ${cells.join(" | ")} |`;
    })
    .join("\n");
}

/** The page with another table between its markers, and the table it has. */
export function splitPage(): { committed: string; withTable: (table: string) => string } {
  const text = readFileSync(page, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page} has no markers for the table`);
  const before = text.slice(0, begin + BEGIN.length);
  return {
    committed: text.slice(begin + BEGIN.length, end).trim(),
    withTable: (table) => `${before}\n\n${table}\n\n${text.slice(end)}`,
  };
}
