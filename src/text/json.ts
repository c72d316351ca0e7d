/**
 * JSON that preserves numbers, so that what another plugin wrote is passed on unchanged. JavaScript would turn
 * 12345678901234567890 into …7000, 1.0 into 1 and 1e400 into null; such numbers are kept as text.
 */

/** A number kept as written (made by JSON.rawJSON: frozen, without a prototype). */
export interface RawNumber {
  readonly rawJSON: string;
}

export type Json = null | boolean | number | string | RawNumber | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

declare global {
  /** Missing from the types of our language version; Node has had both since 21. */
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: Json, context: { readonly source?: string }) => Json,
    ): Json;
    rawJSON(text: string): RawNumber;
  }
}

/**
 * Matches a number that JavaScript might alter (-0, 16 digits, a fraction or an exponent) after a colon that follows a
 * quote, a comma, a bracket or at the start. A match inside a string only costs the slower parse; addresses do not match,
 * so it is rare.
 */
const ALTERABLE = /(?:^|"\s*:|[[,])\s*(?:-0|-?\d{16}|-?\d+[.eE])/;

/** Throws SyntaxError for invalid JSON. The last of duplicate keys wins; `__proto__` is an ordinary key. */
export function parseJson(text: string): Json {
  if (!ALTERABLE.test(text)) {
    const value: Json = JSON.parse(text);
    return value;
  }
  return JSON.parse(text, (_key: string, value: Json, { source }: { readonly source?: string }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? JSON.rawJSON(source)
      : value,
  );
}

export function stringifyJson(value: Json): string {
  return JSON.stringify(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  // Neither an array nor a RawNumber has this prototype; a parsed object always has.
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isInteger(value: Json | undefined): value is number {
  return Number.isSafeInteger(value);
}

/** The value of an own key; null counts as absent, as in the reference implementation. */
export function member(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

/** Most characters of a value in a message. */
export const MAX_QUOTED = 120;

/** Formats a value for a message: JSON on one line, shortened. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
}
