import type { Facts, Source } from "./facts.ts";

/**
 * `skipped`: it does not apply here, or somebody asked for it to be left out. `unknown`: what it needs could not be read.
 */
export type Result = "ok" | "warning" | "problem" | "skipped" | "unknown";

/** What a check says of the facts. */
export interface Finding {
  readonly result: Result;
  /** What was found, or why it was not looked for: one line. */
  readonly found: string;
  /** What it concerns, a line each: `node-1: …`. */
  readonly items: readonly string[];
  /** What to do here, instead of the check's own words. */
  readonly todo?: string;
}

/** One thing that `branchline doctor` looks at. Its section in docs/doctor.md has its code as heading. */
export interface Check {
  /** BL and three digits. It never changes, and is never given to another check. */
  readonly code: string;
  /** What is right when it is ok. */
  readonly title: string;
  /** Why it matters. */
  readonly why: string;
  /** What to do. */
  readonly todo: string;
  /** From where it is seen: the API server and EC2, or the node itself. */
  readonly place: "cluster" | "node";
  /** Without these it is unknown. */
  readonly needs: readonly (keyof Facts)[];
  /** Pure. */
  readonly judge: (facts: Facts) => Finding;
}

/** The values of some facts. */
type Values<K extends keyof Facts, M extends keyof Facts> = {
  readonly [key in K]: Value<key>;
} & { readonly [key in M]: Value<key> | undefined };

type Value<K extends keyof Facts> = Facts[K] extends Source<infer T> ? T : never;

interface Definition<K extends keyof Facts, M extends keyof Facts> extends Omit<Check, "needs" | "judge"> {
  readonly needs: readonly K[];
  /** What it says more with; undefined for those that could not be read. */
  readonly uses?: readonly M[];
  readonly judge: (values: Values<K, M>) => Finding;
}

/** A check whose `judge` gets the values of what it needs; without one of them the check is unknown, and says why. */
export function defineCheck<const K extends keyof Facts, const M extends keyof Facts = never>(
  definition: Definition<K, M>,
): Check {
  const { needs, uses = [], judge } = definition;
  return {
    ...definition,
    judge(facts) {
      const missing = new Set(needs.flatMap((key) => reasonOf(facts[key]) ?? []));
      if (missing.size > 0) return unknown([...missing].join("; "));
      const values = Object.fromEntries([...needs, ...uses].map((key) => [key, valueOf(facts[key])]));
      return judge(values as Values<K, M>);
    },
  };
}

function valueOf(source: Source<unknown>): unknown {
  return "value" in source ? source.value : undefined;
}

function reasonOf(source: Source<unknown>): string | undefined {
  return "missing" in source ? source.missing : undefined;
}

export function ok(found: string): Finding {
  return { result: "ok", found, items: [] };
}

export function skipped(found: string): Finding {
  return { result: "skipped", found, items: [] };
}

export function unknown(found: string): Finding {
  return { result: "unknown", found, items: [] };
}

export function warning(found: string, items: readonly string[] = [], todo?: string): Finding {
  return { result: "warning", found, items, ...(todo !== undefined && { todo }) };
}

export function problem(found: string, items: readonly string[] = [], todo?: string): Finding {
  return { result: "problem", found, items, ...(todo !== undefined && { todo }) };
}

/** `2 of 40 nodes`. */
export function share(part: readonly unknown[], all: readonly unknown[], noun: string): string {
  return `${part.length} of ${counted(all.length, noun)}`;
}

/** `1 node`, `2 nodes`, `2 policies`. */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  const plural = noun.endsWith("Policy") || noun.endsWith("policy") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count} ${noun === "branch" ? "branches" : plural}`;
}
