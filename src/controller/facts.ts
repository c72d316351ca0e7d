import type { ConnectionTracking } from "../ec2/types.ts";
import type { PodGroups } from "../policy/groups-of-pod.ts";

/** What the API server says, as far as decisions need it. */

/** Which pod, beyond doubt. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A branch as a pod's annotation names it. */
export interface Claim {
  readonly eniId: string;
  readonly vlanId: number;
  readonly associationId: string | undefined;
  readonly mac: string;
}

export interface PodFacts extends PodName {
  /** It has a limit for a branch and a network of its own. */
  readonly wantsBranch: boolean;
  /** Succeeded or Failed: it never runs again. */
  readonly isFinished: boolean;
  readonly isBeingDeleted: boolean;
  /** Whether it has any annotation: a patch has to add the map first. */
  readonly hasAnnotations: boolean;
  /** Its pod-eni annotation; `unreadable` if there is one that names no branch. */
  readonly claim: Claim | "unreadable" | undefined;
  readonly groups: PodGroups;
}

export interface NodeFacts {
  readonly name: string;
  readonly uid: string;
  readonly isLinux: boolean;
  /** The node's own address is IPv6: pods are given one as well. */
  readonly isIpv6: boolean;
  /** The label node.kubernetes.io/instance-type. */
  readonly instanceType: string | undefined;
  /** Of vpc.amazonaws.com/pod-eni; undefined: not there. */
  readonly capacity: number | undefined;
  readonly allocatable: number | undefined;
  /** It has the taint branchline.dev/agent-not-ready. */
  readonly isTainted: boolean;
  /** The annotation branchline.dev/trunk as it is. */
  readonly trunkAnnotation: string | undefined;
  /** Its agent's pod is Ready. */
  readonly isAgentReady: boolean;
}

export interface CniNodeFacts {
  readonly uid: string;
  /** Of the Node that owns it; undefined: none does. */
  readonly ownerUid: string | undefined;
  /** The annotation branchline.dev/instance-id. */
  readonly instance: string | undefined;
  readonly isBeingDeleted: boolean;
  readonly managedBy: string | undefined;
  /** It has the feature SecurityGroupsForPods. */
  readonly asksForTrunk: boolean;
  /** The ENIConfig that the feature CustomNetworking names; undefined without it. */
  readonly eniConfig: string | undefined;
  /** status.nodeNetworkState.connectionTracking: the primary interface's, as of when the trunk was made. */
  readonly tracking: ConnectionTracking | undefined;
  /** spec.tags: for all interfaces of the node. */
  readonly tags: Readonly<Record<string, string>>;
  /** Its status as canonical JSON, to be compared with what it should be. */
  readonly status: string;
}

/** crd.k8s.amazonaws.com/v1alpha1 ENIConfig: where a node's pods are instead. */
export interface EniConfigFacts {
  readonly name: string;
  readonly subnet: string;
  readonly groups: readonly string[];
}
