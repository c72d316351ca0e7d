import { expect, it } from "vitest";
import { POLICY_FACTS } from "./policies.ts";

const object = (status: object) => ({
  metadata: { namespace: "shop", name: "web", uid: "u1", generation: 2, resourceVersion: "1" },
  spec: { podSelector: {}, securityGroups: { groupIds: ["sg-1"] } },
  status,
});
const condition = (type: string, observedGeneration: number) => ({
  type,
  status: "False",
  reason: "GroupMissing",
  message: "m",
  observedGeneration,
});

it("a policy's conditions are those of the policy as it is now", () => {
  const conditions = [condition("GroupsFound", 1), condition("Applied", 2)];
  expect(POLICY_FACTS.read(object({ conditions })).conditions).toEqual([
    { type: "Applied", status: "False", reason: "GroupMissing", message: "m", since: "" },
  ]);
  expect(POLICY_FACTS.read(object({})).conditions).toEqual([]);
});
