// Pods that are created while the controller serves, and while none does: rows of a table.
import type { Answer, KubernetesObject } from "../../ground/kubernetes/client.ts";
import { type Wanted, outcomeOf, review } from "./admitted.ts";
import { POD_ENI } from "./controlled-cluster.ts";
import { type Row, verdictOf } from "./who.ts";

const ASKING = { limits: { [POD_ENI]: "1" }, requests: { [POD_ENI]: "1" } };

export interface Own {
  /** The node of the kubelet that asks. */
  readonly node: KubernetesObject;
  /** Objects with pods of the chart. */
  readonly deployment: KubernetesObject;
  readonly daemonSet: KubernetesObject;
}

/** A row for each pod. Policies select by the label app=web, by the ServiceAccount cashier, and all of kube-system. */
export function podRows(state: string, own: Own): readonly Row[] {
  const { name, uid } = own.node.metadata;
  const ownerReferences = [{ apiVersion: "v1", kind: "Node", name, uid, controller: true }];
  const mirror: Wanted = {
    annotations: { "kubernetes.io/config.mirror": "x" },
    ownerReferences,
    // A mirror has none.
    account: "",
    spec: { nodeName: name },
  };
  const web = { labels: { app: "web" } };
  const pods: readonly (readonly [namespace: string, what: string, wanted: Wanted])[] = [
    ["shop", "selected by none", {}],
    ["default", "selected by none", {}],
    ["legacy", "selected by none", {}],
    ["shop", "selected by its labels", web],
    ["shop", "selected by its ServiceAccount", { account: "cashier" }],
    ["shop", "selected, and asks itself", { ...web, spec: { containers: [asking()] } }],
    ["shop", "selected, in the node's network", { ...web, spec: { hostNetwork: true } }],
    ["shop", "selected, a mirror", { ...mirror, ...web }],
    ["kube-system", "selected by an older policy", {}],
    ["kube-system", "the controller's own, selected too", podOf(own.deployment)],
    ["kube-system", "the agent's own, selected too", podOf(own.daemonSet)],
  ];
  return pods.map(([namespace, what, wanted]) => ({
    words: [state, "create", "pods", namespace, what],
    ask: async (client) => verdict(await review(client, { ...wanted, namespace })),
  }));
}

/** `starts`: as it is; `asks` for its branch, without which it waits. */
function verdict(answer: Answer): string {
  if (answer.status !== 201) return verdictOf(answer, "branchline-selected-pods");
  const outcome = outcomeOf(answer);
  return { "none, none": "starts", "1, 1": "asks" }[outcome] ?? outcome;
}

function asking(): object {
  return { name: "c", image: "c", resources: ASKING };
}

/** As the ReplicaSet's or the DaemonSet's controller makes it. */
function podOf({ spec = {} }: KubernetesObject): Wanted {
  const { metadata, spec: pod } = spec["template"] as { metadata: Wanted; spec: object };
  const { labels = {}, annotations = {} } = metadata;
  const { serviceAccountName = "" } = pod as { serviceAccountName?: string };
  return { labels, annotations, account: serviceAccountName, spec: pod };
}
