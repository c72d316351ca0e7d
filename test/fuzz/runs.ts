// How often a property is tried. `make check` tries few, the same in every run; by hand as many as wanted:
//
//     make fuzz RUNS=200000                another seed each time, printed first
//     make fuzz RUNS=200000 SEED=4711
//
// A failure prints the seed and the shortest example that was found.
import type { Parameters } from "fast-check";

/** The gate tries the same in every run: what fails there is the change, not the day. */
const SEED = 20_261_123;

const wanted = process.env["FUZZ_RUNS"];
const seed = Number(process.env["FUZZ_SEED"] ?? (wanted === undefined ? SEED : Date.now() % 2 ** 31));

if (wanted !== undefined) console.log(`FUZZ_RUNS=${wanted} FUZZ_SEED=${seed}`);

/** The parameters of a property that the gate tries so many times; `share` of a long run's number, for slow ones. */
export function runs<T>(gate: number, share = 1): Parameters<T> {
  const numRuns = wanted === undefined ? gate : Math.ceil(Number(wanted) * share);
  return { seed, numRuns };
}

/** For a test: a second or two, more while the machine is busy; as long as it takes when a long run was asked for. */
export const patience = { timeout: wanted === undefined ? 60_000 : 24 * 60 * 60 * 1000 };

/** How often things happened: a run in which nothing got far proves nothing. */
export class Tally {
  readonly #counts = new Map<string, number>();
  #total = 0;

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    this.#total += 1;
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** Those that were less than this share of all that was counted, with what there was instead. */
  rare(shares: Readonly<Record<string, number>>): string[] {
    if (wanted !== undefined) console.log(this.text());
    const rare = Object.entries(shares).filter(([what, share]) => this.of(what) < share * this.#total);
    return rare.map(
      ([what, share]) => `${what}: ${this.of(what)}, below ${share * 100} % of\n${this.text()}`,
    );
  }

  text(): string {
    return [...this.#counts]
      .toSorted(([, a], [, b]) => b - a)
      .map(([what, count]) => `${String(count).padStart(9)}  ${what}`)
      .join("\n");
  }
}
