// 100,000 more steps of the same, in which policies and labels change under living pods.
import { runOf } from "./run.ts";
import { itHoldsInRuns, LENGTH } from "./simulated.ts";

itHoldsInRuns(
  (seed) => runOf(seed, LENGTH, "live groups"),
  ["annotated", "disassociate", "setGroups", "live change"],
);
