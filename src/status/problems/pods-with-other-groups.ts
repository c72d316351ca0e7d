import { type FindProblems, podProblem } from "./view.ts";

/** Pods whose branch has not the groups that the policies say. */
export const podsWithOtherGroups: FindProblems = ({ pods }) =>
  pods.flatMap((pod) => {
    const { groups, wantedGroups, state, branch } = pod.status;
    if (groups === undefined || wantedGroups === undefined || state === "ending") return [];
    if (groups.join() === wantedGroups.join()) return [];
    const says =
      wantedGroups.length === 0
        ? "no policy selects it any more"
        : `its policies say ${wantedGroups.join(", ")}`;
    const message = `${branch?.eni ?? "its branch"} has ${groups.join(", ")}, and ${says}`;
    return [podProblem(pod, { severity: "problem", kind: "PodOtherGroups", message })];
  });
