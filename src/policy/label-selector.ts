import { quote } from "../text/json.ts";

/**
 * Label selectors as the API server evaluates them (k8s.io/apimachinery, metav1.LabelSelectorAsSelector). A selector comes
 * from the API server as it was written: the schema of SecurityGroupPolicy admits any operator.
 */

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

/** metav1.LabelSelector. An empty one selects everything. */
export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly Requirement[];
}

/** metav1.LabelSelectorRequirement. */
export interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/**
 * Whether labels match a selector, and why not. `unknown`: a requirement is invalid, and the rest of the selector does not
 * settle the matter.
 */
export type Match =
  | { readonly matches: true }
  | { readonly matches: false; readonly why: string }
  | { readonly matches: "unknown"; readonly why: string };

const MATCHES: Match = { matches: true };

/** `field` is the selector's place in its object, such as spec.podSelector; the reasons quote it. */
export function matchLabels(selector: LabelSelector, labels: Labels, field: string): Match {
  const parts = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => matchOne(key, value, labels, field)),
    ...(selector.matchExpressions ?? []).map((requirement, index) =>
      matchExpression(requirement, labels, `${field}.matchExpressions[${index}]`),
    ),
  ];
  return allOf(parts);
}

/** All of several: a certain no outweighs an unknown. */
export function allOf(parts: readonly Match[]): Match {
  return (
    parts.find(({ matches }) => matches === false) ??
    parts.find(({ matches }) => matches === "unknown") ??
    MATCHES
  );
}

function matchOne(key: string, value: string, labels: Labels, field: string): Match {
  const found = labelOf(labels, key);
  if (found === value) return MATCHES;
  return no(
    `${field}.matchLabels asks for ${key}=${value}, ${found === undefined ? "there is no such label" : `it is ${quote(found)}`}`,
  );
}

function matchExpression({ key, operator, values = [] }: Requirement, labels: Labels, field: string): Match {
  const found = labelOf(labels, key);
  const has = found === undefined ? "there is no such label" : `it is ${quote(found)}`;
  const isListed = found !== undefined && values.includes(found);
  switch (operator) {
    case "In":
      if (values.length === 0) return unknown(`${field}: In without values`);
      return isListed ? MATCHES : no(`${field} asks for ${key} in ${quote(values)}, ${has}`);
    case "NotIn":
      if (values.length === 0) return unknown(`${field}: NotIn without values`);
      // An object without the label matches.
      return isListed ? no(`${field} asks for ${key} not in ${quote(values)}, ${has}`) : MATCHES;
    case "Exists":
      if (values.length > 0) return unknown(`${field}: Exists with values ${quote(values)}`);
      return found === undefined ? no(`${field} asks for ${key}, ${has}`) : MATCHES;
    case "DoesNotExist":
      if (values.length > 0) return unknown(`${field}: DoesNotExist with values ${quote(values)}`);
      return found === undefined ? MATCHES : no(`${field} asks for no ${key}, ${has}`);
    default:
      return unknown(`${field}: operator ${quote(operator)} is none of In, NotIn, Exists, DoesNotExist`);
  }
}

/** An own key only: a label may be called "constructor". */
function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function no(why: string): Match {
  return { matches: false, why };
}

function unknown(why: string): Match {
  return { matches: "unknown", why };
}
