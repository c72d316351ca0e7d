import type { Style } from "../text/style.ts";
import { styledWidth } from "../text/style.ts";
import { tableLines } from "../text/table.ts";

/** Tables that fit the terminal: what matters least gives way, and a line says so. */

export interface Column<T> {
  /** In capitals. */
  readonly head: string;
  readonly cell: (row: T) => string;
  /** What is shown instead while the table is too wide. */
  readonly short?: (row: T) => string;
  /** Of the columns that are left out the one with the lowest number goes first; without a number it stays. */
  readonly leaves?: number;
}

/** Lines without line breaks. `width`: of the terminal; undefined: as wide as it is. */
export function columnLines<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  style: Style,
  width: number | undefined,
): readonly string[] {
  if (rows.length === 0) return [];
  const whole = columns.map((column) => shownOf(column, rows, column.cell));
  const fits = (shown: readonly Shown<T>[]) => width === undefined || widthOf(shown) <= width;
  const shorter = () =>
    whole.map((one) => (one.column.short === undefined ? one : shownOf(one.column, rows, one.column.short)));
  const all = fits(whole) ? whole : shorter();
  const gone = new Set<Shown<T>>();
  const staying = () => all.filter((one) => !gone.has(one));
  const leaving = all
    .filter(({ column }) => column.leaves !== undefined)
    .toSorted((a, b) => (a.column.leaves ?? 0) - (b.column.leaves ?? 0));
  for (const one of leaving) {
    if (fits(staying())) break;
    gone.add(one);
  }
  // A wide one may have made room for narrow ones that left before it.
  for (const one of leaving.toReversed()) {
    if (!gone.delete(one)) continue;
    if (!fits(staying())) gone.add(one);
  }
  const shown = staying();
  const lines = tableLines(
    {
      head: shown.map(({ column }) => column.head),
      rows: rows.map((_, i) => shown.map(({ cells }) => cells[i] ?? "")),
    },
    style,
  );
  if (gone.size === 0) return lines;
  const heads = all.flatMap((one) => (gone.has(one) ? [one.column.head] : [])).join(", ");
  return [...lines, style.dim(`(no room for ${heads}; -o json has all)`)];
}

/** A column with its cells. */
interface Shown<T> {
  readonly column: Column<T>;
  readonly cells: readonly string[];
  readonly width: number;
}

function shownOf<T>(column: Column<T>, rows: readonly T[], cell: (row: T) => string): Shown<T> {
  const cells = rows.map(cell);
  const width = cells.reduce((widest, text) => Math.max(widest, styledWidth(text)), column.head.length);
  return { column, cells, width };
}

/** Two spaces apart. */
function widthOf(shown: readonly { readonly width: number }[]): number {
  return shown.reduce((sum, { width }) => sum + width + 2, -2);
}
