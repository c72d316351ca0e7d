import { expect, it } from "vitest";
import {
  aCniNode,
  anAgent,
  aNode,
  aPod,
  aPolicy,
  clusterOf,
  DENIED,
  eventsOf,
  interfaces,
  WAITING,
} from "../../test/unit/status.ts";
import { styleOf } from "../text/style.ts";
import { assemble } from "./assemble.ts";
import type { ClusterFacts } from "./facts.ts";
import { linesOf } from "./text.ts";

const names = new Map([["sg-web", "web"]]);
const textOf = (facts: ClusterFacts, width?: number) =>
  [...linesOf(assemble(facts), { program: "branchline", style: styleOf(false), width, names })].join("\n");

const cluster = {
  nodes: [aNode("n1")],
  cniNodes: [aCniNode("n1", ["eni-web-0"])],
  agents: [anAgent("n1")],
  policies: [aPolicy("web")],
  pods: [aPod("web-0")],
  interfaces: interfaces({ "eni-web-0": ["sg-web"] }),
  groupNames: names,
};

it("shows nodes, pods and policies when all is well", () =>
  expect(textOf(clusterOf(cluster))).toBe(`Nodes
NAME  TYPE      TRUNK         SLOTS  USED  COOLING  FREE  WARM  AGENT
n1    m5.large  eni-trunk-n1  9      1     0        8     0     ready

Pods
NAMESPACE  NAME   NODE  STATE     BRANCH     VLAN  GROUPS        DATAPATH  WAITED
shop       web-0  n1    attached  eni-web-0  1     sg-web (web)  ?         3s

Policies
NAMESPACE  NAME  GROUPS        MATCHED  APPLIED  PENDING  UNCOVERED
shop       web   sg-web (web)  1        1        0        0

1 node, 1 pod with a branch, or to have one, 1 policy in all namespaces: no problems`));

it("shows what is wrong first, and what is not known", () => {
  const scope = { namespace: "shop", node: undefined };
  const pods = [aPod("web-0", WAITING)];
  const events = eventsOf(["web-0", "no\nslot \u001b[2J"]);
  const text = textOf(clusterOf({ ...cluster, scope, pods, events, interfaces: DENIED, groupNames: DENIED }));
  expect(text).toBe(`problem  Pods that wait (1): branchline explain pod NAME says for what
         shop/web-0: it waits for its branch for 5m, on n1; BranchWaiting: no slot \\u001b[2J

unknown  What could not be looked at
         pods not read: no permission for list pods

Nodes
NAME  TYPE      TRUNK         SLOTS  USED  COOLING  FREE  WARM  AGENT
n1    m5.large  eni-trunk-n1  9      ?     ?        8     0     ready

Pods
NAME   NODE  STATE    BRANCH  VLAN  GROUPS  DATAPATH  WAITED  WAITS FOR
web-0  n1    waiting  -       -     -       -         5m      BranchWaiting: no slot \\u001b[2J

Policies
NAME  GROUPS        MATCHED  APPLIED  PENDING  UNCOVERED
web   sg-web (web)  1        0        1        0

1 node, 1 pod with a branch, or to have one, 1 policy in namespace shop (-A: all): 1 problem, 0 warnings; not everything could be looked at`);
});

it("shows ten of many problems", () => {
  const pods = Array.from({ length: 3000 }, (_, i) => aPod(`web-${i}`, { branch: undefined }));
  const lines = textOf(clusterOf({ ...cluster, pods })).split("\n");
  expect(lines.slice(0, 13)).toEqual([
    "problem  Pods with the groups of their node (3000): branchline explain pod NAME says why; delete the pod",
    ...Array.from({ length: 10 }, () => expect.stringContaining("it asks for a branch, and runs without")),
    "         and 2990 more (-o json has all)",
    "",
  ]);
});

it("fits into 80 columns with the names of a real cluster", () => {
  const node = "ip-192-168-123-234.eu-central-1.compute.internal";
  const eni = "eni-0123456789abcdef0";
  const pod = aPod("catalog-7d9c5b6f4d-x2x9k", {
    node,
    branch: { ...aPod("x").branch, eniId: eni } as never,
  });
  const facts = {
    ...cluster,
    nodes: [aNode(node)],
    cniNodes: [aCniNode(node, [eni])],
    agents: [anAgent(node)],
    pods: [pod],
    interfaces: interfaces({ [eni]: ["sg-web"] }),
  };
  const lines = textOf(clusterOf(facts), 80).split("\n");
  for (const line of lines.slice(0, -1)) expect([line, line.length <= 80]).toEqual([line, true]);
  expect(lines.slice(0, 7)).toEqual([
    "Nodes",
    "NAME                                              SLOTS  USED  FREE  WARM  AGENT",
    "ip-192-168-123-234.eu-central-1.compute.internal  9      1     8     0     ready",
    "(no room for TYPE, TRUNK, COOLING; -o json has all)",
    "",
    "Pods",
    "NAMESPACE  NAME                      STATE     VLAN  GROUPS  DATAPATH  WAITED",
  ]);
});

it("of nothing says so", () =>
  expect(textOf(clusterOf())).toBe(
    "0 nodes, 0 pods with a branch, or to have one, 0 policies in all namespaces: no problems",
  ));
