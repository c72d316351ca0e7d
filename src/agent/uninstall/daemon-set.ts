import { fieldsOf, itemsOf, textOf, textsByKey, type Fields } from "../../kubernetes/fields.ts";
import { type KubernetesObject, readMetadata } from "../../kubernetes/metadata.ts";
import { PODS } from "../../kubernetes/objects.ts";
import type { Resource } from "../../kubernetes/resource.ts";

/** The agent's DaemonSet and its pods, as far as uninstalling needs them. */

export interface DaemonSet extends KubernetesObject {
  /** Nodes that should have a pod. */
  readonly desired: number;
  readonly matchLabels: Readonly<Record<string, string>>;
}

export const DAEMON_SETS: Resource<DaemonSet> = {
  group: "apps",
  version: "v1",
  plural: "daemonsets",
  kind: "DaemonSet",
  isNamespaced: true,
  read(object) {
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    const desired = fieldsOf(fieldsOf(object)["status"])["desiredNumberScheduled"];
    return {
      metadata: readMetadata(object),
      desired: typeof desired === "number" ? desired : 0,
      matchLabels: textsByKey(fieldsOf(spec["selector"])["matchLabels"]),
    };
  },
};

/** NAMESPACE/NAME; undefined if it is none. */
export function readObjectName(
  text: string,
): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9.-]{0,252})$/.exec(text) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

export interface AgentPod extends KubernetesObject {
  /** Where it runs or is to run; empty when that cannot be told. */
  readonly node: string;
  /** UID of the controller that owns it. */
  readonly owner: string;
  /** Its phase, and what keeps a container from running, such as CrashLoopBackOff. */
  readonly state: string;
}

export const AGENT_PODS: Resource<AgentPod> = {
  ...PODS,
  read(object) {
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    const status = fieldsOf(fieldsOf(object)["status"]);
    const owners = itemsOf(fieldsOf(fieldsOf(object)["metadata"])["ownerReferences"]).map(fieldsOf);
    const waits = itemsOf(status["containerStatuses"]).flatMap((container) => {
      const { waiting } = fieldsOf(fieldsOf(container)["state"]);
      return textOf(fieldsOf(waiting)["reason"]) ?? [];
    });
    return {
      metadata: readMetadata(object),
      node: textOf(spec["nodeName"]) || wantedNode(spec),
      owner: textOf(owners.find(({ controller }) => controller === true)?.["uid"]) ?? "",
      state: [textOf(status["phase"]) ?? "Unknown", ...waits].join(", "),
    };
  },
};

/** A pod that is not scheduled yet names its node in the affinity that the DaemonSet controller gave it. */
function wantedNode(spec: Fields): string {
  const affinity = fieldsOf(fieldsOf(spec["affinity"])["nodeAffinity"]);
  const required = fieldsOf(affinity["requiredDuringSchedulingIgnoredDuringExecution"]);
  const matches = itemsOf(required["nodeSelectorTerms"]).flatMap((term) =>
    itemsOf(fieldsOf(term)["matchFields"]).map(fieldsOf),
  );
  const name = matches.find(({ key }) => key === "metadata.name");
  return textOf(itemsOf(name?.["values"])[0]) ?? "";
}
