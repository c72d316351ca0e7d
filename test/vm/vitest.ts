import { join } from "node:path";
import { repository } from "./repository.ts";

/** vitest, by the pinned Node. */
export const vitest: readonly string[] = ["node", join(repository, "node_modules/vitest/vitest.mjs")];

/** Runs projects of vitest.config.ts, with the console's report and one as JSON in that file. */
export function vitestCommand(
  projects: readonly string[],
  report: string,
  args: readonly string[],
): string[] {
  return [
    ...vitest,
    "run",
    ...projects.map((project) => `--project=${project}`),
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...args,
  ];
}
