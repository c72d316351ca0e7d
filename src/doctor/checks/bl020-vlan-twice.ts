import { defineCheck, ok, problem } from "../check.ts";
import { isAlive, podName } from "../nodes.ts";

export const vlanTwice = defineCheck({
  code: "BL020",
  title: "No VLAN id and no branch is held twice",
  why: "Two pods of a node with one VLAN id, or with one ENI, would get each other's packets. So the plugin refuses the second one, which does not start: its event has code 102 or 106.",
  todo: "Delete the pod that does not start: its successor gets a branch of its own. On EKS the ids are given by AWS's controller, which is known to give one twice when many pods come and go.",
  place: "cluster",
  needs: ["pods"],
  uses: ["interfaces"],
  judge({ pods, interfaces = [] }) {
    const holders = new Map<string, string[]>();
    const note = (what: string, who: string) => void holders.set(what, [...(holders.get(what) ?? []), who]);
    for (const pod of pods) {
      if (typeof pod.branch !== "object" || !isAlive(pod)) continue;
      note(`VLAN id ${pod.branch.vlan} of node ${pod.node}`, `pod ${podName(pod)} (${pod.branch.eni})`);
      note(pod.branch.eni, `pod ${podName(pod)}`);
    }
    for (const { id, type, trunk, vlan } of interfaces) {
      if (type === "branch" && trunk !== undefined && vlan !== undefined)
        note(`VLAN id ${vlan} of ${trunk}`, id);
    }
    const twice = [...holders].flatMap(([what, who]) =>
      who.length > 1 ? [`${what}: ${who.join(" and ")}`] : [],
    );
    if (twice.length === 0) return ok("every branch has a VLAN id of its own");
    return problem(`${twice.length === 1 ? "one is" : `${twice.length} are`} held twice`, twice);
  },
});
