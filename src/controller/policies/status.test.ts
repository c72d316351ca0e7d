import { expect, it } from "vitest";
import type { SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import { type GroupFacts, groupStates } from "./groups.ts";
import { type PolicyFacts, statusOf } from "./status.ts";
import type { Tally } from "./tally.ts";

const [A, B] = ["sg-0000000a", "sg-0000000b"];
const nobody = { count: 0, example: "" };
const tally = (fields: Partial<Tally> = {}): Tally => ({
  matched: 1,
  applied: 1,
  waiting: nobody,
  other: { ...nobody, refusal: undefined },
  uncovered: nobody,
  tooMany: undefined,
  doubt: undefined,
  ...fields,
});
const policy = (fields: Partial<SecurityGroupPolicy> = {}): SecurityGroupPolicy => ({
  namespace: "shop",
  name: "web",
  podSelector: {},
  groups: [A],
  ...fields,
});
const groups = (fields: Partial<GroupFacts> = {}): GroupFacts => ({
  of: groupStates(new Set([A, B]), [{ id: A, vpc: "vpc-1", name: "", tags: {} }]),
  vpc: "vpc-1",
  problem: undefined,
  ...fields,
});
const facts = (fields: Partial<PolicyFacts>): PolicyFacts => ({
  policy: policy(),
  generation: 3,
  tally: tally(),
  groups: groups(),
  quota: 5,
  liveGroups: true,
  ...fields,
});
const words = (fields: Partial<PolicyFacts>) =>
  statusOf(facts(fields)).conditions.map(({ status, reason, message }) => `${status} ${reason}: ${message}`);
const FOUND = "True GroupsFound: EC2 has its group";
const HAVE = "True PodsHaveGroups: its pod has its groups";
const six = Array.from({ length: 6 }, (_, i) => `sg-0000000${i}`);

it("counts, and names the generation that it is about", () => {
  const other = { count: 2, example: "c", refusal: undefined };
  const uncovered = { count: 3, example: "d" };
  const waiting = { count: 1, example: "b" };
  const status = statusOf(facts({ tally: tally({ matched: 8, applied: 2, waiting, other, uncovered }) }));
  expect(status).toMatchObject({ observedGeneration: 3, matched: 8, applied: 2, pending: 3, uncovered: 3 });
  expect(status.conditions.map(({ observedGeneration }) => observedGeneration)).toEqual([3, 3]);
});

it.each<[string, Partial<PolicyFacts>, string]>([
  ["all is there", {}, FOUND],
  [
    "a group is missing",
    { policy: policy({ groups: [A, B] }) },
    `False GroupMissing: EC2 has no security group ${B}: correct the policy`,
  ],
  [
    "an id is none",
    { policy: policy({ groups: ["sg-*"] }) },
    'False GroupMissing: "sg-*" is no id of a security group',
  ],
  [
    "a group is of another VPC",
    { groups: groups({ vpc: "vpc-2" }) },
    `False GroupOfOtherVpc: ${A} is of vpc-1, and the cluster is in vpc-2: name a group of that`,
  ],
  ["the VPC is not known yet", { groups: groups({ vpc: undefined }) }, FOUND],
  [
    "there are more than the quota",
    { policy: policy({ groups: six }) },
    "False TooManyGroups: it names 6 groups, and an interface can have 5 (--groups-per-interface, where the account's quota is another)",
  ],
  [
    "the quota is larger",
    {
      policy: policy({ groups: six }),
      quota: 6,
      groups: groups({
        of: groupStates(
          new Set(),
          six.map((id) => ({ id, vpc: "vpc-1", name: "", tags: {} })),
        ),
      }),
    },
    "True GroupsFound: EC2 has all 6 groups",
  ],
  [
    "EC2 was not asked yet",
    { policy: policy({ groups: ["sg-0000000c"] }) },
    "Unknown GroupsNotRead: EC2 has not been asked yet",
  ],
  [
    "EC2 does not say",
    { groups: groups({ problem: "ec2:DescribeSecurityGroups is missing: no" }) },
    "Unknown GroupsNotRead: ec2:DescribeSecurityGroups is missing: no",
  ],
  [
    "it names none",
    { policy: policy({ groups: [] }) },
    "False PolicyWithoutEffect: spec.securityGroups.groupIds is empty",
  ],
])("GroupsFound when %s", (_what, fields, expected) => {
  expect(words(fields)[0]).toBe(expected);
});

const other = (refusal?: string) => ({ count: 1, example: "api-0", refusal });

it.each<[string, Partial<PolicyFacts>, string]>([
  ["all have them", {}, HAVE],
  [
    "many have them",
    { tally: tally({ matched: 3, applied: 3 }) },
    "True PodsHaveGroups: all 3 pods have its groups",
  ],
  [
    "it selects nothing",
    { tally: tally({ matched: 0, applied: 0 }) },
    "True PolicyCoversNothing: it selects no pod",
  ],
  [
    "it has no selector",
    { policy: { namespace: "shop", name: "web", groups: [A] } },
    "False PolicyWithoutEffect: it has neither spec.podSelector nor spec.serviceAccountSelector",
  ],
  [
    "what it selects is not known",
    { tally: tally({ doubt: "shop/a: no such operator" }) },
    "Unknown PodsNotKnown: pod shop/a: no such operator",
  ],
  [
    "pods wait, run without, and have others",
    {
      tally: tally({
        matched: 6,
        applied: 1,
        waiting: { count: 1, example: "web-0" },
        other: other(),
        uncovered: { count: 3, example: "db-0" },
      }),
    },
    "False PodWithoutBranch: 1 of 6 pods have its groups; 3 pods, such as db-0, run with the groups of the node instead of a branch: delete them, to be made anew; api-0 has other groups; web-0 waits for a branch",
  ],
  [
    "EC2 refuses",
    {
      tally: tally({
        matched: 2,
        other: other("ModifyNetworkInterfaceAttribute: UnauthorizedOperation: no"),
      }),
    },
    "False PodOtherGroups: 1 of 2 pods have its groups; api-0 has other groups: ModifyNetworkInterfaceAttribute: UnauthorizedOperation: no",
  ],
  [
    "it is switched off",
    { tally: tally({ matched: 2, other: other() }), liveGroups: false },
    "False PodOtherGroups: 1 of 2 pods have its groups; api-0 has other groups: --live-groups=false",
  ],
  [
    "one waits",
    { tally: tally({ applied: 0, waiting: { count: 1, example: "web-0" } }) },
    "False PodWaiting: 0 of 1 pods have its groups; web-0 waits for a branch",
  ],
  [
    "two policies give too many",
    { tally: tally({ matched: 1, applied: 0, tooMany: { pod: "web-0", groups: 6, policies: 2 } }) },
    "False TooManyGroups: pod web-0 has 6 groups by 2 policies, and an interface can have 5 (--groups-per-interface, where the account's quota is another)",
  ],
])("Applied when %s", (_what, fields, expected) => {
  expect(words(fields)[1]).toBe(expected);
});
