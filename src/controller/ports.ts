import type { CallOptions, Ec2Port } from "../ec2/port.ts";
import type { NewInterface } from "../ec2/types.ts";
import type { PodName } from "./facts.ts";
import type { Subnet } from "./ledger.ts";

/** What actions are carried out with. Each method rejects with an Ec2CallError or a KubernetesError. */
export interface Ports {
  readonly ec2: Pick<
    Ec2Port,
    | "createTrunk"
    | "createBranch"
    | "attach"
    | "deleteOnTermination"
    | "setGroups"
    | "tag"
    | "associate"
    | "disassociate"
    | "deleteInterface"
    | "interfaces"
    | "instances"
    | "associations"
  >;
  /** EC2's answer, kept for a while: a subnet's ranges seldom change. */
  readonly subnet: (id: string, call: CallOptions) => Promise<Subnet>;
  /** Rejects with EC2's refusal unless the account may make such trunks: asked by a dry run, once in a while for all. */
  readonly trunksAllowed: (wanted: Omit<NewInterface, "token">, call: CallOptions) => Promise<void>;
  readonly pods: PodPort;
  readonly nodes: NodePort;
}

/** A pod as the API server has it at this moment. */
export interface PodNow {
  readonly isFinished: boolean;
  readonly hasAnnotations: boolean;
  /** The text of the pod-eni annotation. */
  readonly annotation: string | undefined;
}

export interface PodPort {
  /** Rejects unless the annotation could be written now to the pod of this UID, which has none. Writes nothing. */
  prove(pod: PodName, hasAnnotations: boolean, signal: AbortSignal): Promise<void>;
  /** Writes the annotation to the pod of this UID, if it has none. */
  annotate(pod: PodName, hasAnnotations: boolean, text: string, signal: AbortSignal): Promise<void>;
  /** Undefined: there is no pod of this UID. */
  read(pod: PodName, signal: AbortSignal): Promise<PodNow | undefined>;
  /** Whether an annotation of any pod of the node, or without one of the cluster, names the ENI. */
  isClaimed(eni: string, node: string | undefined, signal: AbortSignal): Promise<boolean>;
}

export interface NodePort {
  createCniNode(
    node: { readonly name: string; readonly uid: string; readonly instance: string },
    signal: AbortSignal,
  ): Promise<void>;
  deleteCniNode(cniNode: { readonly name: string; readonly uid: string }, signal: AbortSignal): Promise<void>;
  /** `status` is canonical JSON. */
  setCniStatus(
    cniNode: { readonly name: string; readonly uid: string },
    status: string,
    signal: AbortSignal,
  ): Promise<void>;
  /** Also of allocatable, when no kubelet follows. */
  setCapacity(
    node: { readonly name: string; readonly uid: string },
    capacity: number,
    alsoAllocatable: boolean,
    signal: AbortSignal,
  ): Promise<void>;
  removeTaint(node: { readonly name: string; readonly uid: string }, signal: AbortSignal): Promise<void>;
  annotateTrunk(
    node: { readonly name: string; readonly uid: string },
    text: string,
    signal: AbortSignal,
  ): Promise<void>;
}
