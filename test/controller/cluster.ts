import { AnnotationError, decodeIdentity } from "../../src/ipam/annotation.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";
import type { CniNodeFacts, NodeFacts, PodFacts, PodName } from "../../src/controller/facts.ts";
import type { PodGroups } from "../../src/policy/groups-of-pod.ts";
import { canonical } from "../../src/controller/canonical.ts";
import type { NodePort, PodNow, PodPort } from "../../src/controller/ports.ts";

export interface SimulatedPod extends PodName {
  /** Which policy of its namespace selects it, as its labels say. */
  policy: string;
  isFinished: boolean;
  /** Its end has been asked for. */
  isBeingDeleted: boolean;
  annotation: string | undefined;
}

export interface ClusterState {
  readonly pods: Map<string, SimulatedPod>;
  /** By namespace and name, with a slash between. */
  readonly policies: Map<string, readonly string[]>;
  /** Policies that nobody can evaluate. */
  readonly unreadable: Set<string>;
  node: NodeFacts | undefined;
  cniNode: CniNodeFacts | undefined;
}

/** An API server with one node in memory, and a cache of it that lags behind as far as the player lets it. */
export class Cluster {
  readonly truth: ClusterState;
  /** What the controller's caches have. */
  cache: ClusterState;
  private behind: { readonly how: (cache: ClusterState) => void; readonly ofPolicy: boolean }[] = [];
  /** The watch of policies is open: their changes come. */
  arePoliciesFollowed = true;
  /** Whether a guard, or missing rights, keep the controller from writing annotations. */
  isAnnotationDenied = false;
  private uids = 0;
  private nodes = 0;
  private readonly firstNode: NodeFacts;
  /** Heard of every annotation that is written, before it is. */
  onAnnotate: (pod: SimulatedPod, text: string) => void = () => undefined;

  constructor(node: NodeFacts) {
    this.firstNode = node;
    this.truth = { pods: new Map(), policies: new Map(), unreadable: new Set(), node, cniNode: undefined };
    this.cache = this.copy();
  }

  /** Changes the truth now, and the cache when it is delivered. */
  change(how: (state: ClusterState) => void): void {
    how(this.truth);
    this.behind.push({ how, ofPolicy: false });
  }

  /** The same of a policy: it comes by a watch of its own. */
  changePolicy(how: (state: ClusterState) => void): void {
    how(this.truth);
    this.behind.push({ how, ofPolicy: true });
  }

  get isBehind(): boolean {
    return this.behind.length > 0;
  }

  deliver(): void {
    const at = this.behind.findIndex(({ ofPolicy }) => this.arePoliciesFollowed || !ofPolicy);
    const [next] = at === -1 ? [] : this.behind.splice(at, 1);
    next?.how(this.cache);
  }

  losePolicies(): void {
    this.arePoliciesFollowed = false;
  }

  /** The watch is open again: what was missed is there with it. */
  followPolicies(): void {
    if (this.arePoliciesFollowed) return;
    this.arePoliciesFollowed = true;
    for (const { how, ofPolicy } of this.behind) if (ofPolicy) how(this.cache);
    this.behind = this.behind.filter(({ ofPolicy }) => !ofPolicy);
  }

  /** As after a list: what was under way is in it. */
  sync(): void {
    this.behind = [];
    this.arePoliciesFollowed = true;
    this.cache = this.copy();
  }

  /** As of a process that has just begun to list: a part of the pods is there. */
  forget(pick: number): void {
    for (const [i, name] of [...this.cache.pods.keys()].entries())
      if ((pick >> (i % 16)) & 1) this.cache.pods.delete(name);
  }

  private copy(): ClusterState {
    const { pods, policies, unreadable, node, cniNode } = this.truth;
    return {
      pods: new Map([...pods].map(([key, pod]) => [key, { ...pod }])),
      policies: new Map(policies),
      unreadable: new Set(unreadable),
      node,
      cniNode,
    };
  }

  createPod(name: string, namespace: string, policy: string): void {
    const uid = `uid-${(this.uids += 1)}`;
    const pod = {
      namespace,
      name,
      uid,
      policy,
      isFinished: false,
      isBeingDeleted: false,
      annotation: undefined,
    };
    this.change(({ pods }) => pods.set(name, { ...pod }));
  }

  deletePod(name: string): void {
    this.change(({ pods }) => pods.delete(name));
  }

  askToEnd(name: string): void {
    const uid = this.truth.pods.get(name)?.uid;
    this.change(({ pods }) => {
      const pod = pods.get(name);
      if (pod !== undefined && pod.uid === uid) pod.isBeingDeleted = true;
    });
  }

  /** Somebody deletes the Node; what it owns goes a moment later. */
  loseNode(): void {
    if (this.truth.node === undefined) return;
    const { uid } = this.truth.node;
    this.change((state) => void (state.node = undefined));
    this.change((state) => {
      if (state.cniNode?.ownerUid === uid) state.cniNode = undefined;
    });
  }

  /** Its kubelet registers it again. */
  returnNode(isTainted: boolean): void {
    if (this.truth.node !== undefined) return;
    const node = { ...this.firstNode, uid: `node-uid-${(this.nodes += 1)}`, isTainted };
    this.change((state) => void (state.node = node));
  }

