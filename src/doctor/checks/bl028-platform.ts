import { counted, defineCheck, ok, problem, skipped } from "../check.ts";
import type { NodeFact } from "../facts.ts";
import { isAgent, isNodeOfOurs } from "../nodes.ts";

export const platform = defineCheck({
  code: "BL028",
  title: "Nodes are of a kind that the plugin runs on",
  why: "There are executables for amd64 and arm64 only. And the plugin learns of a pod's branch by its annotations: a runtime that does not pass them on (Docker, containerd before 1.5, CRI-O before 1.29) makes every pod fail.",
  todo: "Keep the agents off these nodes by nodeSelector, or use others (docs/compatibility.md).",
  place: "cluster",
  needs: ["nodes", "pods"],
  judge({ nodes, pods }) {
    const served = new Set(pods.filter(isAgent).map(({ node }) => node));
    const ours = nodes.filter((node) => isNodeOfOurs(node) && served.has(node.name));
    if (ours.length === 0) return skipped("no node has an agent");
    const wrong = ours.flatMap((node) => {
      const why = whyNot(node);
      return why === undefined ? [] : [`node ${node.name}: ${why}`];
    });
    if (wrong.length === 0) return ok(counted(ours.length, "node"));
    return problem(`${counted(wrong.length, "node")} with an agent cannot run the plugin`, wrong);
  },
});

/** Architectures of build/target.mjs, by Kubernetes' names. */
const BUILT_FOR = ["amd64", "arm64"];

function whyNot({ architecture, runtime }: NodeFact): string | undefined {
  if (architecture !== "" && !BUILT_FOR.includes(architecture)) return `it is ${architecture}`;
  const [name = "", version = ""] = runtime.split("://");
  if (runtime === "") return undefined;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  // Annotations are passed from there on (docs/compatibility.md).
  const isOld =
    (name === "containerd" && (major < 1 || (major === 1 && minor < 5))) ||
    (name === "cri-o" && major === 1 && minor < 29);
  if (isOld) return `${runtime} passes no annotations`;
  return name === "containerd" || name === "cri-o" ? undefined : `${runtime} is not supported`;
}
