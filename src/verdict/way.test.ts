// The ways of docs/datapaths.md, whose table is measured by test/kernel/matrix.
import { describe, expect, it } from "vitest";
import { internet, machine, node, pod } from "../../test/unit/network.ts";
import type { Attachment, Place, Source } from "./places.ts";
import { type Way, wayOf } from "./way.ts";

/** `node`: over the node alone; otherwise the interfaces from which and to which it goes. */
function short(way: Way): string {
  if (way.kind !== "vpc") return way.kind;
  const [from, to] = [way.from, way.to].map(({ interface: found, address }) =>
    found.known && found.value !== undefined ? found.value.id : address,
  );
  return `${from} → ${to}`;
}

const BRANCHES: readonly Attachment[] = ["direct", "routed standard", "routed strict"];
const elsewhere = node("n2");

type Row = readonly [
  string,
  (attachment: Attachment) => readonly [Source, Place, boolean?],
  readonly string[],
];

describe.each<Row>([
  [
    "a direct pod of the same node → the pod",
    (a) => [pod("q", "direct"), pod("p", a)],
    ["eni-q → eni-p", "eni-q → eni-p", "eni-q → eni-p"],
  ],
  [
    "a standard pod of the same node → the pod",
    (a) => [pod("q", "routed standard"), pod("p", a)],
    ["eni-q → eni-p", "node", "eni-q → eni-p"],
  ],
  [
    "a strict pod of the same node → the pod",
    (a) => [pod("q", "routed strict"), pod("p", a)],
    ["eni-q → eni-p", "eni-q → eni-p", "eni-q → eni-p"],
  ],
  [
    "a pod without a branch, on the same node → the pod",
    (a) => [pod("q", "none"), pod("p", a)],
    ["eni-n1 → eni-p", "node", "eni-n1 → eni-p"],
  ],
  [
    "a pod without a branch, on another node → the pod",
    (a) => [pod("q", "none", elsewhere), pod("p", a)],
    ["eni-n2 → eni-p", "eni-n2 → eni-p", "eni-n2 → eni-p"],
  ],
  [
    "a machine in the VPC → the pod",
    (a) => [machine(), pod("p", a)],
    ["eni-db → eni-p", "eni-db → eni-p", "eni-db → eni-p"],
  ],
  [
    "the pod → a machine in the VPC",
    (a) => [pod("p", a), machine()],
    ["eni-p → eni-db", "eni-p → eni-db", "eni-p → eni-db"],
  ],
  [
    "the pod → a pod without a branch, on the same node",
    (a) => [pod("p", a), pod("q", "none")],
    ["eni-p → eni-n1", "node", "eni-p → eni-n1"],
  ],
  [
    "the pod → a ClusterIP Service of a machine",
    (a) => [pod("p", a), machine(), true],
    ["eni-n1 → eni-db", "eni-p → eni-db", "eni-p → eni-db"],
  ],
  [
    "the pod → a Service of a pod on another node",
    (a) => [pod("p", a), pod("q", "none", elsewhere), true],
    ["eni-n1 → eni-n2", "eni-p → eni-n2", "eni-p → eni-n2"],
  ],
  [
    "the pod → a Service of a pod without a branch, on the same node",
    (a) => [pod("p", a), pod("q", "none"), true],
    ["node", "node", "eni-p → eni-n1"],
  ],
  [
    "the pod → its own Service, itself the endpoint",
    (a) => [pod("p", a), pod("p", a), true],
    ["eni-n1 → eni-p", "node", "node"],
  ],
  [
    "the pod → the internet, where the node does NAT",
    (a) => [pod("p", a), internet()],
    ["eni-p → 203.0.113.9", "eni-n1 → 203.0.113.9", "eni-p → 203.0.113.9"],
  ],
  [
    "the pod → the internet, where the node does none",
    (a) => [pod("p", a, node("n1", false)), internet()],
    ["eni-p → 203.0.113.9", "eni-p → 203.0.113.9", "eni-p → 203.0.113.9"],
  ],
  ["kubelet's probe → the pod", (a) => [node(), pod("p", a)], ["node", "node", "eni-n1 → eni-p"]],
  [
    "another node → the pod",
    (a) => [elsewhere, pod("p", a)],
    ["eni-n2 → eni-p", "eni-n2 → eni-p", "eni-n2 → eni-p"],
  ],
  ["the pod → its own node", (a) => [pod("p", a), node()], ["node", "node", "eni-p → eni-n1"]],
  [
    "the pod → another node",
    (a) => [pod("p", a), elsewhere],
    ["eni-p → eni-n2", "eni-p → eni-n2", "eni-p → eni-n2"],
  ],
])("%s", (_, path, expected) => {
  it.each(BRANCHES.map((attachment, i) => [attachment, expected[i]] as const))(
    "%s: %s",
    (attachment, way) => {
      const [from, to, service = false] = path(attachment);
      expect(short(wayOf(from, to, service))).toBe(way);
    },
  );
});

it("pods without branches of one node meet on the node, of two in the VPC", () => {
  expect(short(wayOf(pod("p", "none"), pod("q", "none"), false))).toBe("node");
  expect(short(wayOf(pod("p", "none"), pod("q", "none", elsewhere), false))).toBe("eni-n1 → eni-n2");
  expect(short(wayOf(pod("p", "none"), pod("p", "none"), true))).toBe("node");
});

it("no groups decide between two addresses of one interface", () => {
  const own = pod("p", "direct");
  const other = { ...machine(), end: { ...own.end, address: "10.0.1.99" } };
  expect(wayOf(own, other, false)).toEqual({
    kind: "node",
    why: "both addresses are of eni-p, and no groups decide within an interface",
    source: "10.0.1.132",
  });
});
