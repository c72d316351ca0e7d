// The decision for one node, played against the model of EC2: 100,000 steps, with crashes between any two.
import { runOf } from "./run.ts";
import { itHoldsInRuns, LENGTH } from "./simulated.ts";

itHoldsInRuns(
  (seed) => runOf(seed, LENGTH),
  ["annotated", "disassociate", "deleteInterface", "setGroups", "associate refused"],
);
