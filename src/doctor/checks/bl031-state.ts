import { defineCheck, ok, problem } from "../check.ts";

export const state = defineCheck({
  code: "BL031",
  title: "/run/branchline can be trusted",
  why: "The records of attachments are there. Where others may write them, or links lead elsewhere, the plugin refuses every branch (code 105).",
  todo: "Do what the message says: chown root and chmod 0700, or remove what is in the way. Nothing but branchline belongs there.",
  place: "node",
  needs: ["stateProblem"],
  judge: ({ stateProblem }) =>
    stateProblem === undefined ? ok("it is root's alone") : problem(stateProblem),
});
