import { expect, it } from "vitest";
import type { Kernel } from "../datapath/kernel.ts";
import { Table } from "../netlink/route/constants.ts";
import { type Route, newRoute, replaceRoute } from "../netlink/route/route.ts";
import { type Rule, describeRule } from "../netlink/route/rule.ts";
import { releasedRules } from "./detach.ts";

const VETH = 9;
/** Of another network card. */
const SECOND = 11;
const ipv4 = { address: "10.0.0.50", length: 32 };
const ipv6 = { address: "2001:db8::50", length: 128 };
const rules: Rule[] = [
  { family: 4, priority: 512, table: Table.MAIN, to: ipv4 },
  { family: 4, priority: 1536, table: 3, from: ipv4 },
  { family: 6, priority: 512, table: Table.MAIN, to: ipv6 },
];

/** A node whose table main has these routes. */
function kernelWith(routes: readonly Route[]): Kernel {
  const messages = routes.map((route) => ({ payload: replaceRoute(route).payload }));
  return { socket: () => ({ dump: () => messages }) } as unknown as Kernel;
}

const to = (prefix: { address: string; length: number }, device: number) =>
  ({
    ...newRoute({ family: prefix === ipv6 ? 6 : 4, destination: prefix.address, length: prefix.length }),
    device,
  }) as Route;

const all = rules.map(describeRule);

it.each([
  ["its own routes are there", [to(ipv4, VETH), to(ipv6, VETH)], all],
  ["one of them is by another network card", [to(ipv4, SECOND)], all],
  ["they went with the veth", [], all],
  ["others' are there", [to({ address: "10.0.0.51", length: 32 }, 10)], all],
  [
    "a network that holds the address is routed elsewhere",
    [to({ address: "10.0.0.48", length: 28 }, 10)],
    all,
  ],
  ["the IPv4 address is another pod's by now", [to(ipv4, 10)], all.slice(2)],
  ["both are", [to(ipv4, 10), to(ipv6, 10)], []],
])("when %s", (_when, routes, expected) => {
  const primary = { rules, veths: [VETH, SECOND] };
  const operations = releasedRules(kernelWith(routes), { primary });
  expect(operations.map((operation) => operation.kind === "rule" && describeRule(operation.rule))).toEqual(
    expected,
  );
  expect(operations.every((operation) => "absent" in operation && operation.at === "node")).toBe(true);
});

it("asks the kernel nothing for a record without such rules", () => {
  const kernel = { socket: () => expect.unreachable() } as unknown as Kernel;
  expect(releasedRules(kernel, {})).toEqual([]);
  expect(releasedRules(kernel, { primary: { rules: [], veths: [] } })).toEqual([]);
});
