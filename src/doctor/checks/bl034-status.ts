import { defineCheck, ok, problem } from "../check.ts";

export const status = defineCheck({
  code: "BL034",
  title: "The plugin says that it is ready (STATUS)",
  why: "STATUS is the question of a runtime whether a plugin can serve. The plugin says no if every pod with a branch would fail, by its settings, by /run/branchline or by the kernel. With containerd from 2.0.1 on, the node is then NotReady.",
  todo: "Correct what it says. Its settings come from the chart's values (entry), or from the agent's --entry; docs/configuration.md explains its errors.",
  place: "node",
  needs: ["status"],
  judge: ({ status: said }) =>
    said === undefined ? ok("it says that it is ready") : problem(`STATUS says: ${said}`),
});
