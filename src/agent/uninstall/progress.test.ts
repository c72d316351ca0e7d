import { describe, expect, it } from "vitest";
import { CNI_NODES } from "../../kubernetes/objects.ts";
import { AGENT_PODS, DAEMON_SETS } from "./daemon-set.ts";
import { lineOf, progressOf } from "./progress.ts";
import { REPORT, formatReport, type Report } from "./report.ts";

const MARK = "20261128T150405Z";
const removed: Report = { mark: MARK, list: "removed", executable: "removed", attachments: 0, why: "" };

const podOn = (node: string, owner = "u1") =>
  AGENT_PODS.read({
    metadata: { name: `agent-on-${node}`, ownerReferences: [{ uid: owner, controller: true }] },
    spec: { nodeName: node },
    status: { phase: "Running" },
  });

const cniNode = (name: string, report?: Report) =>
  CNI_NODES.read({
    metadata: { name, ...(report && { annotations: { [REPORT]: formatReport(report) } }) },
  });

function progress(
  desired: number,
  pods: readonly ReturnType<typeof podOn>[],
  ...cniNodes: readonly ReturnType<typeof cniNode>[]
) {
  const daemonSet = DAEMON_SETS.read({
    metadata: { uid: "u1" },
    status: { desiredNumberScheduled: desired },
  });
  return progressOf({ daemonSet, pods, cniNodes }, MARK);
}

describe("is done", () => {
  it("when every node with a pod has reported", () => {
    const found = progress(2, [podOn("b"), podOn("a")], cniNode("a", removed), cniNode("b", removed));
    expect(found.isDone).toBe(true);
    expect(found.nodes.map(({ node }) => node)).toEqual(["a", "b"]);
    expect(lineOf(found)).toBe("the list is removed from 2 of 2 nodes");
  });

  it("though executables and attachments are left", () =>
    expect(
      progress(1, [podOn("a")], cniNode("a", { ...removed, executable: "kept", attachments: 10, why: "w" })),
    ).toMatchObject({ isDone: true, nodes: [{ attachments: 10, isExecutableThere: true, why: "w" }] }));

  it("when no node should have a pod", () => expect(progress(0, []).isDone).toBe(true));

  it("whatever pods of others and reports of other nodes say", () =>
    expect(progress(1, [podOn("a"), podOn("x", "u2")], cniNode("a", removed), cniNode("z"))).toMatchObject({
      isDone: true,
      nodes: [{ node: "a" }],
    }));
});

describe("waits", () => {
  it.each<[string, ReturnType<typeof progress>, string]>([
    [
      "without a report",
      progress(1, [podOn("a")], cniNode("a")),
      "a (no report; its pod agent-on-a is Running)",
    ],
    [
      "without a CNINode",
      progress(1, [podOn("a")]),
      "a (it has no CNINode to report on; its pod agent-on-a is Running)",
    ],
    [
      "with the report of an earlier mark",
      progress(1, [podOn("a")], cniNode("a", { ...removed, mark: "20251128T150405Z" })),
      "a (no report; its pod agent-on-a is Running)",
    ],
    [
      "while a list is kept",
      progress(1, [podOn("a")], cniNode("a", { ...removed, list: "kept", why: "it is the only one" })),
      "a (it is the only one)",
    ],
    [
      "for a pod that is not there yet",
      progress(2, [podOn("a")], cniNode("a", removed)),
      "1 without an agent's pod",
    ],
    [
      "for one pod of two nodes",
      progress(1, [podOn("a"), podOn("b")], cniNode("a", removed)),
      "b (it has no CNINode to report on; its pod agent-on-b is Running)",
    ],
  ])("%s", (_what, found, words) => {
    expect(found.isDone).toBe(false);
    expect(lineOf(found)).toMatch(/^the list is removed from \d of \d nodes; waiting for /);
    expect(lineOf(found)).toContain(words);
  });

  it("and names the first five", () => {
    const names = Array.from({ length: 8 }, (_, i) => `n${i}`);
    const line = lineOf(
      progress(
        8,
        names.map((name) => podOn(name)),
        ...names.map((name) => cniNode(name)),
      ),
    );
    expect(line).toContain("n4 (");
    expect(line).not.toContain("n5");
    expect(line).toMatch(/, 3 more$/);
  });
});
