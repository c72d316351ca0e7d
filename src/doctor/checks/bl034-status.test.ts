import { table } from "../../../test/unit/doctor.ts";
import { status } from "./bl034-status.ts";

table(status, {
  fine: { given: { status: undefined }, result: "ok", found: "it says that it is ready" },
  not: {
    given: { status: "code 7: datapath is odd" },
    result: "problem",
    found: "STATUS says: code 7: datapath is odd",
  },
});
