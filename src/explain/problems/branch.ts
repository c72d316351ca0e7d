import type { PodFact } from "../../facts/pods.ts";
import { isFinished } from "../../facts/pods.ts";
import type { Finder, Problem } from "../situation.ts";
import { restart } from "./words.ts";

/** A branch that the pod cannot have: its annotation cannot be read, EC2 does not have it, or somebody else has it. */
export const branch: Finder = ({ facts, ec2 }) => {
  const { pod, neighbours } = facts;
  if (pod.branch === undefined || isFinished(pod)) return [];
  if (!pod.branch.readable)
    return [
      {
        code: "annotation-unreadable",
        line: `its annotation vpc.amazonaws.com/pod-eni cannot be read: ${pod.branch.why}`,
        todo: restart(pod, "gets another"),
      },
    ];
  const { eniId, vlanId } = pod.branch;
  const problems: Problem[] = [];
  if (ec2.branch.known && ec2.branch.value === undefined)
    problems.push({
      code: "branch-missing",
      line: `its branch ${eniId} does not exist in EC2 any more, so nothing that it sends arrives`,
      todo: restart(pod, "gets a branch of its own"),
    });
  for (const other of neighbours.known ? neighbours.value : []) {
    if (other.uid === pod.uid || isFinished(other) || other.branch?.readable !== true) continue;
    const name = `${other.namespace}/${other.name}`;
    if (other.branch.eniId === eniId)
      problems.push({
        code: "branch-taken",
        line: `pod ${name} of the same node has the same branch, ${eniId}: the second of them is refused`,
        todo: `see in EC2 for whom it was made (its tags), and ${restart(pod, "gets a branch of its own")}`,
      });
    else if (other.branch.vlanId === vlanId)
      problems.push({
        code: "vlan-taken",
        line: `VLAN id ${vlanId} of node ${pod.node} is taken twice: by its branch ${eniId}, and by ${other.branch.eniId} of pod ${name}; ${whoIsFirst(pod, other)}`,
        todo: restart(pod, "gets another VLAN id"),
      });
  }
  return problems;
};

/** Whose network is there already is not taken from them. */
function whoIsFirst(pod: PodFact, other: PodFact): string {
  if (pod.networkAt !== undefined) return "this pod has its network, so the other one is refused";
  if (other.networkAt !== undefined)
    return "the other one has its network, so this pod is refused (code 102)";
  return "whichever starts second is refused (code 102)";
}
