import { undo } from "../datapath/apply.ts";
import { DatapathError } from "../datapath/error.ts";
import { STRICT_PRIORITY } from "../datapath/numbers.ts";
import { readRules } from "../datapath/read.ts";
import { plainRule } from "../netlink/route/rule.ts";
import { type Node, kernelFor } from "./node.ts";

/**
 * Takes away the rules of strict mode that name a veth of these, for a pod without a branch: they are of an earlier pod of
 * its name, whose DEL has not come yet, and would send what this one sends by the other's branch. The earlier pod's own
 * veth is gone, or its name would be taken. DatapathError when the kernel refuses.
 */
export function clearStrictRules(node: Node, veths: readonly string[]): void {
  using kernel = kernelFor(node, undefined);
  const rules = readRules(kernel, "node").filter(
    ({ priority, inputDevice }) => priority === STRICT_PRIORITY && veths.includes(inputDevice ?? ""),
  );
  const [problem] = undo(
    kernel,
    rules.map((rule) => ({ kind: "rule", at: "node", rule: plainRule(rule), absent: true })),
  );
  if (problem === undefined) return;
  throw new DatapathError(
    "kernel",
    `rules of an earlier pod of the same veth could not be removed: ${problem.message}`,
    { cause: problem },
  );
}
