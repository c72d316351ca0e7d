import { expect, it } from "vitest";
import { aRule } from "../../test/unit/doctor.ts";
import { lets } from "./rules.ts";

const FLOW = { protocol: "tcp", port: 53, peerGroups: ["sg-b"], peerAddress: "10.0.1.5" } as const;
const tcp = { protocol: "tcp", fromPort: 50, toPort: 60 };

it.each([
  ["everything to everybody", aRule("sg-a", "out"), "yes"],
  ["another way", aRule("sg-a", "in"), "no"],
  ["of another group", aRule("sg-z", "out"), "no"],
  ["within the ports", aRule("sg-a", "out", tcp), "yes"],
  ["beside the ports", aRule("sg-a", "out", { ...tcp, fromPort: 54 }), "no"],
  ["another protocol", aRule("sg-a", "out", { ...tcp, protocol: "udp" }), "no"],
  ["all ports", aRule("sg-a", "out", { protocol: "tcp", fromPort: -1, toPort: -1 }), "yes"],
  ["to the peer's block", aRule("sg-a", "out", { cidr: "10.0.1.0/24" }), "yes"],
  ["to another block", aRule("sg-a", "out", { cidr: "10.0.2.0/24" }), "no"],
  ["to the other family", aRule("sg-a", "out", { cidr: "::/0" }), "no"],
  ["to the peer's group", aRule("sg-a", "out", { cidr: undefined, peerGroup: "sg-b" }), "yes"],
  ["to another group", aRule("sg-a", "out", { cidr: undefined, peerGroup: "sg-c" }), "no"],
  ["to a prefix list", aRule("sg-a", "out", { cidr: undefined, prefixList: "pl-1" }), "maybe"],
] as const)("%s", (_, rule, answer) => {
  expect(lets([rule], ["sg-a"], true, FLOW)).toBe(answer);
});

it("one rule is enough, whatever stands before it", () => {
  const rules = [aRule("sg-a", "out", { cidr: undefined, prefixList: "pl-1" }), aRule("sg-a", "out")];
  expect(lets(rules, ["sg-a"], true, FLOW)).toBe("yes");
  expect(lets(rules, [], true, FLOW)).toBe("no");
});
