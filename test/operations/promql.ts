// What an expression of PromQL names. Not a parser: promtool reads the same expressions in `make test-all`.

export interface Named {
  readonly metrics: readonly string[];
  /** Label matchers of a metric, and the values that a regular expression lists. */
  readonly matchers: readonly {
    readonly metric: string;
    readonly label: string;
    readonly values: readonly string[];
  }[];
  /** Labels by which it groups or joins. */
  readonly groupings: readonly string[];
}

const KEYWORDS = [
  "and",
  "or",
  "unless",
  "bool",
  "offset",
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
];
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const MATCHER = /(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g;

export function namedBy(expression: string): Named {
  const matchers = [...expression.matchAll(/(\w+)\s*\{([^}]*)\}/g)].flatMap(([, metric = "", inside = ""]) =>
    [...inside.matchAll(MATCHER)].map(([, label = "", value = ""]) => ({
      metric,
      label,
      values: value.split("|"),
    })),
  );
  const groupings = [...expression.matchAll(GROUPING)].flatMap(([, inside = ""]) =>
    inside.split(",").flatMap((label) => label.trim() || []),
  );
  const bare = expression
    .replaceAll(/\{[^}]*\}/g, " ")
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(GROUPING, " ");
  const metrics = [...bare.matchAll(/(?<![\w.])[a-zA-Z_:][\w:]*(?!\w|\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !KEYWORDS.includes(name));
  return { metrics: [...new Set(metrics)], matchers, groupings };
}
