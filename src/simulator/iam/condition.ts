import { matches } from "./pattern.ts";

/** What a request says of itself, by condition key in lower case but for a tag's own key; lists are multivalued keys. */
export type Facts = ReadonlyMap<string, string | readonly string[]>;

/** A test of a statement's Condition. All of them have to hold. */
export interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly holds: (facts: Facts) => boolean;
}

/** Keys that requests here have; those that end in a slash have a tag's key after it. */
const KEYS = [
  "aws:RequestTag/",
  "aws:ResourceTag/",
  "ec2:ResourceTag/",
  "aws:TagKeys",
  "aws:RequestedRegion",
  "ec2:Region",
  "ec2:CreateAction",
  "ec2:Vpc",
  "ec2:Subnet",
];

const equals = (wanted: string, found: string) => wanted === found;
const like = (wanted: string, found: string) => matches(wanted, found);
const TESTS: Readonly<
  Record<string, { readonly same: (wanted: string, found: string) => boolean; readonly not: boolean }>
> = {
  StringEquals: { same: equals, not: false },
  StringNotEquals: { same: equals, not: true },
  StringLike: { same: like, not: false },
  StringNotLike: { same: like, not: true },
  ArnEquals: { same: like, not: false },
  ArnLike: { same: like, not: false },
};

/** Reads one key of one operator. Throws a TypeError, in one line, for what the simulator does not know. */
export function readCondition(operator: string, key: string, wanted: readonly string[]): Condition {
  const [, set, name = "", ifExists] =
    /^(ForAllValues:|ForAnyValue:)?([A-Za-z]+?)(IfExists)?$/.exec(operator) ?? [];
  const known = KEYS.find((one) =>
    one.endsWith("/")
      ? key.toLowerCase().startsWith(one.toLowerCase())
      : key.toLowerCase() === one.toLowerCase(),
  );
  if (known === undefined) throw new TypeError(`the simulator knows no condition key "${key}"`);
  if (wanted.some((value) => value.includes("${")))
    throw new TypeError(`the simulator knows no variables, as in "${key}"`);
  const at = factKey(key);
  if (operator === "Null") return { operator, key, holds: readNull(at, wanted) };
  const test = Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
  if (test === undefined) throw new TypeError(`the simulator knows no condition operator "${operator}"`);
  const isOne = (found: string) => wanted.some((value) => test.same(value, found)) !== test.not;
  return {
    operator,
    key,
    holds(facts) {
      const found = facts.get(at);
      if (found === undefined)
        return set === "ForAllValues:" || ifExists !== undefined || (set === undefined && test.not);
      const values = typeof found === "string" ? [found] : found;
      return set === "ForAllValues:" ? values.every(isOne) : values.some(isOne);
    },
  };
}

function readNull(at: string, wanted: readonly string[]): (facts: Facts) => boolean {
  const [value = ""] = wanted;
  if (wanted.length !== 1 || !/^(true|false)$/.test(value)) throw new TypeError('Null is "true" or "false"');
  return (facts) => facts.has(at) === (value === "false");
}

/** Names of keys are the same in any case, tags' keys are not. */
export function factKey(key: string): string {
  const slash = key.indexOf("/");
  return slash < 0 ? key.toLowerCase() : key.slice(0, slash).toLowerCase() + key.slice(slash);
}
