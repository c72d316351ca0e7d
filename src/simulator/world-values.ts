import type { ParamTree } from "./model/params.ts";

/** What a world file has at a name. Each throws a TypeError in one line. */

export function reference(known: ReadonlyMap<string, string>, name: string, what: string): string {
  const id = known.get(name);
  if (id === undefined) throw new TypeError(`there is no ${what} "${name}" in this VPC`);
  return id;
}

export function nameTag(type: string, name: string): ParamTree {
  return { TagSpecification: { "1": { ResourceType: type, Tag: { "1": { Key: "Name", Value: name } } } } };
}

export function numbered(values: readonly string[]): ParamTree {
  return Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
}

export function objectAt(value: unknown, what: string, names?: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} is a mapping, not ${JSON.stringify(value)}`);
  }
  const stranger = names === undefined ? undefined : Object.keys(value).find((name) => !names.includes(name));
  if (stranger !== undefined)
    throw new TypeError(`${what} has no "${stranger}"; it has ${names?.join(", ")}`);
  return value as Record<string, unknown>;
}

export function flagAt(object: Record<string, unknown>, name: string): boolean {
  const value = object[name] ?? false;
  if (typeof value !== "boolean")
    throw new TypeError(`"${name}" is true or false, not ${JSON.stringify(value)}`);
  return value;
}

/** A number, or the text of one, as a request has it. */
export function wordAt(object: Record<string, unknown>, name: string): string {
  const value = object[name];
  if (typeof value !== "number" && typeof value !== "string")
    throw new TypeError(`"${name}" is a number, not ${JSON.stringify(value)}`);
  return String(value);
}

export function textAt(object: Record<string, unknown>, name: string): string {
  const value = object[name];
  if (typeof value !== "string") throw new TypeError(`"${name}" is a text, not ${JSON.stringify(value)}`);
  return value;
}

export function listAt(object: Record<string, unknown>, name: string): readonly unknown[] {
  const value = object[name] ?? [];
  if (!Array.isArray(value)) throw new TypeError(`"${name}" is a list, not ${JSON.stringify(value)}`);
  return value;
}
