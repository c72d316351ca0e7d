// The ways of docs/datapaths.md, whose table is measured by test/kernel/matrix.
import { describe, expect, it } from "vitest";
import { internet, machine, node, pod } from "../../test/unit/network.ts";
import type { Attachment, Place, Source } from "./places.ts";
import { DEFAULT_HOST_ROUTES } from "../cni/config.ts";
import { formatPrefix } from "../values/ip.ts";
import { HOST_ROUTES } from "./node-local.ts";
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
const local = (address: string): Place => ({ kind: "node-local", name: address, address });
const DNS = local("169.254.20.10");
const IDENTITY = local("169.254.170.23");
const IDENTITY_V6 = local("fd00:ec2::23");
const METADATA = local("169.254.169.254");

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
  ["the pod → NodeLocal DNS", (a) => [pod("p", a), DNS], ["node", "node", "none"]],
  ["the pod → EKS Pod Identity", (a) => [pod("p", a), IDENTITY], ["node", "node", "none"]],
  ["the pod → EKS Pod Identity over IPv6", (a) => [pod("p", a), IDENTITY_V6], ["node", "node", "none"]],
  ["the pod → the instance's metadata", (a) => [pod("p", a), METADATA], ["unknown", "unknown", "unknown"]],
  [
    "the pod → a Service of its own node",
    (a) => [pod("p", a), node(), true],
    ["node", "node", "eni-p → eni-n1"],
  ],
  ["the node → a Service of the pod", (a) => [node(), pod("p", a), true], ["node", "node", "eni-n1 → eni-p"]],
  ["the pod → itself", (a) => [pod("p", a), pod("p", a)], ["node", "node", "node"]],
  [
    "a machine in the VPC → a Service of the pod",
    (a) => [machine(), pod("p", a), true],
    ["none", "none", "none"],
  ],
  [
    "the pod → a Service with an endpoint on the internet, where the node does NAT",
    (a) => [pod("p", a), internet(), true],
    ["eni-n1 → 203.0.113.9", "eni-p → 203.0.113.9", "eni-p → 203.0.113.9"],
  ],
  [
    "the pod → the internet over IPv6, where the node does NAT for IPv4",
    (a) => [pod("p", a), internet("2600::9")],
    ["eni-p → 2600::9", "eni-p → 2600::9", "eni-p → 2600::9"],
  ],
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

describe("addresses of the node alone", () => {
  it("are nobody's for a machine, and the node's own for the node and its pods", () => {
    expect(short(wayOf(machine(), DNS, false))).toBe("none");
    expect(short(wayOf(node(), DNS, false))).toBe("node");
    expect(short(wayOf(pod("p", "none"), DNS, false))).toBe("node");
  });

  it("a direct pod reaches those of hostRoutes, and all of IPv4's link-local ones", () => {
    const from = pod("p", "direct");
    const other = local("169.254.99.1");
    expect(short(wayOf(from, other, false))).toBe("node");
    expect(wayOf(from, local("fd00:99::1"), false)).toEqual({
      kind: "none",
      why: "hostRoutes have no fd00:99::1, so a direct pod sends it by its branch, and the VPC does not carry it",
    });
    expect(short(wayOf({ ...from, hostRoutes: ["fd00:99::/64"] }, local("fd00:99::1"), false))).toBe("node");
    expect(short(wayOf({ ...from, hostRoutes: [] }, IDENTITY_V6, false))).toBe("none");
    expect(short(wayOf({ ...from, host0: undefined }, DNS, false))).toBe("none");
    // A branch without IPv4 has no route for them.
    const v6 = { ...from, end: { ...from.end, address: "fd00::5" } };
    expect(short(wayOf(v6, other, false))).toBe("none");
  });

  it("hostRoutes are the plugin's own", () => {
    expect(HOST_ROUTES).toEqual(DEFAULT_HOST_ROUTES.map(formatPrefix));
  });
});

describe("early demultiplexing counts", () => {
  const demux = (from: Source, to: Place, service = false) => {
    const way = wayOf(from, to, service);
    return way.kind === "vpc" ? way.demux?.protocols : undefined;
  };

  it("between a strict pod and its own node's sockets", () => {
    const strict = pod("p", "routed strict");
    expect(demux(node(), strict)).toEqual(["tcp", "udp"]);
    // A server's socket is not connected, so it takes no datagram before it is routed.
    expect(demux(strict, node())).toEqual(["tcp"]);
  });

  it("between no others, and not by a Service's address", () => {
    const strict = pod("p", "routed strict");
    expect(demux(node("n2"), strict)).toBeUndefined();
    expect(demux(strict, node("n2"))).toBeUndefined();
    expect(demux(pod("q", "none"), strict)).toBeUndefined();
    expect(demux(node(), strict, true)).toBeUndefined();
    expect(demux(strict, node(), true)).toBeUndefined();
  });
});

it("in Istio's ambient mode a strict pod is not probed", () => {
  const inMesh = (attachment: Attachment) => ({ ...pod("p", attachment), isInAmbientMesh: true });
  expect(BRANCHES.map((attachment) => short(wayOf(node(), inMesh(attachment), false)))).toEqual([
    "node",
    "node",
    "none",
  ]);
});

describe("with kube-proxy in IPVS mode", () => {
  const ipvs = { ...node(), kubeProxy: "ipvs" } as const;
  const direct = pod("p", "direct", ipvs);

  it("a Service of a direct pod does not answer pods of its node", () => {
    for (const attachment of ["none", "routed standard", "direct"] as const)
      expect(short(wayOf(pod("q", attachment, ipvs), direct, true))).toBe("none");
    const v6 = { ...direct, end: { ...direct.end, address: "fd00::5" } };
    expect(short(wayOf(pod("q", "none", ipvs), v6, true))).toBe("unknown");
  });

  it("pods of other nodes are answered, and by its address all", () => {
    expect(short(wayOf(pod("q", "none", elsewhere), direct, true))).toBe("eni-n2 → eni-p");
    expect(short(wayOf(pod("q", "none", ipvs), direct, false))).toBe("eni-n1 → eni-p");
    expect(short(wayOf(pod("q", "none", ipvs), pod("r", "routed standard", ipvs), true))).toBe("node");
  });
});

it("answers to a direct pod that calls its own Service come by host0", () => {
  const direct = pod("p", "direct");
  expect(wayOf(direct, direct, true)).toMatchObject({ kind: "vpc", answers: "node" });
  expect(wayOf(direct, pod("q", "direct"), true)).toMatchObject({ kind: "vpc", answers: "vpc" });
});
