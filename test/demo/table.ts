// A table for people to read.

/** Columns as wide as their widest cell, and a line below the first row. */
export function tableOf(lines: readonly (readonly string[])[]): string[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const text = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const [head = [], ...body] = lines;
  return [text(head), text(widths.map((width) => "-".repeat(width))), ...body.map(text)];
}
