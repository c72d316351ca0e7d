import { AnnotationError, decodeIdentity } from "../../src/ipam/annotation.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";
import type { CniNodeFacts, NodeFacts, PodFacts, PodName } from "../../src/controller/facts.ts";
import { canonical } from "../../src/controller/canonical.ts";
import type { NodePort, PodNow, PodPort } from "../../src/controller/ports.ts";

export interface SimulatedPod extends PodName {
  /** Which policy of its namespace selects it. */
  readonly policy: string;
  isFinished: boolean;
  annotation: string | undefined;
}

export interface ClusterState {
  readonly pods: Map<string, SimulatedPod>;
  /** By namespace and name, with a slash between. */
  readonly policies: Map<string, readonly string[]>;
  node: NodeFacts | undefined;
  cniNode: CniNodeFacts | undefined;
}

/** An API server with one node in memory, and a cache of it that lags behind as far as the player lets it. */
export class Cluster {
  readonly truth: ClusterState;
  /** What the controller's caches have. */
  cache: ClusterState;
  private readonly behind: ((cache: ClusterState) => void)[] = [];
  /** Whether a guard, or missing rights, keep the controller from writing annotations. */
  isAnnotationDenied = false;
  private uids = 0;
  /** Heard of every annotation that is written, before it is. */
  onAnnotate: (pod: SimulatedPod, text: string) => void = () => undefined;
  onProof: (uid: string) => void = () => undefined;
  /** Heard of each list of all pods that is looked through for an ENI. */
  onList: (eni: string) => void = () => undefined;
  onRead: (uid: string) => void = () => undefined;

  constructor(node: NodeFacts) {
    this.truth = { pods: new Map(), policies: new Map(), node, cniNode: undefined };
    this.cache = this.copy();
  }

  /** Changes the truth now, and the cache when it is delivered. */
  change(how: (state: ClusterState) => void): void {
    how(this.truth);
    this.behind.push(how);
  }

  get isBehind(): boolean {
    return this.behind.length > 0;
  }

  deliver(): void {
    this.behind.shift()?.(this.cache);
  }

  /** As after a list: what was under way is in it. */
  sync(): void {
    this.behind.length = 0;
    this.cache = this.copy();
  }

  /** As of a process that has just begun to list: a part of the pods is there. */
  forget(pick: number): void {
    for (const [i, name] of [...this.cache.pods.keys()].entries())
      if ((pick >> (i % 16)) & 1) this.cache.pods.delete(name);
  }

  private copy(): ClusterState {
    const { pods, policies, node, cniNode } = this.truth;
    return {
      pods: new Map([...pods].map(([key, pod]) => [key, { ...pod }])),
      policies: new Map(policies),
      node,
      cniNode,
    };
  }

  createPod(name: string, namespace: string, policy: string): void {
    const uid = `uid-${(this.uids += 1)}`;
    const pod = { namespace, name, uid, policy, isFinished: false, annotation: undefined };
    this.change(({ pods }) => pods.set(name, { ...pod }));
  }

  deletePod(name: string): void {
    this.change(({ pods }) => pods.delete(name));
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
        this.onProof(writable(name, hasAnnotations).uid);
      },
      annotate: async (name, hasAnnotations, text) => {
        this.onAnnotate(writable(name, hasAnnotations), text);
        this.change(({ pods }) => {
          const pod = pods.get(name.name);
          if (pod?.uid === name.uid) pod.annotation = text;
        });
      },
      read: async (name): Promise<PodNow | undefined> => {
        this.onRead(name.uid);
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
        this.onList(eni);
        return [...this.truth.pods.values()].some(
          ({ annotation, isFinished }) => !isFinished && claimOf(annotation)?.eniId === eni,
        );
      },
    };
  }

  nodePort(): NodePort {
    const setNode = (change: (node: NodeFacts) => NodeFacts) =>
      this.change((state) => {
        if (state.node !== undefined) state.node = change(state.node);
      });
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
      deleteCniNode: async () => this.change((state) => void (state.cniNode = undefined)),
      setCniStatus: async (_name, status) =>
        this.change((state) => {
          if (state.cniNode !== undefined)
            state.cniNode = { ...state.cniNode, status: canonical(JSON.parse(status)) };
        }),
      setCapacity: async (_node, capacity) =>
        setNode((node) => ({ ...node, capacity, allocatable: capacity })),
      removeTaint: async () => setNode((node) => ({ ...node, isTainted: false })),
      annotateTrunk: async (_node, text) => setNode((node) => ({ ...node, trunkAnnotation: text })),
    };
  }

  /** As the controller's caches have them. */
  podFacts(): PodFacts[] {
    return [...this.cache.pods.values()].map((pod) => ({
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      wantsBranch: true,
      isFinished: pod.isFinished,
      isBeingDeleted: false,
      hasAnnotations: pod.annotation !== undefined,
      claim: claimOf(pod.annotation),
      groups: {
        groups: this.cache.policies.get(`${pod.namespace}/${pod.policy}`) ?? [],
        selecting: [`${pod.namespace}/${pod.policy}`],
        undecided: [],
        passedOver: [],
      },
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
