// What is expected and what was observed, in the same words.
import { tableOf } from "./table.ts";

export interface Expectation<Id extends string> {
  readonly id: Id;
  readonly what: string;
  readonly expected: string;
}

/** Expectations with what was observed; what was not got to has no observation. */
export class Outcomes<Id extends string> {
  readonly #observed = new Map<Id, string>();
  readonly #expectations: readonly Expectation<Id>[];

  constructor(expectations: readonly Expectation<Id>[]) {
    this.#expectations = expectations;
  }

  /** Notes an outcome, and answers whether it is the expected one. */
  note(id: Id, observed: string): boolean {
    this.#observed.set(id, observed);
    return this.#expectations.some((one) => one.id === id && one.expected === observed);
  }

  get differing(): Expectation<Id>[] {
    return this.#expectations.filter(({ id, expected }) => this.#observed.get(id) !== expected);
  }

  /** Rows below a line of headings. */
  table(): string[] {
    const cells = this.#expectations.map(({ id, what, expected }) => {
      const observed = this.#observed.get(id);
      if (observed === undefined) return [what, expected, "(not tried)", ""] as const;
      return [what, expected, observed, observed === expected ? "ok" : "DIFFERS"] as const;
    });
    return tableOf([["what", "expected", "observed", ""], ...cells]);
  }
}
