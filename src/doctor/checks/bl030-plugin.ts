import { defineCheck, ok, problem, warning } from "../check.ts";

export const plugin = defineCheck({
  code: "BL030",
  title: "The plugin is installed",
  why: "The runtime calls it for every pod. If it is not there, or not executable, no pod starts; another version than the agent's does not know what was corrected.",
  todo: "The agent puts it there when it starts: see its condition ExecutableInstalled at 127.0.0.1:61680/readyz.",
  place: "node",
  needs: ["plugin"],
  judge({ plugin: { path, isExecutable, version, ours } }) {
    if (!isExecutable) return problem(`${path} is not there, or is not executable`);
    if (version === undefined)
      return problem(`${path} does not say its version: it is damaged, or another program`);
    if (version !== ours) return warning(`${path} is version ${version}, and this is ${ours}`);
    return ok(`${path}, version ${version}`);
  },
});
