/**
 * Reading objects of the API server, which need not be what their schema says: another version, or a resource of another
 * controller's. What is missing or of a wrong type is undefined.
 */

export type Fields = Readonly<Record<string, unknown>>;

const NONE: Fields = {};

/** An object's fields; none if it is no object. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : NONE;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The entries whose values are texts, such as labels. Keys may be any, so they are read as own ones only. */
export function textsByKey(value: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = Object.create(null);
  for (const [key, text] of Object.entries(fieldsOf(value))) {
    if (typeof text === "string") texts[key] = text;
  }
  return texts;
}