  /** Its labels change, so that another policy selects it. */
  relabelPod(name: string, policy: string): void {
    const uid = this.truth.pods.get(name)?.uid;
    this.change(({ pods }) => {
      const pod = pods.get(name);
      if (pod !== undefined && pod.uid === uid) pod.policy = policy;
    });
  }

  finishPod(name: string): void {
    this.change(({ pods }) => {
      const pod = pods.get(name);
      if (pod !== undefined) pod.isFinished = true;
    });
  }

  podPort(): PodPort {
    const of = ({ name, uid }: PodName) => {
      const pod = this.truth.pods.get(name);
      return pod?.uid === uid ? pod : undefined;
    };
    const writable = (name: PodName, hasAnnotations: boolean) => {
      const pod = of(name);
      if (pod === undefined) throw new KubernetesError("conflict", "PATCH", "another pod, or none");
      if (this.isAnnotationDenied) throw new KubernetesError("denied", "PATCH", "a guard denies it");
      const isAsThought = pod.annotation === undefined && !hasAnnotations;
      if (!isAsThought) throw new KubernetesError("conflict", "PATCH", "the test failed");
      return pod;
    };
    return {
      prove: async (name, hasAnnotations) => {
        writable(name, hasAnnotations);
      },
      annotate: async (name, hasAnnotations, text) => {
        this.onAnnotate(writable(name, hasAnnotations), text);
        this.change(({ pods }) => {
          const pod = pods.get(name.name);
          if (pod?.uid === name.uid) pod.annotation = text;
        });
      },
      read: async (name): Promise<PodNow | undefined> => {
        const pod = of(name);
        return (
          pod && {
            isFinished: pod.isFinished,
            hasAnnotations: pod.annotation !== undefined,
            annotation: pod.annotation,
          }
        );
      },
      isClaimed: async (eni) => {
        return [...this.truth.pods.values()].some(
          ({ annotation, isFinished }) => !isFinished && claimOf(annotation)?.eniId === eni,
        );
      },
    };
  }

  nodePort(): NodePort {
    const setNode = ({ uid }: { readonly uid: string }, change: (node: NodeFacts) => NodeFacts) => {
      if (this.truth.node?.uid !== uid)
        throw new KubernetesError("conflict", "PATCH", "another Node, or none");
      this.change((state) => {
        if (state.node?.uid === uid) state.node = change(state.node);
      });
    };
    return {
      createCniNode: async ({ uid, instance }) => {
        if (this.truth.cniNode !== undefined) throw new KubernetesError("conflict", "POST", "it exists");
        this.change((state) => {
          state.cniNode = {
            uid: `cninode of ${uid}`,
            ownerUid: uid,
            instance,
            isBeingDeleted: false,
            managedBy: "branchline",
            // The agent is quick here.
            asksForTrunk: true,
            eniConfig: undefined,
            tracking: undefined,
            tags: {},
            status: "{}",
          };
        });
      },
      deleteCniNode: async ({ uid }) => {
        if (this.truth.cniNode?.uid !== uid)
          throw new KubernetesError("conflict", "DELETE", "another, or none");
        this.change((state) => {
          if (state.cniNode?.uid === uid) state.cniNode = undefined;
        });
      },
      setCniStatus: async ({ uid }, status) =>
        this.change((state) => {
          if (state.cniNode?.uid === uid)
            state.cniNode = { ...state.cniNode, status: canonical(JSON.parse(status)) };
        }),
      setCapacity: async (node_, capacity) =>
        setNode(node_, (node) => ({ ...node, capacity, allocatable: capacity })),
      removeTaint: async (node_) => setNode(node_, (node) => ({ ...node, isTainted: false })),
      annotateTrunk: async (node_, text) => setNode(node_, (node) => ({ ...node, trunkAnnotation: text })),
    };
  }

  private groupsOf(pod: SimulatedPod): PodGroups {
    const { policies, unreadable } = this.cache;
    const policy = `${pod.namespace}/${pod.policy}`;
    if (unreadable.has(policy)) {
      const undecided = [{ policy, why: "no such operator" }];
      return { groups: [], selecting: [], undecided, passedOver: [] };
    }
    const groups = policies.get(policy) ?? [];
    return { groups, selecting: groups.length === 0 ? [] : [policy], undecided: [], passedOver: [] };
  }

  /** As the controller's caches have them. */
  podFacts(): PodFacts[] {
    return [...this.cache.pods.values()].map((pod) => ({
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      wantsBranch: true,
      isFinished: pod.isFinished,
      isBeingDeleted: pod.isBeingDeleted,
      hasAnnotations: pod.annotation !== undefined,
      claim: claimOf(pod.annotation),
      groups: this.groupsOf(pod),
    }));
  }
}

export function claimOf(annotation: string | undefined) {
  if (annotation === undefined) return undefined;
  try {
    const { eniId, vlanId, mac } = decodeIdentity(annotation);
    const [fields] = JSON.parse(annotation) as [{ associationID?: string }];
    return { eniId, vlanId, mac, associationId: fields.associationID };
  } catch (error) {
    if (error instanceof AnnotationError) return undefined;
    throw error;
  }
}
