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

/** Most texts are of these, and have as many columns as characters. */
const NARROW = /^[ -~]*$/;
/** Chinese, Japanese and Korean, their full-width forms, and pictures take two columns (UAX 11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Script=Han}|\p{Emoji_Presentation}/u;
/** Accents that go on top of the character before, and joiners. */
const NOTHING = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a text takes on a terminal, without the codes. */
export function styledWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const character of text.replaceAll(CODE, "")) {
    if (!NOTHING.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
