import { table } from "../../../test/unit/doctor.ts";
import { state } from "./bl031-state.ts";

table(state, {
  fine: { given: { stateProblem: undefined }, result: "ok", found: "it is root's alone" },
  not: {
    given: { stateProblem: "/run/branchline is writable by others; expected mode 0700" },
    result: "problem",
    found: "/run/branchline is writable by others; expected mode 0700",
  },
});
