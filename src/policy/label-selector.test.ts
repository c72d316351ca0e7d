import { describe, expect, it } from "vitest";
import { type LabelSelector, type Match, allOf, matchLabels } from "./label-selector.ts";

const labels = { app: "web", tier: "front", empty: "" };
const matches = (selector: LabelSelector, of: Record<string, string> = labels) =>
  matchLabels(selector, of, "spec.podSelector");
const expression = (key: string, operator: string, values?: string[]): LabelSelector => ({
  matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }],
});

describe("matchLabels", () => {
  it.each<[string, LabelSelector, Match["matches"]]>([
    ["an empty selector", {}, true],
    ["empty lists", { matchLabels: {}, matchExpressions: [] }, true],
    ["a label", { matchLabels: { app: "web" } }, true],
    ["two labels", { matchLabels: { app: "web", tier: "front" } }, true],
    ["a label of another value", { matchLabels: { app: "db" } }, false],
    ["a label that is not there", { matchLabels: { zone: "a" } }, false],
    ["an empty value", { matchLabels: { empty: "" } }, true],
    ["an empty value for a label that is not there", { matchLabels: { zone: "" } }, false],
    ["a key that objects inherit", { matchLabels: { constructor: "web" } }, false],
    ["In", expression("app", "In", ["db", "web"]), true],
    ["In, another value", expression("app", "In", ["db"]), false],
    ["In, no such label", expression("zone", "In", ["a"]), false],
    ["NotIn", expression("app", "NotIn", ["db"]), true],
    ["NotIn, listed", expression("app", "NotIn", ["web"]), false],
    ["NotIn, no such label", expression("zone", "NotIn", ["a"]), true],
    ["Exists", expression("app", "Exists"), true],
    ["Exists, empty value", expression("empty", "Exists", []), true],
    ["Exists, no such label", expression("zone", "Exists"), false],
    ["Exists, a key that objects inherit", expression("toString", "Exists"), false],
    ["DoesNotExist", expression("zone", "DoesNotExist"), true],
    ["DoesNotExist, there", expression("app", "DoesNotExist"), false],
    ["both parts", { matchLabels: { app: "web" }, ...expression("tier", "In", ["front"]) }, true],
    ["one part of two", { matchLabels: { app: "web" }, ...expression("tier", "In", ["back"]) }, false],
    ["an unknown operator", expression("app", "in", ["web"]), "unknown"],
    ["In without values", expression("app", "In"), "unknown"],
    ["NotIn without values", expression("app", "NotIn", []), "unknown"],
    ["Exists with values", expression("app", "Exists", ["web"]), "unknown"],
    ["DoesNotExist with values", expression("zone", "DoesNotExist", ["a"]), "unknown"],
    [
      "an invalid part beside one that excludes",
      { matchLabels: { app: "db" }, ...expression("a", "in") },
      false,
    ],
    [
      "an invalid part beside one that matches",
      { matchLabels: { app: "web" }, ...expression("a", "in") },
      "unknown",
    ],
  ])("%s", (_what, selector, expected) => expect(matches(selector).matches).toBe(expected));

  it.each([
    [{ matchLabels: { app: "db" } }, 'spec.podSelector.matchLabels asks for app=db, it is "web"'],
    [{ matchLabels: { zone: "a" } }, "spec.podSelector.matchLabels asks for zone=a, there is no such label"],
    [
      expression("app", "NotIn", ["web"]),
      'spec.podSelector.matchExpressions[0] asks for app not in ["web"], it is "web"',
    ],
    [
      expression("app", "in"),
      'spec.podSelector.matchExpressions[0]: operator "in" is none of In, NotIn, Exists, DoesNotExist',
    ],
  ])("%j says why", (selector, why) => expect(matches(selector)).toMatchObject({ why }));
});

it("allOf of nothing matches", () => expect(allOf([]).matches).toBe(true));
