import { table } from "../../../test/unit/doctor.ts";
import { socket } from "./bl032-socket.ts";

table(socket, {
  fine: {
    given: { socketProblem: undefined },
    result: "ok",
    found: "something listens at /run/branchline/agent.sock",
  },
  not: {
    given: { socketProblem: "nobody listens (ECONNREFUSED)" },
    result: "problem",
    found: "nobody listens (ECONNREFUSED)",
  },
});
