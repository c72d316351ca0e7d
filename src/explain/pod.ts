import { type Api, getFact } from "../facts/api.ts";
import type { Fact } from "../facts/fact.ts";
import { DATAPATH_ANNOTATION } from "../facts/plugin-settings.ts";
import { type ContainerPort, POD_FACTS, type PodFact, portsOf, type Probe, probesOf } from "../facts/pods.ts";
import { POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import { type Fields, fieldsOf, isFields, itemsOf, textOf } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { FARGATE_LABEL } from "../policy/fargate.ts";
import type { PodName } from "./question.ts";

/** A pod with what an explanation needs besides the common facts. */
export interface ExplainedPod extends PodFact {
  /** When its branch was written into its annotations: RFC 3339, to the second. Undefined when the API server does not say. */
  readonly annotatedAt: string | undefined;
  /** The annotation branchline.dev/datapath. */
  readonly wantedDatapath: string | undefined;
  readonly dnsPolicy: string;
  /** dnsConfig.nameservers. */
  readonly nameservers: readonly string[];
  /** Why it is not scheduled, in the scheduler's words; undefined when it is, or nobody says. */
  readonly notScheduled: string | undefined;
  /** On Fargate, which has no nodes with trunks: the groups of fargate.amazonaws.com/pod-sg. */
  readonly fargate: { readonly groups: readonly string[] } | undefined;
  /** Istio's ambient mode. */
  readonly isInAmbientMesh: boolean;
  /** Of all containers, whatever the pod asks for. */
  readonly allPorts: readonly ContainerPort[];
  readonly allProbes: readonly Probe[];
}

const FARGATE_GROUPS = "fargate.amazonaws.com/pod-sg";
const AMBIENT = "ambient.istio.io/redirection";

/** Undefined: there is none of that name. */
export function readExplainedPod(
  api: Api,
  { namespace, name }: PodName,
): Promise<Fact<ExplainedPod | undefined>> {
  return getFact(api, EXPLAINED_PODS, { namespace, name });
}

export const EXPLAINED_PODS: Resource<ExplainedPod> = {
  ...POD_FACTS,
  read(object) {
    const { labels, annotations } = readMetadata(object);
    const { metadata, spec, status } = fieldsOf(object);
    const { dnsPolicy, dnsConfig, containers: given, initContainers } = fieldsOf(spec);
    const containers = itemsOf(given).map(fieldsOf);
    // A sidecar is an init container that goes on.
    const sidecars = itemsOf(initContainers)
      .map(fieldsOf)
      .filter(({ restartPolicy }) => restartPolicy === "Always");
    const all = [...containers, ...sidecars];
    const allPorts = all.flatMap(portsOf);
    return {
      ...POD_FACTS.read(object),
      annotatedAt: writtenAt(fieldsOf(metadata), ["f:metadata", "f:annotations", `f:${POD_ENI_ANNOTATION}`]),
      wantedDatapath: annotations[DATAPATH_ANNOTATION],
      dnsPolicy: textOf(dnsPolicy) ?? "ClusterFirst",
      nameservers: itemsOf(fieldsOf(dnsConfig)["nameservers"]).flatMap((one) => textOf(one) ?? []),
      notScheduled: notScheduled(fieldsOf(status)),
      fargate:
        labels[FARGATE_LABEL] === undefined
          ? undefined
          : { groups: (annotations[FARGATE_GROUPS] ?? "").split(",").filter((group) => group !== "") },
      isInAmbientMesh: annotations[AMBIENT] === "enabled",
      allPorts,
      allProbes: all.flatMap((container) => probesOf(container, allPorts)),
    };
  },
};

function notScheduled({ conditions }: Fields): string | undefined {
  const found = itemsOf(conditions)
    .map(fieldsOf)
    .find(({ type, status }) => type === "PodScheduled" && status === "False");
  return found && (textOf(found["message"]) ?? textOf(found["reason"]) ?? "");
}

/** When somebody last wrote a field, or something in it, as managedFields say: the newest of all who have. */
export function writtenAt({ managedFields }: Fields, path: readonly string[]): string | undefined {
  return itemsOf(managedFields)
    .map(fieldsOf)
    .filter(({ fieldsV1 }) => hasPath(fieldsV1, path))
    .flatMap(({ time }) => textOf(time) ?? [])
    .toSorted()
    .at(-1);
}

function hasPath(fields: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  return isFields(fields) && Object.hasOwn(fields, first) && hasPath(fields[first], rest);
}
