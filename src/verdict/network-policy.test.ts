import { describe, expect, it } from "vitest";
import { filters, internet, machine, node, pod } from "../../test/unit/network.ts";
import type { NetworkPolicy, Policies } from "./facts.ts";
import type { Place, PodPlace, Source } from "./places.ts";
import { type Path, type Verdict, judge } from "./verdict.ts";

const web = pod("p", "routed standard");
const neighbour = pod("q", "none", node(), "sg-node");
const RULES = [
  "sg-p out -1 0.0.0.0/0",
  "sg-p in -1 0.0.0.0/0",
  "sg-db in -1 0.0.0.0/0",
  "sg-db out -1 0.0.0.0/0",
  "sg-node out -1 0.0.0.0/0",
  "sg-node in -1 0.0.0.0/0",
  "sg-q in -1 0.0.0.0/0",
  "sg-q out -1 0.0.0.0/0",
];
const NAMESPACES = new Map([
  ["shop", { "kubernetes.io/metadata.name": "shop" }],
  ["ops", { team: "ops" }],
]);

function policy(of: Partial<NetworkPolicy>): NetworkPolicy {
  return {
    namespace: "shop",
    name: "one",
    podSelector: { matchLabels: { app: "p" } },
    types: ["Ingress"],
    ingress: [],
    egress: [],
    ...of,
  };
}

function verdictOf(policies: readonly NetworkPolicy[], path: Partial<Path>): Verdict {
  const value: Policies = { policies, namespaces: NAMESPACES };
  return judge(
    { ...filters(RULES), policies: { known: true, value } },
    { from: machine(), to: web, protocol: "tcp", port: 80, throughService: false, ...path },
  );
}

const said = (of: Partial<NetworkPolicy>, path: Partial<Path> = {}) => verdictOf([policy(of)], path).line;

const NO = "does not reach: NetworkPolicy shop/one selects shop/p, without ingress for tcp 80 from 10.0.2.9";

const block = (cidr: string, ...except: readonly string[]) => ({ kind: "block", cidr, except }) as const;
const pods = (podSelector?: Record<string, string>, namespaceSelector?: Record<string, string>) =>
  ({
    kind: "pods",
    podSelector: podSelector && { matchLabels: podSelector },
    namespaceSelector: namespaceSelector && { matchLabels: namespaceSelector },
  }) as const;
const port = (number: number | string | undefined, protocol: "TCP" | "UDP" = "TCP", endPort?: number) => ({
  protocol,
  port: number,
  endPort,
});

