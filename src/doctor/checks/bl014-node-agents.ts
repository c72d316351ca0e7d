import { counted, defineCheck, ok, skipped, warning } from "../check.ts";
import { strictPods } from "../entry.ts";
import { podName } from "../nodes.ts";

/** By the name of their DaemonSet: the address at which pods call them. */
const AGENTS: Readonly<Record<string, string>> = {
  "node-local-dns": "NodeLocal DNS, 169.254.20.10",
  "eks-pod-identity-agent": "EKS Pod Identity, 169.254.170.23",
};

export const nodeAgents = defineCheck({
  code: "BL014",
  title: "No strict pod needs what only its node has",
  why: "A pod in strict mode sends everything into the VPC. What each node serves for itself is not there: NodeLocal DNS (169.254.20.10) and EKS Pod Identity (169.254.170.23) do not answer it.",
  todo: "For these pods use the cluster's DNS Service (dnsConfig) and IAM roles for service accounts (IRSA). Or let them have the datapath direct, which reaches both.",
  place: "cluster",
  needs: ["pods", "daemonSets", "entry"],
  judge({ pods, daemonSets, entry }) {
    const here = daemonSets.flatMap(({ name }) => (Object.hasOwn(AGENTS, name) ? [AGENTS[name] ?? ""] : []));
    if (here.length === 0) return ok("neither NodeLocal DNS nor EKS Pod Identity is in the cluster");
    if (entry === undefined) return skipped("the plugin's entry is in no ConfigMap");
    const strict = strictPods(pods, entry);
    if (strict.length === 0) return ok(`no pod is in strict mode; the cluster has ${here.join("; ")}`);
    return warning(
      `${counted(strict.length, "strict pod")} cannot reach ${here.join("; ")}`,
      strict.map((pod) => `pod ${podName(pod)}`),
    );
  },
});
