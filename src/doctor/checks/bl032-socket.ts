import { defineCheck, ok, problem } from "../check.ts";

export const socket = defineCheck({
  code: "BL032",
  title: "The agent answers the plugin",
  why: "The plugin asks the agent about every pod, over /run/branchline/agent.sock. While nobody answers there, no pod starts on this node.",
  todo: "Start the agent, or see its log. If this node is to have no agent: remove branchline's file from /etc/cni/net.d, or set missingAnnotation in it (docs/configuration.md).",
  place: "node",
  needs: ["socketProblem"],
  judge: ({ socketProblem }) =>
    socketProblem === undefined
      ? ok("something listens at /run/branchline/agent.sock")
      : problem(socketProblem),
});
