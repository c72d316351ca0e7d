import { defineCheck, ok, problem } from "../check.ts";

export const state = defineCheck({
  code: "BL031",
  title: "Only root can write /run/branchline",
  why: "The plugin keeps there which pod has which branch. If others may write it, or if links lead elsewhere, it trusts nothing of it, and refuses every branch (code 105).",
  todo: "Do what the message says: chown root and chmod 0700, or remove what is in the way. Nothing but branchline belongs there.",
  place: "node",
  needs: ["stateProblem"],
  judge: ({ stateProblem }) =>
    stateProblem === undefined ? ok("it is root's alone") : problem(stateProblem),
});
