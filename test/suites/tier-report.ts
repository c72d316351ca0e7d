import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Suite, Tier } from "./manifest.ts";

/** Writes what a run of a tier printed at its end, with its commit and date, as a page. */
export function writeTierReport(
  file: string,
  root: string,
  { tier, lines, manifest }: Pick<Page, "tier" | "lines" | "manifest">,
): void {
  const git = (...args: string[]) => spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout.trim();
  const isClean = git("status", "--porcelain", "--untracked-files=no") === "";
  const commit = `${git("rev-parse", "HEAD")}${isClean ? "" : ", with changes not committed"}`;
  writeFileSync(file, pageOf({ tier, commit, date: new Date().toISOString().slice(0, 10), lines, manifest }));
}

export interface Page {
  readonly tier: Tier;
  readonly commit: string;
  readonly date: string;
  /** What the run printed at its end. */
  readonly lines: readonly string[];
  /** As it is now, which may be later than the run. */
  readonly manifest: readonly Suite[];
}

export function pageOf({ tier, commit, date, lines, manifest }: Page): string {
  const command = tier === "all" ? "make test-all" : "make test";
  const ran = new Set(
    lines.flatMap((line) => /^(\S+?)(?: \(.*?\))?: .*\b(?:ok|NOT OK\b.*)$/.exec(line)?.[1] ?? []),
  );
  const suites = manifest
    .filter(({ tiers }) => tiers.includes(tier))
    .map(({ name, place, why }) => {
      const where = place === "here" ? "here" : `in a guest with Linux ${place}`;
      return `- \`${name}\`, ${where}: ${why}${ran.has(name) ? "" : `. **${MISSING}.**`}`;
    });
  return [
    `# The last \`${command}\``,
    "",
    `Commit ${commit}, ${date}.`,
    "",
    "```",
    ...lines,
    "```",
    "",
    "## Its suites today",
    "",
    `All that \`${command}\` would run now, as \`test/suites/manifest.ts\` has them. What is above was seen at that commit.`,
    "",
    ...suites,
    "",
  ].join("\n");
}

const MISSING = "It was not part of that run";

/** What a page says of its run. Error for one that is none. */
export function readPage(text: string): Pick<Page, "commit" | "date" | "lines"> {
  const [, commit = "", date = "", block = ""] =
    /^Commit (.*), (\d{4}-\d{2}-\d{2})\.\n\n```\n(.*?)\n```$/ms.exec(text) ?? [];
  if (block === "") throw new Error("no commit, date and results of a run");
  return { commit, date, lines: block.split("\n") };
}
