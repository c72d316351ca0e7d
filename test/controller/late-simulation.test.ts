// 100,000 steps more: answers and requests that come late, processes that follow each other, and a Node that comes again.
import { runOf } from "./run.ts";
import { itHoldsInRuns, LENGTH } from "./simulated.ts";

itHoldsInRuns(
  (seed) => runOf(seed, LENGTH, "late"),
  ["annotated", "disassociate", "deleteInterface", "createCniNode refused", "late prove"],
);
