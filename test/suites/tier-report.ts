import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Tier } from "./manifest.ts";

/** Writes what a run of a tier printed at its end, with its commit and date, as a page. */
export function writeTierReport(file: string, root: string, tier: Tier, lines: readonly string[]): void {
  const git = (...args: string[]) => spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout.trim();
  const changed =
    git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", with changes not committed";
  const command = tier === "all" ? "make test-all" : "make test";
  writeFileSync(
    file,
    `# The last \`${command}\`\n\nCommit ${git("rev-parse", "HEAD")}${changed}, ${new Date().toISOString().slice(0, 10)}.\n\n\`\`\`\n${lines.join("\n")}\n\`\`\`\n`,
  );
}
