import { NOW, table } from "../../../test/unit/doctor.ts";
import { listRepairs } from "./bl006-list-repairs.ts";

table(listRepairs, {
  "once is an upgrade": {
    given: {
      now: NOW,
      events: [
        { on: "Node n1", reason: "ListRepaired", message: "it is not there", count: 1, lastAt: NOW - 60000 },
      ],
    },
    result: "ok",
    found: "on no node was it put back more than once in the last hour",
  },
  "again and again": {
    given: {
      now: NOW,
      events: [
        { on: "Node n1", reason: "ListRepaired", message: "it is not there", count: 7, lastAt: NOW - 60000 },
      ],
    },
    result: "warning",
    found: "branchline's file had to be put back again and again on 1 node",
    items: ["Node n1: 7 times, the last time: it is not there"],
  },
  "long ago": {
    given: {
      now: NOW,
      events: [
        {
          on: "Node n1",
          reason: "ListRepaired",
          message: "it is not there",
          count: 7,
          lastAt: NOW - 7200000,
        },
      ],
    },
    result: "ok",
    found: "on no node was it put back more than once in the last hour",
  },
});