describe("what comes in", () => {
  it.each<[string, Partial<NetworkPolicy>, string]>([
    ["none of its rules", {}, NO],
    ["a policy for other pods", { podSelector: { matchLabels: { app: "other" } } }, "reaches"],
    ["a policy for all pods", { podSelector: {} }, NO],
    ["a policy of another namespace", { namespace: "ops" }, "reaches"],
    ["a policy for what goes out", { types: ["Egress"] }, "reaches"],
    ["everybody", { ingress: [{ peers: undefined, ports: undefined }] }, "reaches"],
    ["everybody, written as an empty list", { ingress: [{ peers: [], ports: [] }] }, "reaches"],
    ["a block", { ingress: [{ peers: [block("10.0.0.0/16")], ports: [] }] }, "reaches"],
    ["another block", { ingress: [{ peers: [block("10.1.0.0/16")], ports: [] }] }, NO],
    ["a block but for it", { ingress: [{ peers: [block("10.0.0.0/16", "10.0.2.0/24")], ports: [] }] }, NO],
    [
      "a block but for others",
      { ingress: [{ peers: [block("10.0.0.0/16", "10.0.3.0/24")], ports: [] }] },
      "reaches",
    ],
    [
      "a block in either rule",
      {
        ingress: [
          { peers: [block("10.1.0.0/16")], ports: [] },
          { peers: [block("10.0.2.9/32")], ports: [] },
        ],
      },
      "reaches",
    ],
    [
      "pods, which a machine is not",
      { ingress: [{ peers: [pods({}), pods(undefined, {})], ports: [] }] },
      NO,
    ],
    ["its port", { ingress: [{ peers: [], ports: [port(80)] }] }, "reaches"],
    ["another port", { ingress: [{ peers: [], ports: [port(81)] }] }, NO],
    ["another protocol", { ingress: [{ peers: [], ports: [port(80, "UDP")] }] }, NO],
    ["all of its protocol", { ingress: [{ peers: [], ports: [port(undefined)] }] }, "reaches"],
    ["a range", { ingress: [{ peers: [], ports: [port(70, "TCP", 80)] }] }, "reaches"],
    ["a range that ends before", { ingress: [{ peers: [], ports: [port(70, "TCP", 79)] }] }, NO],
    [
      "a port's name that is not known",
      { ingress: [{ peers: [], ports: [port("http")] }] },
      "cannot say: NetworkPolicy shop/one: it names the port http, and the ports of shop/p are not known",
    ],
    [
      "its port, for a block that has it not",
      { ingress: [{ peers: [block("10.1.0.0/16")], ports: [port(80)] }] },
      NO,
    ],
    [
      "a selector that means nothing",
      { podSelector: { matchExpressions: [{ key: "app", operator: "Near" }] } },
      'cannot say: NetworkPolicy shop/one: spec.podSelector.matchExpressions[0]: operator "Near" is none of In, NotIn, Exists, DoesNotExist',
    ],
  ])("%s", (_, of, expected) => {
    expect(said(of)).toBe(expected);
  });

  it.each<[string, Partial<NetworkPolicy>["ingress"], string]>([
    ["all pods of the namespace", [{ peers: [pods({})], ports: [] }], "reaches"],
    ["those with a label", [{ peers: [pods({ app: "q" })], ports: [] }], "reaches"],
    ["those with another", [{ peers: [pods({ app: "r" })], ports: [] }], "no"],
    ["those of all namespaces", [{ peers: [pods(undefined, {})], ports: [] }], "reaches"],
    [
      "those of a namespace with a label",
      [{ peers: [pods(undefined, { "kubernetes.io/metadata.name": "shop" })], ports: [] }],
      "reaches",
    ],
    ["those of other namespaces", [{ peers: [pods({ app: "q" }, { team: "ops" })], ports: [] }], "no"],
    ["both selectors count", [{ peers: [pods({ app: "r" }, {})], ports: [] }], "no"],
  ])("%s", (_, ingress, expected) => {
    const no =
      "does not reach: NetworkPolicy shop/one selects shop/p, without ingress for tcp 80 from shop/q (10.0.0.133)";
    expect(said({ ingress: ingress ?? [] }, { from: neighbour })).toBe(expected === "no" ? no : expected);
  });

  it("pods of another namespace are selected by its labels alone", () => {
    const from: PodPlace = { ...neighbour, name: "ops/q" };
    const rule = (peer: NonNullable<NetworkPolicy["ingress"][number]["peers"]>[number]) => ({
      ingress: [{ peers: [peer], ports: [] }],
    });
    expect(said(rule(pods({ app: "q" })), { from })).toContain("does not reach");
    expect(said(rule(pods({ app: "q" }, { team: "ops" })), { from })).toBe("reaches");
    expect(said(rule(pods({ app: "q" }, { team: "ops" })), { from: { ...from, name: "new/q" } })).toBe(
      "cannot say: NetworkPolicy shop/one: the labels of namespace new were not read",
    );
  });

  it("any of several policies is enough", () => {
    const denies = policy({ name: "deny" });
    const allows = policy({ name: "allow", ingress: [{ peers: [], ports: [] }] });
    expect(verdictOf([denies, allows], {}).line).toBe("reaches");
    expect(verdictOf([denies, policy({ name: "two" })], {}).line).toBe(
      "does not reach: NetworkPolicy shop/deny and NetworkPolicy shop/two select shop/p, without ingress for tcp 80 from 10.0.2.9",
    );
  });

  it("ports have names by their containers", () => {
    const named = { ingress: [{ peers: [], ports: [port("http")] }] };
    const to = (number: number, protocol: "TCP" | "UDP" = "TCP") => ({
      to: { ...web, namedPorts: [{ name: "http", protocol, port: number }] },
    });
    expect(said(named, to(80))).toBe("reaches");
    expect(said(named, to(81))).toBe(NO);
    expect(said(named, to(80, "UDP"))).toBe(NO);
  });

  it("its own node always arrives, another does not", () => {
    expect(said({}, { from: node() })).toBe("reaches");
    expect(said({}, { from: node("n2") })).toContain("does not reach");
  });

  it("of a direct pod as client of a Service the primary's address counts, which is no pod's", () => {
    const from = pod("q", "direct");
    const allows = { ingress: [{ peers: [pods({ app: "q" })], ports: [] }] };
    expect(said(allows, { from })).toBe("reaches");
    expect(said(allows, { from, throughService: true })).toBe(
      "does not reach: NetworkPolicy shop/one selects shop/p, without ingress for tcp 80 from 10.0.0.133",
    );
    expect(
      said({ ingress: [{ peers: [block("10.0.0.133/32")], ports: [] }] }, { from, throughService: true }),
    ).toBe("reaches");
  });

  it("of echo requests Kubernetes says nothing", () => {
    expect(said({ ingress: [{ peers: [], ports: [] }] }, { protocol: "icmp" })).toBe(
      "cannot say: NetworkPolicy shop/one selects the pod, and Kubernetes does not say what that means for ICMP",
    );
    expect(said({ namespace: "ops" }, { protocol: "icmp" })).toBe("reaches");
  });
});

