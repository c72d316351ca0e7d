// The decision with warm branches: 100,000 steps more, with two namespaces, recycling, edits of policies, crashes, and a full
// subnet.
import { runOf } from "./run.ts";
import { itHoldsInRuns, LENGTH } from "./simulated.ts";

const THEMES = ["warm", "recycling", "scarcity"] as const;

itHoldsInRuns(
  (seed) => runOf(seed, LENGTH, THEMES[seed % THEMES.length]),
  ["made warm", "warm", "recycled", "setGroups", "disassociate"],
);
