import { defineCheck, ok, problem, skipped } from "../check.ts";
import { isAgent, isAlive } from "../nodes.ts";

const NAME = "branchline-uninstall";

export const uninstallGuard = defineCheck({
  code: "BL009",
  title: "No uninstallation is left half-way",
  why: "branchline uninstall begins with a ValidatingAdmissionPolicy that denies every new pod that asks for a branch. It stays until somebody deletes it.",
  todo: "If the agents are to stay: take the label branchline.dev/uninstall from their DaemonSet (kubectl label daemonset -n kube-system branchline-agent branchline.dev/uninstall-), and when they are ready, kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy branchline-uninstall. If they are to go: run branchline uninstall again.",
  place: "cluster",
  needs: ["guards", "pods", "daemonSets"],
  judge({ guards, pods, daemonSets }) {
    const marked = daemonSets.filter(({ labels }) => labels["branchline.dev/uninstall"] !== undefined);
    const isGuarded = guards.has(NAME);
    if (!isGuarded && marked.length === 0) return ok("no guard and no mark of an uninstallation");
    if (!pods.some((pod) => isAgent(pod) && isAlive(pod)) && marked.length === 0)
      return skipped(`branchline is uninstalled, and its guard ${NAME} is kept`);
    return problem("an uninstallation was begun, and agents are still there", [
      ...(isGuarded
        ? [`ValidatingAdmissionPolicy ${NAME} is there: pods that ask for a branch are denied`]
        : []),
      ...marked.map(
        ({ namespace, name }) => `DaemonSet ${namespace}/${name} has the label branchline.dev/uninstall`,
      ),
    ]);
  },
});
