import { counted, defineCheck, ok, problem, skipped, warning } from "../check.ts";
import { datapathOf, settingsOf } from "../entry.ts";
import type { InterfaceFact, NodeFact, PodFact, RuleFact } from "../facts.ts";
import { branchGroups } from "../group-sets.ts";
import { isAlive, podName } from "../nodes.ts";
import { type Flow, lets } from "../rules.ts";

const PORT = 53;

export const dns = defineCheck({
  code: "BL012",
  title: "Pods with a branch reach CoreDNS",
  why: "What a pod with a branch asks CoreDNS is under the pod's own groups. If their rules, or those of CoreDNS, do not let it pass, each lookup of a name times out.",
  todo: "Let the pods' groups out to port 53 by udp and tcp, and let them in at the groups of CoreDNS: those of the nodes on which it runs, or of its own branch. branchline explain pod NAME prints the rules as commands.",
  place: "cluster",
  needs: ["pods", "nodes", "interfaces", "rules"],
  uses: ["entry"],
  judge({ pods, nodes, interfaces, rules, entry }) {
    const servers = pods.filter((pod) => pod.labels["k8s-app"] === "kube-dns" && isAlive(pod));
    if (servers.length === 0) return skipped("there is no pod with the label k8s-app=kube-dns");
    const settings = entry === undefined ? undefined : settingsOf(entry.entry);
    const datapath = (pod: PodFact) => (settings === undefined ? undefined : datapathOf(pod, settings));
    const withBranch = pods.filter(({ branch }) => typeof branch === "object");
    // A direct pod asks a Service by host0: the groups of its node decide, as they do for pods without a branch.
    const sets = branchGroups(
      withBranch.filter((pod) => datapath(pod) !== "direct"),
      interfaces,
    );
    if (sets.length === 0)
      return skipped(
        withBranch.length === 0
          ? "no pod has a branch"
          : "direct pods reach Services by the groups of their nodes",
      );
    const groupsOf = serverGroups(nodes, interfaces);
    const found = sets.flatMap(({ groups, pods: members }) => {
      const [example] = members;
      // What auto gave a pod only its node knows.
      const isOwnWay = members.some((pod) => datapath(pod) !== "auto");
      return servers.flatMap((server) =>
        (["udp", "tcp"] as const).flatMap((protocol) => {
          const its = groupsOf(server);
          if (its === undefined) return [];
          const why = whyNot(rules, protocol, { groups, example }, { groups: its, server });
          return why === undefined ? [] : [{ ...why, isSure: why.isSure && isOwnWay }];
        }),
      );
    });
    const lines = (isSure: boolean) => [
      ...new Set(found.filter((one) => one.isSure === isSure).map(({ line }) => line)),
    ];
    const [closed, doubtful] = [lines(true), lines(false)];
    if (closed.length > 0) return problem(`closed ways to CoreDNS: ${closed.length}`, closed);
    if (doubtful.length > 0)
      return warning(
        "whether CoreDNS is reached depends on prefix lists, or on the pods' datapath",
        doubtful,
      );
    return ok(
      `${counted(sets.length, "set")} of groups, all to port ${PORT} of ${counted(servers.length, "pod")}`,
    );
  },
});

/** The groups that decide at a server: of its own branch, or of its node's primary interface. */
function serverGroups(nodes: readonly NodeFact[], interfaces: readonly InterfaceFact[]) {
  const instances = new Map(nodes.map(({ name, instance }) => [name, instance]));
  return ({ node, branch }: PodFact): readonly string[] | undefined => {
    const own = typeof branch === "object" ? branch.eni : undefined;
    const eni = interfaces.find((one) =>
      own === undefined
        ? one.instance !== undefined && one.instance === instances.get(node) && one.deviceIndex === 0
        : one.id === own,
    );
    return eni?.groups;
  };
}

function whyNot(
  rules: readonly RuleFact[],
  protocol: Flow["protocol"],
  from: { readonly groups: readonly string[]; readonly example: PodFact | undefined },
  to: { readonly groups: readonly string[]; readonly server: PodFact },
): { readonly isSure: boolean; readonly line: string } | undefined {
  const flow = { protocol, port: PORT };
  const toServer = { ...flow, peerGroups: to.groups, peerAddress: to.server.addresses[0] };
  const { branch } = from.example ?? {};
  const address = typeof branch === "object" ? branch.addresses[0] : undefined;
  const out = lets(rules, from.groups, true, toServer);
  const into = lets(rules, to.groups, false, { ...flow, peerGroups: from.groups, peerAddress: address });
  const what = `${protocol} ${PORT}`;
  const example = from.example === undefined ? "" : ` (as pod ${podName(from.example)})`;
  const line = (side: string) =>
    `${from.groups.join(", ")}${example} to ${to.groups.join(", ")} of CoreDNS: ${side}`;
  if (out === "no") return { isSure: true, line: line(`no rule lets ${what} out`) };
  if (into === "no") return { isSure: true, line: line(`no rule lets ${what} in`) };
  if (out === "yes" && into === "yes") return undefined;
  return { isSure: false, line: line(`${what} only by a prefix list`) };
}
