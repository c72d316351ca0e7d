import { expect, it } from "vitest";
import { NodesByInstance } from "./by-instance.ts";
import { SEEN_NODES } from "./objects.ts";

const INSTANCE = "i-0123456789abcdef0";
const nodeOf = (name: string, minute: number, instance = INSTANCE) =>
  SEEN_NODES.read({
    metadata: { name, uid: `uid-of-${name}`, creationTimestamp: `2026-11-01T00:0${minute}:00Z` },
    spec: { providerID: `aws:///us-east-1a/${instance}` },
  });

it("of two Nodes of an instance the newer one counts, whichever is written to last", () => {
  const nodes = new NodesByInstance();
  const [older, newer] = [nodeOf("older", 1), nodeOf("newer", 2)];
  expect(nodes.apply({ type: "added", object: older })).toBe(INSTANCE);
  nodes.apply({ type: "added", object: newer });
  nodes.apply({ type: "updated", object: older, before: older });
  expect(nodes.of(INSTANCE)?.metadata.name).toBe("newer");
  // As a list in another order has them.
  const others = new NodesByInstance();
  for (const object of [newer, older]) others.apply({ type: "added", object });
  expect(others.of(INSTANCE)?.metadata.name).toBe("newer");
});

it("the other one counts when one is deleted, and the instance has none when both are", () => {
  const nodes = new NodesByInstance();
  const [older, newer] = [nodeOf("older", 1), nodeOf("newer", 2)];
  for (const object of [newer, older]) nodes.apply({ type: "added", object });
  nodes.apply({ type: "deleted", object: newer });
  expect(nodes.of(INSTANCE)?.metadata.name).toBe("older");
  nodes.apply({ type: "deleted", object: older });
  expect([nodes.of(INSTANCE), [...nodes.ids()]]).toEqual([undefined, []]);
});

it("a name that comes again with another instance is another node", () => {
  const nodes = new NodesByInstance();
  const [before, after] = [nodeOf("n1", 1), nodeOf("n1", 2, "i-0fedcba9876543210")];
  nodes.apply({ type: "added", object: before });
  nodes.apply({ type: "deleted", object: before });
  nodes.apply({ type: "added", object: after });
  expect([nodes.of(INSTANCE), nodes.of("i-0fedcba9876543210")]).toEqual([undefined, after]);
});

it("knows nothing of a Node that is no instance", () => {
  const nodes = new NodesByInstance();
  expect(
    nodes.apply({ type: "added", object: SEEN_NODES.read({ metadata: { name: "n1" } }) }),
  ).toBeUndefined();
});
