import { newestOf, oneLine } from "../events.ts";
import type { Finder } from "../situation.ts";

/** What else its node's agent refuses it for. */
export const refused: Finder = ({ facts: { pod, events } }) => {
  if (pod.phase !== "Pending" || pod.networkAt !== undefined || pod.node === "") return [];
  const last = newestOf(events, ["branchline-agent"]);
  if (last?.reason !== "BranchRefused") return [];
  return [
    {
      code: "refused",
      line: `its node's agent refuses it: ${oneLine(last.message)}`,
      todo: "act by these words; kubelet tries again by itself",
    },
  ];
};
