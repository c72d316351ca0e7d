import { defineCheck, ok, problem, skipped } from "../check.ts";

const KEY = "net/ipv4/tcp_early_demux";

export const earlyDemux = defineCheck({
  code: "BL035",
  title: "tcp_early_demux is off where pods are strict",
  why: "With it on, the node drops what its strict pods answer to its own calls, which is to go through the VPC: kubelet's probes over TCP fail.",
  todo: "Set manageEarlyDemux in the plugin's entry (in the chart entry.manageEarlyDemux), or DISABLE_TCP_EARLY_DEMUX of aws-node, or on the node sysctl -w net.ipv4.tcp_early_demux=0.",
  place: "node",
  needs: ["sysctls", "attachments"],
  judge({ sysctls, attachments }) {
    const strict = attachments.filter(({ mode }) => mode === "strict");
    if (strict.length === 0) return skipped("no pod of this node is in strict mode");
    if (sysctls[KEY] !== "1") return ok(`it is ${sysctls[KEY] ?? "unknown to this kernel"}`);
    return problem(
      "it is on, and pods are strict",
      strict.map(({ pod, vlan }) => `${pod ?? "a pod"}, VLAN id ${vlan}`),
    );
  },
});
