import { defineCheck, ok, problem } from "../check.ts";

export const status = defineCheck({
  code: "BL034",
  title: "The plugin's STATUS succeeds",
  why: "From containerd 2.0.1 on a failing STATUS makes the node NotReady. It fails for what would fail every pod with a branch: the entry, the state directory, the kernel.",
  todo: "Correct what it says: the entry by the chart's values or the agent's --entry; else by docs/configuration.md, section Errors.",
  place: "node",
  needs: ["status"],
  judge: ({ status: said }) =>
    said === undefined ? ok("it says that it is ready") : problem(`STATUS says: ${said}`),
});
