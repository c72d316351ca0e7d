import { defineCheck, ok, problem, warning } from "../check.ts";

export const plugin = defineCheck({
  code: "BL030",
  title: "The plugin is installed",
  why: "The runtime calls the plugin for every pod. If it is not there, or cannot be executed, no pod starts. If it is of another version than this command, it may lack what that one has corrected.",
  todo: "The agent puts it there when it starts: curl 127.0.0.1:61680/readyz on the node, and see the line ExecutableInstalled.",
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
