import { expect, it } from "vitest";
import { aWanted } from "../../test/unit/explained.ts";
import { filters, machine, node, pod } from "../../test/unit/network.ts";
import type { Place } from "../verdict/places.ts";
import { judgeAll } from "./judged.ts";

const OUT = "sg-p out -1 0.0.0.0/0";
const judged = (rules: readonly string[], from: readonly Place[], to: readonly Place[]) =>
  judgeAll(filters(rules), aWanted(), { places: from, doubt: "its datapath" }, { places: to, doubt: "" })
    .verdict;

const strict = pod("p", "routed strict");
const standard = pod("p", "routed standard");
const neighbour = pod("q", "none");

it("what all of them say is the answer", () => {
  expect(judged([OUT, "sg-node in -1 sg-p"], [strict, standard], [neighbour]).line).toBe("reaches");
  expect(judged([], [strict, standard], [machine()])).toMatchObject({
    answer: "does not reach",
    line: "does not reach: sg-p has no egress for tcp 5432 to sg-db (10.0.2.9)",
    remedies: [expect.stringContaining("authorize-security-group-egress"), expect.any(String)],
  });
});

it("where they differ it depends, and no rule is recommended", () => {
  // In standard mode the neighbour is reached over the node, in strict mode by groups that do not let it.
  expect(judged([OUT], [strict, standard], [neighbour])).toMatchObject({
    answer: "cannot say",
    line: "cannot say: it depends on its datapath",
    remedies: [],
  });
});

it("a Service is called by its address", () => {
  const direct = { ...pod("p", "direct"), serviceCidrs: ["172.20.0.0/16"] };
  const wanted = { ...aWanted(), service: "10.96.0.1" };
  const { verdict } = judgeAll(
    filters([]),
    wanted,
    { places: [direct], doubt: "" },
    { places: [machine()], doubt: "" },
  );
  expect(verdict.line).toContain("serviceCIDRs have no 10.96.0.1");
});

it("nothing comes from an address that each node has for itself", () => {
  const local = { kind: "node-local", name: "x", address: "169.254.20.10" } as const;
  expect(() => judged([], [local], [node()])).toThrow(TypeError);
});
