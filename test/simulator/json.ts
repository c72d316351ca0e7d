// What an answer has to contain, written as JSON with three signs: patterns, absence, and lists without an order.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type Names = Readonly<Record<string, string>>;

/**
 * The value with each `$name` in its texts replaced.
 *
 * @throws {Error} naming a name that nothing has given a value
 */
export function fill(value: Json, names: Names): Json {
  if (typeof value === "string") {
    return value.replaceAll(/\$([a-z][A-Za-z0-9]*)/g, (_, name: string) => {
      const known = names[name];
      if (known === undefined) throw new Error(`nothing is called $${name} here`);
      return known;
    });
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, names)]));
}

/**
 * What lies at a path such as `Instances.0.InstanceId`; after a space a pattern, whose group is taken.
 *
 * @throws {Error} when there is no text, or the pattern does not match it
 */
export function pick(value: unknown, where: string): string {
  const [path = "", pattern] = where.split(" ");
  let at: unknown = value;
  for (const key of path.split(".")) at = isRecord(at) ? at[key] : undefined;
  if (typeof at !== "string") throw new Error(`no text at ${path} of ${JSON.stringify(value)}`);
  if (pattern === undefined) return at;
  const [, group] = new RegExp(pattern).exec(at) ?? [];
  if (group === undefined) throw new Error(`"${at}" at ${path} does not match ${pattern}`);
  return group;
}

/**
 * Where the value lacks something of what is expected, in one line; undefined when it has all of it.
 *
 * An expected text that begins with ~ is a pattern. null and an empty list expect nothing, or an empty list: EC2 leaves
 * out what is empty, and clients differ in what they make of that. A list expects as many items, in any order.
 */
export function mismatch(expected: Json, value: unknown, path = "answer"): string | undefined {
  if (isEmpty(expected)) return isEmpty(value) ? undefined : `${path} is ${text(value)} instead of absent`;
  if (Array.isArray(expected)) return listMismatch(expected, value, path);
  if (typeof expected === "object" && expected !== null) {
    if (!isRecord(value)) return `${path} is ${text(value)}`;
    for (const [key, item] of Object.entries(expected)) {
      const lacking = mismatch(item, value[key], `${path}.${key}`);
      if (lacking !== undefined) return lacking;
    }
    return undefined;
  }
  if (typeof expected === "string" && expected.startsWith("~")) {
    const fits = typeof value === "string" && new RegExp(expected.slice(1)).test(value);
    return fits ? undefined : `${path} is ${text(value)}, which ${expected.slice(1)} does not match`;
  }
  return value === expected ? undefined : `${path} is ${text(value)} instead of ${text(expected)}`;
}

/** Each expected item takes one of the list; which one is tried in all ways, since one may fit several. */
function listMismatch(expected: Json[], value: unknown, path: string): string | undefined {
  if (!Array.isArray(value)) return `${path} is ${text(value)} instead of ${expected.length} items`;
  if (value.length !== expected.length)
    return `${path} has ${value.length} items instead of ${expected.length}`;
  const [first, ...others] = expected;
  if (first === undefined) return undefined;
  let nearest: string | undefined;
  for (const [index, item] of value.entries()) {
    const lacking =
      mismatch(first, item, `${path}.${index}`) ?? listMismatch(others, value.toSpliced(index, 1), path);
    if (lacking === undefined) return undefined;
    nearest ??= lacking;
  }
  return nearest;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}
