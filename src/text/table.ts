import { type Style, styledWidth } from "./style.ts";

/** Tables for people: columns of one width each, two spaces apart, as kubectl prints them. */

export interface Table {
  /** In capitals. */
  readonly head: readonly string[];
  /** As many cells as the head; an empty one is shown as `-`. Cells may be styled. */
  readonly rows: readonly (readonly string[])[];
}

/** Lines without line breaks at their ends; none without rows. The last column is not padded. */
export function tableLines({ head, rows }: Table, style?: Style): readonly string[] {
  if (rows.length === 0) return [];
  const shown = rows.map((row) => head.map((_, i) => (row[i] === undefined || row[i] === "" ? "-" : row[i])));
  const widths = head.map((title, i) =>
    shown.reduce((widest, row) => Math.max(widest, styledWidth(row[i] ?? "")), title.length),
  );
  const lineOf = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - styledWidth(cell))))
      .join("  ")
      .trimEnd();
  const title = lineOf(head);
  return [style === undefined ? title : style.dim(title), ...shown.map(lineOf)];
}

/** Names and values below each other, the values in one column, each line indented by so many spaces. */
export function fieldLines(
  fields: readonly (readonly [name: string, value: string])[],
  indent = 0,
): string[] {
  const width = fields.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return fields.map(([name, value]) =>
    `${" ".repeat(indent)}${name}${" ".repeat(width - name.length)}  ${value}`.trimEnd(),
  );
}
