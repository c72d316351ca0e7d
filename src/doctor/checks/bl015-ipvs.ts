import { defineCheck, ok, problem, share, skipped, warning } from "../check.ts";
import { datapathOf, settingsOf } from "../entry.ts";
import { podName } from "../nodes.ts";

export const ipvs = defineCheck({
  code: "BL015",
  title: "kube-proxy's mode suits the datapath",
  why: "In IPVS mode kube-proxy sends packets of Services over the link between node and pod, and not through the VPC. A direct pod drops them over IPv4, so other pods of its node cannot call it through a Service; over IPv6 they arrive past its groups.",
  todo: "Use kube-proxy's mode iptables or nftables, or the datapath routed. strictARP alone does not help.",
  place: "cluster",
  needs: ["proxyMode", "entry"],
  uses: ["pods"],
  judge({ proxyMode, entry, pods = [] }) {
    if (entry === undefined) return skipped("the plugin's entry is in no ConfigMap");
    if (proxyMode === undefined)
      return skipped("kube-system has neither a ConfigMap kube-proxy-config nor kube-proxy");
    if (proxyMode !== "ipvs")
      return ok(`kube-proxy's mode is ${proxyMode === "" ? "the default" : proxyMode}`);
    const settings = settingsOf(entry.entry);
    const withBranch = pods.filter(({ branch }) => branch !== undefined);
    const direct = withBranch.filter((pod) => datapathOf(pod, settings) === "direct");
    const name = (all: typeof pods) => all.map((pod) => `pod ${podName(pod)}`);
    if (direct.length > 0)
      return problem(
        `kube-proxy is in IPVS mode, with ${share(direct, withBranch, "branch")} on the datapath direct`,
        name(direct),
      );
    if (settings.datapath === "routed") return ok("kube-proxy is in IPVS mode, and pods are routed");
    return warning(`kube-proxy is in IPVS mode, and pods may get the datapath direct`, [
      `${entry.from}: datapath is ${settings.datapath}`,
    ]);
  },
});
