import { CONTROLLERS, newestOf, oneLine } from "../events.ts";
import type { Finder, Problem, Situation } from "../situation.ts";
import { describedGroups } from "./groups.ts";
import { counted, listed } from "./words.ts";

/** Why a pod waits that asks for a branch and has none: what is missing by now, and what its controller said last. */
export const waiting: Finder = (situation) => {
  const { pod } = situation.facts;
  const waits =
    pod.asksForBranch &&
    pod.branch === undefined &&
    !pod.usesHostNetwork &&
    pod.fargate === undefined &&
    pod.phase === "Pending";
  // What nobody has selected is said elsewhere, and no controller goes on with it.
  const isSelected = situation.selected.known && situation.selected.value.groups.length > 0;
  if (!waits || !isSelected) return [];
  if (pod.node === "") return [notScheduled(situation)];
  return bySaid(situation) ?? byTrunk(situation) ?? [silence(situation)];
};

function notScheduled({ facts: { pod } }: Situation): Problem {
  const lacks = pod.notScheduled?.includes("vpc.amazonaws.com/pod-eni") === true;
  return {
    code: "not-scheduled",
    line: `it is not scheduled: ${pod.notScheduled === undefined ? "the scheduler has not said why" : oneLine(pod.notScheduled)}`,
    todo: lacks
      ? "see which nodes have trunks and free slots: branchline status; more nodes, larger ones, or a shorter cooldown give more slots"
      : "act by what the scheduler says",
  };
}

/** By the last word of a controller about the pod. Undefined without one that says why. */
function bySaid(situation: Situation): readonly Problem[] | undefined {
  const { events } = situation.facts;
  const last = newestOf(events, CONTROLLERS);
  if (last === undefined || last.reason === "BranchWaiting") return undefined;
  const message = oneLine(last.message);
  const found = CODES.find(([code]) => new RegExp(`\\b${code.replace(".", "\\.")}\\b`).test(message));
  return [
    found?.[1](situation, message) ?? {
      code: "branch-failed",
      line: `${last.component} says ${last.reason}: ${message}`,
      todo: "act by these words; it is tried again by itself",
    },
  ];
}

type Reading = (situation: Situation, message: string) => Problem;

/** What EC2's codes mean for a pod that waits. */
const CODES: readonly (readonly [code: string, reading: Reading])[] = [
  ["InsufficientFreeAddressesInSubnet", subnetFull],
  ["SecurityGroupsPerInterfaceLimitExceeded", groupQuota],
  ["NetworkInterfaceLimitExceeded", interfaceQuota],
  ["ResourceLimitExceeded", interfaceQuota],
  ["InvalidGroup.NotFound", missingGroup],
  ["InvalidSecurityGroupID.NotFound", missingGroup],
  ["UnauthorizedOperation", denied],
];

function subnetFull({ ec2 }: Situation): Problem {
  const subnet = ec2.subnet.known ? ec2.subnet.value : undefined;
  const which = subnet === undefined ? "the subnet of the branches" : `${subnet.id} (${subnet.cidr})`;
  const now =
    subnet === undefined || subnet.freeAddresses === 0
      ? ""
      : `; by now ${counted(subnet.freeAddresses, "address")} of it ${subnet.freeAddresses === 1 ? "is" : "are"} free again`;
  return {
    code: "subnet-full",
    line: `${which} has no free address for its branch${now}`,
    todo: "free some addresses, use a larger subnet, or let aws-node keep fewer warm ones (WARM_IP_TARGET); it is tried again within a minute",
  };
}

function groupQuota({ selected }: Situation): Problem {
  const [groups, policies] = selected.known
    ? [
        selected.value.groups,
        selected.value.findings.filter(({ selection }) => selection === "selects" || selection === "late"),
      ]
    : [[], []];
  return {
    code: "group-quota",
    line: `its ${counted(policies.length, "policy")} (${listed(policies.map(({ policy }) => policy.policy.name))}) give it ${counted(groups.length, "group")}, more than the account allows for an interface`,
    todo: "put rules together in fewer groups, let fewer policies select the pod, or raise the quota `Security groups per network interface` of Amazon VPC",
  };
}

