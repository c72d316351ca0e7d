/** Colours of a terminal, or none. Meaning is never in the colour alone. */

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  /** A problem. */
  readonly red: (text: string) => string;
  /** A warning. */
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
}

/** Select Graphic Rendition (ECMA-48): how it begins, and how it ends. */
const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], yellow: [33, 39], green: [32, 39] } as const;

export function styleOf(isColoured: boolean): Style {
  const paint = ([begin, end]: readonly [number, number]) =>
    isColoured ? (text: string) => `\u001b[${begin}m${text}\u001b[${end}m` : (text: string) => text;
  return {
    bold: paint(CODES.bold),
    dim: paint(CODES.dim),
    red: paint(CODES.red),
    yellow: paint(CODES.yellow),
    green: paint(CODES.green),
  };
}

// oxlint-disable-next-line no-control-regex -- it is what the codes begin with
const CODE = /\u001b\[\d+m/g;

/** Columns that a text takes, without the codes. */
export function styledWidth(text: string): number {
  return text.includes("\u001b") ? text.replaceAll(CODE, "").length : text.length;
}