describe("what goes out", () => {
  const out = (to: Place, egress: NetworkPolicy["egress"], path: Partial<Path> = {}) =>
    said({ types: ["Egress"], egress }, { from: web, to, ...path });

  it("is asked of the other end", () => {
    expect(out(machine(), [])).toBe(
      "does not reach: NetworkPolicy shop/one selects shop/p, without egress for tcp 80 to 10.0.2.9",
    );
    expect(out(machine(), [{ peers: [block("10.0.2.0/24")], ports: [port(80)] }])).toBe("reaches");
    expect(out(neighbour, [{ peers: [pods({ app: "q" })], ports: [] }])).toBe("reaches");
    expect(out(neighbour, [{ peers: [pods({ app: "p" })], ports: [] }])).toContain("does not reach");
    expect(out(pod("q", "direct"), [{ peers: [pods({ app: "q" })], ports: [] }])).toBe("reaches");
  });

  it("names of ports are the other pod's", () => {
    const named = [{ peers: [], ports: [port("http")] }];
    const to = { ...neighbour, namedPorts: [{ name: "http", protocol: "TCP", port: 80 }] } as const;
    expect(out(to, named)).toBe("reaches");
    expect(out(neighbour, named)).toContain("cannot say");
    expect(out(machine(), named)).toContain("does not reach");
  });

  it("of a Service selectors count, of blocks engines say different things", () => {
    const byService = { throughService: true };
    expect(out(neighbour, [{ peers: [pods({ app: "q" })], ports: [] }], byService)).toBe("reaches");
    expect(out(neighbour, [{ peers: [block("10.0.0.0/16")], ports: [] }], byService)).toBe(
      "cannot say: NetworkPolicy shop/one: whether 10.0.0.0/16 counts for a Service's endpoint depends on who enforces it",
    );
    expect(out(neighbour, [{ peers: [block("10.1.0.0/16")], ports: [] }], byService)).toContain(
      "does not reach",
    );
  });

  it("to its own node engines say different things", () => {
    const agent = { kind: "node-local", name: "NodeLocal DNS", address: "169.254.20.10" } as const;
    for (const to of [node(), agent]) {
      expect(out(to, [{ peers: [], ports: [] }])).toBe("reaches");
      expect(out(to, [])).toBe(
        "cannot say: NetworkPolicy shop/one does not allow it, and whether that counts on the way to the pod's own node depends on who enforces it",
      );
    }
    expect(out(node("n2"), [])).toContain("does not reach");
  });
});

describe("where they count", () => {
  it.each<[PodPlace["attachment"], string]>([
    ["none", "no"],
    ["direct", "reaches"],
    ["routed standard", "no"],
    ["routed strict", "no"],
  ])("on %s", (attachment, expected) => {
    const to = pod("p", attachment);
    expect(said({}, { to })).toBe(expected === "no" ? NO : expected);
  });

  it("on a direct pod the verdict says that nothing enforces them", () => {
    const direct = pod("p", "direct");
    const { answer, hops } = verdictOf([policy({})], { to: direct });
    expect(answer).toBe("reaches");
    expect(hops.filter(({ kind }) => kind === "unenforced-policy")).toEqual([
      { kind: "unenforced-policy", pod: direct, policy: policy({}), isEgress: false, isAnswer: false },
    ]);
  });

  it("a pod always reaches itself", () => {
    const both = { types: ["Ingress", "Egress"] } as const;
    expect(said(both, { from: web })).toBe("reaches");
    expect(said(both, { from: web, throughService: true })).toBe("reaches");
  });

  it("the policy that allows is a hop, in the order of the packets", () => {
    const allows = policy({ name: "in", ingress: [{ peers: [], ports: [] }] });
    const goes = policy({
      name: "out",
      types: ["Egress"],
      podSelector: { matchLabels: { app: "q" } },
      egress: [{ peers: [], ports: [] }],
    });
    const { hops } = verdictOf([allows, goes], { from: pod("q", "routed strict") });
    expect(
      hops
        .map((hop) => [hop.kind, "policy" in hop ? hop.policy?.name : undefined])
        .filter(([, name]) => name !== undefined),
    ).toEqual([
      ["policy", "out"],
      ["policy", "in"],
    ]);
    expect(hops.at(0)?.kind).toBe("policy");
    expect(hops.at(3)?.kind).toBe("policy");
  });

  it("what may not be looked at is named, but where it does not count", () => {
    const denied = { known: false, why: "no permission to list networkpolicies" } as const;
    const asked = (from: Source, to: Place) =>
      judge(
        { ...filters(RULES), policies: denied },
        { from, to, protocol: "tcp", port: 80, throughService: false },
      ).line;
    expect(asked(machine(), web)).toBe(`cannot say: ${denied.why}`);
    expect(asked(web, internet())).toBe(`cannot say: ${denied.why}`);
    expect(asked(machine(), pod("p", "direct"))).toBe("reaches");
    expect(asked(node(), machine())).toBe("reaches");
  });
});
