import { SHARES, type Suite, type Tier } from "./manifest.ts";
import type { Outcome } from "./outcome.ts";

export interface Run {
  readonly tier: Tier;
  readonly piece: number;
  readonly manifest: readonly Suite[];
  /** One for each suite that was to run. */
  readonly outcomes: readonly Outcome[];
  /** Of guests, the kernel's series for each boot after the first one: the emulator had failed. */
  readonly bootedAgain: readonly string[];
  /** Suites of the tier that were left out on purpose. */
  readonly notChosen: readonly string[];
  /** Test files that no suite has. */
  readonly orphans: readonly string[];
  readonly minutes: readonly { readonly part: string; readonly minutes: number }[];
}

export interface Summary {
  /** The last is "N passed, N failed". */
  readonly lines: readonly string[];
  readonly ok: boolean;
}

/** How many tests of a run may pass in a second try only. */
const RETRIES = 1;

/** Of a run in which everything fails, so many lines say which; the reports have the rest. */
const NAMED = 20;

function entry({ suite, report, kernel, seconds, defect }: Outcome): string {
  const counts =
    report === undefined
      ? []
      : [
          `${report.passed} passed, ${report.failed} failed`,
          ...(report.skipped > 0 ? [`${report.skipped} filtered out`] : []),
        ];
  const parts = [
    ...counts,
    ...(seconds === undefined ? [] : [`${(seconds / 60).toFixed(1)} min`]),
    defect === undefined ? "ok" : `NOT OK: ${defect}`,
  ];
  return `${suite.name}${kernel === undefined ? "" : ` (${kernel})`}: ${parts.join(", ")}`;
}

/** Sums up a run. It is no success unless every suite proved something, and each test file is in one. */
export function summarize(run: Run): Summary {
  const { outcomes, manifest, tier, piece } = run;
  const retried = outcomes.flatMap(({ suite, retried: names }) =>
    names.map((name) => `${suite.name}: ${name}`),
  );
  const named = outcomes.flatMap(({ suite, report }) =>
    (report?.failures ?? []).map((failure) => `failed: ${suite.name}: ${failure}`),
  );
  const notRun = manifest.filter((suite) => !suite.tiers.includes(tier));
  const problems = [
    ...run.orphans.map((file) => `${file} is in no suite of test/suites/manifest.ts`),
    ...(retried.length > RETRIES
      ? [`${retried.length} tests needed a second try; at most ${RETRIES} may`]
      : []),
    ...(outcomes.length === 0 ? ["no suite ran"] : []),
  ];
  const passed = outcomes.reduce((sum, { report }) => sum + (report?.passed ?? 0), 0);
  // A suite that proves nothing is one thing that failed, also where no test of it did.
  const failed = outcomes.reduce(
    (sum, { report, defect }) => sum + Math.max(report?.failed ?? 0, defect === undefined ? 0 : 1),
    problems.length,
  );
  return {
    lines: [
      ...outcomes.map(entry),
      ...retried.map((name) => `second try: ${name}`),
      ...(run.bootedAgain.length > 0
        ? [
            `booted again, before the guest had begun: ${run.bootedAgain.length} (${run.bootedAgain.join(", ")})`,
          ]
        : []),
      ...(run.notChosen.length > 0 ? [`left out on purpose: ${run.notChosen.join(", ")}`] : []),
      ...(tier === "gate"
        ? [
            `this is the gate, with piece ${piece} of the kernel suite on 6.1; make test-all also runs ${notRun.map(({ name }) => name).join(", ")}`,
          ]
        : []),
      ...run.minutes.map(({ part, minutes }) =>
        tier === "gate"
          ? `${part}: ${minutes.toFixed(1)} min of its ${SHARES[part as keyof typeof SHARES]} on two cores`
          : `${part}: ${minutes.toFixed(1)} min`,
      ),
      // Last, for who is shown only the end of the output.
      ...named.slice(0, NAMED),
      ...(named.length > NAMED ? [`failed: ${named.length - NAMED} more`] : []),
      ...problems.map((problem) => `NOT OK: ${problem}`),
      `${passed} passed, ${failed} failed`,
    ],
    ok: failed === 0,
  };
}
