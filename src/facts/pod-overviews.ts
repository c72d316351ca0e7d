import type { Scope } from "../kubernetes/client.ts";
import { type Api, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";
import { type PodBranch, type UnreadableBranch, branchOf } from "./pods.ts";
import { DATAPATH_ANNOTATION } from "./plugin-settings.ts";
import { POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import { type Fields, fieldsOf, itemsOf, textOf, textsByKey } from "../kubernetes/fields.ts";
import { hasBranchLimit, PODS } from "../kubernetes/objects.ts";
import { podOverview } from "../kubernetes/protobuf/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Labels } from "../policy/label-selector.ts";

/** What of all pods of a cluster is kept: of tens of thousands each field counts. */
export interface PodOverview {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Labels;
  /** Empty until it is scheduled. */
  readonly node: string;
  readonly serviceAccount: string;
  readonly usesHostNetwork: boolean;
  /** It has a limit for vpc.amazonaws.com/pod-eni. */
  readonly asksForBranch: boolean;
  /** Pending, Running, Succeeded, Failed or Unknown. */
  readonly phase: string;
  readonly isReady: boolean;
  readonly isBeingDeleted: boolean;
  /** Milliseconds since 1970, to the second. */
  readonly createdAt: number | undefined;
  /** When its network was ready; undefined while it is not. Of a kubelet that does not say: when a container first started. */
  readonly networkAt: number | undefined;
  /** status.podIPs. */
  readonly addresses: readonly string[];
  /** Why the scheduler has found no node for it, in its words; undefined when it has, or has said nothing. */
  readonly unschedulable: string | undefined;
  /** Its own choice, whatever it says; undefined without one. */
  readonly datapath: string | undefined;
  /** Of its annotation; undefined without one. */
  readonly branch: PodBranch | UnreadableBranch | undefined;
}

const ANNOTATIONS = [POD_ENI_ANNOTATION, DATAPATH_ANNOTATION];
const NONE: readonly never[] = [];

/** Those of the scope. */
export function readPodOverviews(api: Api, scope: Scope): Promise<Fact<readonly PodOverview[]>> {
  return listFact(api, podOverviews(), scope);
}

/** Reads lists in protobuf only. Texts that many pods have are kept once, for as long as this is used. */
export function podOverviews(): Resource<PodOverview> {
  const pool = new Pool();
  return { ...PODS, message: podOverview(ANNOTATIONS), read: (object) => overviewOf(fieldsOf(object), pool) };
}

function overviewOf({ metadata, spec, status }: Fields, pool: Pool): PodOverview {
  const { name, namespace, uid, creationTimestamp, deletionTimestamp, labels, annotations } =
    fieldsOf(metadata);
  const { containers, initContainers, serviceAccountName, nodeName, hostNetwork } = fieldsOf(spec);
  const { phase, conditions, podIPs } = fieldsOf(status);
  const { [POD_ENI_ANNOTATION]: annotation, [DATAPATH_ANNOTATION]: datapath } = fieldsOf(annotations);
  const branch = textOf(annotation);
  return {
    namespace: pool.text(textOf(namespace) ?? ""),
    name: textOf(name) ?? "",
    uid: textOf(uid) ?? "",
    labels: pool.labels(labels),
    node: pool.text(textOf(nodeName) ?? ""),
    serviceAccount: pool.text(textOf(serviceAccountName) ?? "default"),
    usesHostNetwork: hostNetwork === true,
    asksForBranch: asks(containers) || asks(initContainers),
    phase: pool.text(textOf(phase) ?? ""),
    isReady: conditionOf(conditions, "Ready")?.["status"] === "True",
    isBeingDeleted: deletionTimestamp !== undefined,
    createdAt: instantOf(creationTimestamp),
    networkAt: networkOf(fieldsOf(status)),
    addresses: itemsOf(podIPs).flatMap((one) => textOf(fieldsOf(one)["ip"]) ?? NONE),
    unschedulable: unschedulableOf(conditions),
    datapath: textOf(datapath),
    branch: branch === undefined ? undefined : branchOf(branch),
  };
}

function asks(containers: unknown): boolean {
  return itemsOf(containers).some(hasBranchLimit);
}

function conditionOf(conditions: unknown, wanted: string): Fields | undefined {
  return itemsOf(conditions)
    .map(fieldsOf)
    .find(({ type }) => type === wanted);
}

function unschedulableOf(conditions: unknown): string | undefined {
  const scheduled = conditionOf(conditions, "PodScheduled");
  return scheduled?.["status"] === "False" ? textOf(scheduled["message"]) : undefined;
}

function networkOf({ conditions, containerStatuses, initContainerStatuses }: Fields): number | undefined {
  const ready = conditionOf(conditions, "PodReadyToStartContainers");
  if (ready !== undefined)
    return ready["status"] === "True" ? instantOf(ready["lastTransitionTime"]) : undefined;
  const starts = [...itemsOf(initContainerStatuses), ...itemsOf(containerStatuses)].flatMap((one) => {
    const { running, terminated } = fieldsOf(fieldsOf(one)["state"]);
    return [running, terminated].flatMap((state) => instantOf(fieldsOf(state)["startedAt"]) ?? NONE);
  });
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function instantOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

class Pool {
  private readonly texts = new Map<string, string>();
  private readonly sets = new Map<string, Labels>();

  text(text: string): string {
    const known = this.texts.get(text);
    if (known !== undefined) return known;
    this.texts.set(text, text);
    return text;
  }

  labels(labels: unknown): Labels {
    // Neither keys nor values have a line break.
    let key = "";
    for (const [name, value] of Object.entries(fieldsOf(labels))) key += `${name}=${String(value)}\n`;
    let known = this.sets.get(key);
    if (known === undefined) {
      known = textsByKey(labels);
      this.sets.set(key, known);
    }
    return known;
  }
}
