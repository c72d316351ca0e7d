// Selectors and labels at random, the same for the same seed.
import * as fc from "fast-check";
import type { LabelSelector, Requirement } from "../../../src/policy/label-selector.ts";

/** Few, so that selectors and labels meet. */
const key = fc.constantFrom("app", "tier", "example.com/zone", "constructor");
const value = fc.constantFrom("a", "b", "c.d-e_F", "");

const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom("In", "NotIn"),
    values: fc.uniqueArray(value, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ key, operator: fc.constantFrom("Exists", "DoesNotExist") }),
);

const selector: fc.Arbitrary<LabelSelector> = fc.record(
  {
    matchLabels: fc.dictionary(key, value, { maxKeys: 2 }),
    matchExpressions: fc.array(requirement, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

export function randomSelectors(seed: number, count: number): readonly LabelSelector[] {
  return fc.sample(selector, { seed, numRuns: count });
}

export function randomLabels(seed: number, count: number): readonly Readonly<Record<string, string>>[] {
  return fc.sample(fc.dictionary(key, value, { maxKeys: 4 }), { seed, numRuns: count });
}

/** As `kubectl get -l` takes it; empty for everything. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  return [
    ...Object.entries(matchLabels).map(([name, its]) => `${name}=${its}`),
    ...matchExpressions.map(requirementText),
  ].join(",");
}

function requirementText({ key: name, operator, values = [] }: Requirement): string {
  switch (operator) {
    case "In":
      return `${name} in (${values.join(",")})`;
    case "NotIn":
      return `${name} notin (${values.join(",")})`;
    case "Exists":
      return name;
    case "DoesNotExist":
      return `!${name}`;
    default:
      throw new Error(`kubectl has no ${operator}`);
  }
}
