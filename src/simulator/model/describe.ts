import { Ec2Error, invalidValue } from "./error.ts";
import type { Params } from "./params.ts";
import type { Answer, Tag } from "./types.ts";

/** For each filter, the values that a thing has: one that matches is enough. */
export type Filters<T> = Readonly<Record<string, (thing: T) => readonly (string | undefined)[]>>;

/** More values in one request are FilterLimitExceeded. */
const MAX_FILTER_VALUES = 200;

/** What a describe is told to show: AND between filters, OR between values, `*` and `?` match any characters. */
export function filtered<T extends { readonly tags: readonly Tag[] }>(
  things: Iterable<T>,
  params: Params,
  filters: Filters<T>,
): T[] {
  const tests: ((thing: T) => boolean)[] = [];
  let count = 0;
  for (const filter of params.structures("Filter")) {
    const name = filter.required("Name");
    const values = filter.list("Value");
    if (values.length === 0)
      throw new Ec2Error("InvalidParameterValue", `The filter '${name}' has no values`);
    count += values.length;
    if (count > MAX_FILTER_VALUES) {
      throw new Ec2Error(
        "FilterLimitExceeded",
        `The maximum number of filter values specified on a single call is ${MAX_FILTER_VALUES}`,
      );
    }
    const read = readerOf(name, filters);
    const matches = values.map(pattern);
    tests.push((thing) =>
      read(thing).some((value) => value !== undefined && matches.some((matched) => matched(value))),
    );
  }
  const found: T[] = [];
  for (const thing of things) if (tests.every((test) => test(thing))) found.push(thing);
  return found;
}

function readerOf<T extends { readonly tags: readonly Tag[] }>(
  name: string,
  filters: Filters<T>,
): (thing: T) => readonly (string | undefined)[] {
  if (name.startsWith("tag:")) {
    const key = name.slice("tag:".length);
    return ({ tags }) => tags.filter((tag) => tag.key === key).map(({ value }) => value);
  }
  if (name === "tag-key") return ({ tags }) => tags.map(({ key }) => key);
  const read = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (read === undefined) throw new Ec2Error("InvalidParameterValue", `The filter '${name}' is invalid`);
  return read;
}

function pattern(text: string): (value: string) => boolean {
  if (!/[*?\\]/.test(text)) return (value) => value === text;
  return (value) => wildcard(text, value);
}

/** Without a regular expression, whose time a hostile pattern could make exponential. A backslash takes the next as it is. */
export function wildcard(text: string, value: string): boolean {
  let i = 0;
  let at = 0;
  let star = -1;
  let mark = 0;
  while (at < value.length) {
    const escaped = text[i] === "\\" && i + 1 < text.length;
    const wanted = escaped ? text[i + 1] : text[i];
    if (!escaped && wanted === "*") {
      star = i++;
      mark = at;
    } else if (i < text.length && ((!escaped && wanted === "?") || wanted === value[at])) {
      i += escaped ? 2 : 1;
      at++;
    } else if (star >= 0) {
      i = star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (text[i] === "*") i++;
  return i === text.length;
}

export interface PageBounds {
  readonly min: number;
  readonly max: number;
  /** Whether MaxResults may not come with a list of ids. */
  readonly notWithIds?: string;
}

/** One page of the things, and the token of the next, absent on the last. */
export function page<T extends { readonly id: string }>(
  things: readonly T[],
  params: Params,
  { min, max, notWithIds }: PageBounds,
): { readonly page: readonly T[]; readonly next: Answer } {
  const size = params.integer("MaxResults");
  const token = params.text("NextToken");
  if (size !== undefined) {
    if (notWithIds !== undefined && params.has(notWithIds)) {
      throw new Ec2Error(
        "InvalidParameterCombination",
        `The parameter ${notWithIds} cannot be used with the parameter MaxResults`,
      );
    }
    if (size < min || size > max) {
      throw invalidValue(size, "MaxResults", `Expecting a value between ${min} and ${max}.`);
    }
  }
  const start = token === undefined || token === "" ? 0 : startOf(things, token);
  const end = start + (size ?? Math.max(things.length, 1));
  const last = things[end - 1];
  const isLast = end >= things.length || last === undefined;
  return {
    page: things.slice(start, end),
    next: isLast ? {} : { nextToken: Buffer.from(`${end} ${last.id}`).toString("base64url") },
  };
}

/** A page begins behind the last id of the one before; when that is gone, at its old place. */
function startOf(things: readonly { readonly id: string }[], token: string): number {
  const found = /^(\d{1,9}) (\S+)$/.exec(Buffer.from(token, "base64url").toString());
  if (found === null) throw new Ec2Error("InvalidNextToken", "The token that was supplied is invalid");
  const place = Number(found[1]);
  if (things[place - 1]?.id === found[2]) return place;
  const index = things.findIndex(({ id }) => id === found[2]);
  return index < 0 ? place : index + 1;
}
