// The decision with warm branches: 100,000 steps more, with two namespaces, recycling, edits of policies, and crashes.
import { runOf } from "./run.ts";
import { itHoldsInRuns, LENGTH } from "./simulated.ts";

itHoldsInRuns(
  (seed) => runOf(seed, LENGTH, seed % 2 === 0 ? "warm" : "recycling"),
  ["made warm", "warm", "recycled", "setGroups", "disassociate"],
);
