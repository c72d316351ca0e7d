// Values that somebody might write where another was meant, and JSON with some damage.
import * as fc from "fast-check";

/** JSON as the tests build it; what JavaScript's own values cannot say is text of its own (see `raw`). */
export type Value =
  null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value } | Raw;

/** Text that stands in the JSON as it is: 1e400, 7.0, a number of 40 digits, an array of ten thousand levels. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const deep = (levels: number) => new Raw(`${"[".repeat(levels)}${"]".repeat(levels)}`);

export const numbers: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(0, -1, 1, 7, 4094, 4095, 4096, 65_536, 2 ** 31, 2 ** 53, -(2 ** 53)),
  fc
    .constantFrom(
      "-0",
      "7.0",
      "7e0",
      "1e400",
      "-1e400",
      "0.1",
      "1E+2",
      "12345678901234567890",
      "9".repeat(40),
    )
    .map((text) => new Raw(text)),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "\n",
    "eth0\n",
    "two\r\nlines",
    "\u0085\u2028\u2029\v\f",
    "\u0000",
    "\u001b[31mred",
    "\ud800",
    "\ufeff",
    "..",
    "../../../etc/passwd",
    "%s%n${x}`id`",
    "__proto__",
    "constructor",
    "true",
    "null",
    "7",
    "eth0",
    "eni-\u202e",
    "0.0.0.0/0",
    "::/0",
    "255.255.255.255/33",
    "1".repeat(300),
    "é".repeat(5000),
  ),
  // Longer than a pipe and an event take.
  fc.integer({ min: 100, max: 100_000 }).map((length) => "x".repeat(length)),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);

export const keys: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    "",
    "0",
    "cniVersion",
    "name",
  ),
  texts,
);

export const values: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Value>(null, true, false, [], {}, [[]], [null], { "": null }) },
  { weight: 6, arbitrary: numbers },
  { weight: 8, arbitrary: texts },
  { weight: 2, arbitrary: fc.array(texts, { maxLength: 3 }) },
  { weight: 2, arbitrary: fc.tuple(keys, texts).map(([key, text]) => Object.fromEntries([[key, text]])) },
  { weight: 1, arbitrary: fc.constantFrom(...[50, 200, 4000, 20_000].map(deep)) },
);

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** One change somewhere in a value. `route` leads there: at each level a part of the whole. */
interface Change {
  readonly route: readonly number[];
  readonly how: "replace" | "remove" | "rename" | "add" | "repeat" | "wrap";
  readonly value: Value;
  readonly key: string;
}

const changes: fc.Arbitrary<Change> = fc.record({
  route: fc.array(place, { minLength: 1, maxLength: 5 }),
  how: fc.constantFrom("replace", "replace", "replace", "remove", "rename", "add", "repeat", "wrap"),
  value: values,
  key: keys,
});

/** The value with a number of changes. */
export function changed(original: fc.Arbitrary<Value>, most: number): fc.Arbitrary<Value> {
  return fc
    .tuple(original, fc.array(changes, { minLength: most > 0 ? 1 : 0, maxLength: most }))
    .map(([value, list]) => list.reduce((now, change) => apply(now, change, change.route), value));
}

function apply(value: Value, change: Change, route: readonly number[]): Value {
  const [step, ...rest] = route;
  if (step === undefined || value === null || typeof value !== "object" || value instanceof Raw) {
    return change.how === "wrap" ? [value] : change.value;
  }
  const entries: [string, Value][] = Array.isArray(value)
    ? value.map((entry: Value, i): [string, Value] => [String(i), entry])
    : Object.entries(value);
  const at = Math.floor(step * entries.length);
  const [key, old] = entries[at] ?? ["", null];
  const isLast = rest.length === 0 || old === null || typeof old !== "object";
  const put = (...instead: [string, Value][]) =>
    rebuilt(value, [...entries.slice(0, at), ...instead, ...entries.slice(at + 1)]);
  if (!isLast) return put([key, apply(old, change, rest)]);
  switch (change.how) {
    case "replace":
      return put([key, change.value]);
    case "remove":
      return put();
    case "rename":
      return put([key === key.toLowerCase() ? key.toUpperCase() : key.toLowerCase(), old]);
    case "add":
      return put([key, old], [change.key, change.value]);
    case "repeat":
      return put([key, old], [`${key} `, old]);
    case "wrap":
      return put([key, [old]]);
  }
}

function rebuilt(like: Value, entries: readonly [string, Value][]): Value {
  return Array.isArray(like) ? entries.map(([, entry]) => entry) : Object.fromEntries(entries);
}

/** JSON text; `twice` gives the first key of each object once more, with null, before (it then loses) or after. */
export function textOf(value: Value, twice?: "before" | "after"): string {
  if (value instanceof Raw) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((entry: Value) => textOf(entry, twice)).join(",")}]`;
  const members = Object.entries(value).map(
    ([key, entry]) => `${JSON.stringify(key)}:${textOf(entry, twice)}`,
  );
  const [first] = Object.keys(value);
  const again = first === undefined || twice === undefined ? [] : [`${JSON.stringify(first)}:null`];
  return `{${(twice === "before" ? [...again, ...members] : [...members, ...again]).join(",")}}`;
}
