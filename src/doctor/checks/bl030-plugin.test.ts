import { table } from "../../../test/unit/doctor.ts";
import { plugin } from "./bl030-plugin.ts";

table(plugin, {
  "the same version": {
    given: {
      plugin: { path: "/opt/cni/bin/branchline", isExecutable: true, version: "0.1.0", ours: "0.1.0" },
    },
    result: "ok",
    found: "/opt/cni/bin/branchline, version 0.1.0",
  },
  "not there": {
    given: {
      plugin: { path: "/opt/cni/bin/branchline", isExecutable: false, version: undefined, ours: "0.1.0" },
    },
    result: "problem",
    found: "/opt/cni/bin/branchline is not there, or is not executable",
  },
  "another version": {
    given: {
      plugin: { path: "/opt/cni/bin/branchline", isExecutable: true, version: "0.0.9", ours: "0.1.0" },
    },
    result: "warning",
    found: "/opt/cni/bin/branchline is version 0.0.9, and this is 0.1.0",
  },
});
