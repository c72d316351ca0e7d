import { counted, defineCheck, ok, problem, share, skipped, warning } from "../check.ts";
import { settingsOf, strictPods } from "../entry.ts";
import { podName } from "../nodes.ts";
import { lets } from "../rules.ts";

export const probes = defineCheck({
  code: "BL013",
  title: "kubelet's probes reach strict pods",
  why: "With the datapath routed in strict mode, kubelet's probes by TCP, HTTP or gRPC go through the VPC: the pod's groups have to let its node in, and the node's sysctl tcp_early_demux has to be off. Otherwise the probes fail, and kubelet restarts the pod again and again.",
  todo: "Let the node's group in at the probe's port, and set manageEarlyDemux in the plugin's entry (in the chart entry.manageEarlyDemux). Or probe by a command, which needs neither.",
  place: "cluster",
  needs: ["pods", "nodes", "entry"],
  uses: ["interfaces", "rules", "daemonSets"],
  judge({ pods, nodes, entry, interfaces, rules, daemonSets }) {
    if (entry === undefined) return skipped("the plugin's entry is in no ConfigMap");
    const probed = strictPods(pods, entry).filter(({ probePorts }) => probePorts.length > 0);
    if (probed.length === 0) return skipped("no pod in strict mode has a probe over the network");
    const node = new Map(nodes.map(({ name, instance }) => [name, instance]));
    const closed = probed.flatMap((pod) => {
      const primary = interfaces?.find(
        (eni) => eni.deviceIndex === 0 && eni.instance !== undefined && eni.instance === node.get(pod.node),
      );
      const own = interfaces?.find((eni) => typeof pod.branch === "object" && eni.id === pod.branch.eni);
      if (rules === undefined || primary === undefined || own === undefined) return [];
      const nodeAddress = nodes.find(({ name }) => name === pod.node)?.address;
      return pod.probePorts.flatMap((port) => {
        const flow = { protocol: "tcp", port, peerGroups: primary.groups, peerAddress: nodeAddress } as const;
        return lets(rules, own.groups, false, flow) === "no"
          ? [
              `pod ${podName(pod)}: no rule of ${own.groups.join(", ")} lets tcp ${port} in from ${primary.groups.join(", ")} of its node`,
            ]
          : [];
      });
    });
    if (closed.length > 0) return problem(`closed to probes: ${share(closed, probed, "strict pod")}`, closed);
    const awsNode = daemonSets?.find(({ name }) => name === "aws-node");
    const isOff =
      settingsOf(entry.entry).managesEarlyDemux || awsNode?.env["DISABLE_TCP_EARLY_DEMUX"] === "true";
    if (!isOff)
      return warning(
        "tcp_early_demux may be on: neither manageEarlyDemux nor DISABLE_TCP_EARLY_DEMUX is set",
        [`${entry.from}: manageEarlyDemux is not set`],
      );
    if (rules === undefined || interfaces === undefined)
      return warning("tcp_early_demux is off; whether the rules let probes in could not be looked at");
    return ok(`${counted(probed.length, "strict pod")} with probes, open to the node`);
  },
});
