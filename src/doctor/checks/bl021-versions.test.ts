import { aPod, anAgent, table } from "../../../test/unit/doctor.ts";
import { versions } from "./bl021-versions.ts";

table(versions, {
  one: {
    given: { pods: [anAgent("n1"), anAgent("n2"), aPod("web")] },
    result: "ok",
    found: "registry.example/branchline:0.1.0, in 2 pods",
  },
  two: {
    given: { pods: [anAgent("n1"), anAgent("n2", { images: ["registry.example/branchline:0.2.0"] })] },
    result: "warning",
    found: "agents and controllers have 2 images",
    items: [
      "registry.example/branchline:0.1.0: kube-system/agent-n1",
      "registry.example/branchline:0.2.0: kube-system/agent-n2",
    ],
  },
  none: {
    given: { pods: [aPod("web")] },
    result: "skipped",
    found: "neither agent nor controller is in the cluster",
  },
});