function interfaceQuota(_: Situation, message: string): Problem {
  return {
    code: "interface-quota",
    line: `the account has as many network interfaces as it may: ${message}`,
    todo: "delete interfaces that nobody uses (branchline doctor --check BL019), or raise the quota `Network interfaces per Region` of Amazon VPC",
  };
}

function missingGroup(situation: Situation, message: string): Problem {
  return (
    describedGroups(situation)[0] ?? {
      code: "group-missing",
      line: `EC2 does not have a group of its policies: ${message}`,
      todo: "correct the group in the policy; a deleted group does not come back under its id",
    }
  );
}

function denied(_: Situation, message: string): Problem {
  return {
    code: "controller-denied",
    line: `the controller lacks a permission of EC2: ${message}`,
    todo: "give the controller's role the policy deploy/iam/controller.json; on EKS the cluster's role needs AmazonEKSVPCResourceController",
  };
}

/** By its node's trunk. Undefined when that is as it should be. */
function byTrunk({ facts }: Situation): readonly Problem[] | undefined {
  const { pod, cniNode, node, events, nodeEvents } = facts;
  const said = newestOf(events, CONTROLLERS, ["BranchWaiting"])?.message ?? "";
  const trunk = cniNode.known ? cniNode.value?.trunk : undefined;
  const ready = cniNode.known
    ? cniNode.value?.conditions.find(({ type }) => type === "TrunkReady")
    : undefined;
  const isWithout = cniNode.known && (ready === undefined ? trunk === undefined : ready.status !== "True");
  if (isWithout) {
    const features = cniNode.value?.features ?? [];
    const asks = features.some(({ name }) => name === "SecurityGroupsForPods");
    const ofNode = newestOf(nodeEvents, CONTROLLERS);
    const why =
      cniNode.value === undefined
        ? "it has no CNINode"
        : !asks
          ? "its agent has not declared the feature SecurityGroupsForPods"
          : ready !== undefined
            ? `${ready.reason}: ${oneLine(ready.message)}`
            : ofNode === undefined
              ? "nobody says why"
              : `${ofNode.reason}: ${oneLine(ofNode.message)}`;
    return [
      {
        code: "trunk-missing",
        line: `its node ${pod.node} has no trunk: ${why}`,
        todo: asks
          ? "act by the reason, or let the pod run on another node"
          : `look at the agent of ${pod.node}: branchline doctor --check BL003,BL005`,
      },
    ];
  }
  const capacity = node.known ? node.value?.capacity : undefined;
  if (/\bbranches of node .* are taken/.test(said) || (trunk && capacity !== undefined && capacity === 0))
    return [
      {
        code: "no-free-slot",
        line: `its node ${pod.node} has no free slot: ${said === "" ? `its trunk ${trunk?.id ?? ""} has ${counted(trunk?.branches.length ?? 0, "branch")}` : oneLine(said)}`,
        todo: "wait, use larger instances, or shorten the cooldown (docs/controller.md)",
      },
    ];
  return said === ""
    ? undefined
    : [{ code: "waiting", line: oneLine(said), todo: "wait; it is tried again by itself" }];
}

/** No controller has said anything. */
function silence({ facts }: Situation): Problem {
  const { leases, cniNode, now, pod } = facts;
  const seconds = Math.max(0, Math.round((now - Date.parse(pod.createdAt)) / 1000));
  const isOurs = cniNode.known && cniNode.value?.managedBy === "branchline";
  const held =
    leases.known &&
    leases.value.some(
      ({ holder, renewed = "", durationMs }) => holder !== "" && Date.parse(renewed) + durationMs >= now,
    );
  if (leases.known && !held && (isOurs || leases.value.length > 0))
    return {
      code: "no-controller",
      line: `it has waited ${seconds} s for its branch, and no controller holds the Lease branchline-controller`,
      todo: "see why none acts: branchline doctor --check BL025, and the log of the controller's pods",
    };
  return {
    code: "waiting",
    line: `it has waited ${seconds} s for its branch, and no controller has said anything about it`,
    todo: "seconds are normal; after a minute look at the controller: branchline doctor --check BL025,BL026",
  };
}
