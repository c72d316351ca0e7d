import { Cache, type CacheOptions, type CacheState } from "../kubernetes/cache.ts";
import type { KubernetesObject } from "../kubernetes/metadata.ts";
import { SERVICE_ACCOUNTS } from "../kubernetes/objects.ts";
import type { Change } from "../kubernetes/store.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { groupsOfPod, type PodGroups } from "../policy/groups-of-pod.ts";
import type { SecurityGroupPolicy } from "../policy/security-group-policy.ts";
import { NodesByInstance } from "./by-instance.ts";
import { PoliciesByNamespace } from "./by-namespace.ts";
import { PodsByNode } from "./by-node.ts";
import type { CniNodeFacts, EniConfigFacts, NodeFacts, PodFacts } from "./facts.ts";
import { NodesByNamespace } from "./nodes-by-namespace.ts";
import {
  ENI_CONFIGS,
  SEEN_CNI_NODES,
  SEEN_NODES,
  SEEN_PODS,
  SEEN_POLICIES,
  type SeenCniNode,
  type SeenEniConfig,
  type SeenNode,
  type SeenPod,
  type SeenPolicy,
} from "./objects.ts";
import type { Facts } from "./worker.ts";

type Options = Omit<CacheOptions<KubernetesObject>, "resource" | "scope">;

/** The controller's caches, and what they say of an instance. */
export class Observed {
  readonly pods: Cache<SeenPod>;
  readonly nodes: Cache<SeenNode>;
  readonly cniNodes: Cache<SeenCniNode>;
  readonly policies: Cache<SeenPolicy>;
  readonly serviceAccounts: Cache<KubernetesObject>;
  readonly eniConfigs: Cache<SeenEniConfig>;
  private readonly byInstance = new NodesByInstance();
  private readonly byNode = new PodsByNode();
  private readonly byNamespace = new PoliciesByNamespace();
  private readonly nodesByNamespace = new NodesByNamespace();

  /** `changed`: something about the instance is another, as far as it decides anything. */
  constructor(options: Options, changed: (instance: string) => void) {
    const cacheOf = <T extends KubernetesObject>(resource: Resource<T>) =>
      new Cache<T>({ ...options, resource, scope: {} });
    this.pods = cacheOf(SEEN_PODS);
    this.nodes = cacheOf(SEEN_NODES);
    this.cniNodes = cacheOf(SEEN_CNI_NODES);
    this.policies = cacheOf(SEEN_POLICIES);
    this.serviceAccounts = cacheOf(SERVICE_ACCOUNTS);
    this.eniConfigs = cacheOf(ENI_CONFIGS);
    const onNode = (name: string) => {
      const instance = this.nodes.get(name)?.instance;
      if (instance !== undefined) changed(instance);
    };
    this.nodes.listen((change) => {
      const instance = this.byInstance.apply(change);
      if (instance !== undefined) changed(instance);
    });
    this.cniNodes.listen(({ object }) => onNode(object.metadata.name));
    this.pods.listen((change) => {
      this.nodesByNamespace.apply(change, matters(change.object));
      for (const node of this.byNode.apply(change)) if (matters(change.object)) onNode(node);
    });
    this.policies.listen((change) => {
      const namespace = this.byNamespace.apply(change);
      if (isOfSpec(change)) this.namespaceChanged(namespace, onNode);
    });
    this.serviceAccounts.listen(({ object }) => this.namespaceChanged(object.metadata.namespace, onNode));
    this.eniConfigs.listen(() => {
      for (const { eniConfig, metadata } of this.cniNodes.values()) {
        if (eniConfig !== undefined) onNode(metadata.name);
      }
    });
  }

  caches(): readonly Pick<Cache<KubernetesObject>, "run" | "state" | "plural" | "whenComplete">[] {
    return [this.pods, this.nodes, this.cniNodes, this.policies, this.serviceAccounts, this.eniConfigs];
  }

  states(): readonly (readonly [plural: string, state: CacheState])[] {
    return this.caches().map((cache) => [cache.plural, cache.state()]);
  }

  get isComplete(): boolean {
    return this.caches().every((cache) => cache.state().isComplete);
  }

  /** When the API server comes back, each watch does so after a pause of its own: the pods' may be seconds before. */
  get areGroupsCurrent(): boolean {
    return [this.policies, this.serviceAccounts].every((cache) => cache.state().isFollowing);
  }

  instanceIds(): Iterable<string> {
    return this.byInstance.ids();
  }

  node(instance: string): SeenNode | undefined {
    return this.byInstance.of(instance);
  }

  factsOf(instance: string): Facts {
    const node = this.node(instance);
    const pods = node === undefined ? [] : [...this.byNode.of(node.metadata.name).values()];
    const cniNode = node === undefined ? undefined : this.cniNodes.get(node.metadata.name);
    return {
      node:
        node &&
        nodeFacts(
          node,
          pods.some(({ isReadyAgent }) => isReadyAgent),
        ),
      cniNode: cniNode && cniNodeFacts(cniNode),
      eniConfig: this.eniConfigOf(cniNode),
      pods: pods.filter(matters).map((pod) => this.podFacts(pod)),
      isComplete: this.isComplete,
      areGroupsCurrent: this.areGroupsCurrent,
      policyGroups: (namespace) => this.byNamespace.of(namespace).map(({ groups }) => groups),
    };
  }

  groupsOf(pod: SeenPod): PodGroups {
    return this.groupsBy(pod, this.byNamespace.of(pod.metadata.namespace));
  }

  /** By these policies. */
  groupsBy(
    { metadata: { namespace, labels }, serviceAccount }: SeenPod,
    policies: readonly SecurityGroupPolicy[],
  ): PodGroups {
    const account = this.serviceAccounts.get(serviceAccount, namespace);
    return groupsOfPod(policies, { namespace, labels, serviceAccount }, account?.metadata.labels);
  }

  private podFacts(pod: SeenPod): PodFacts {
    const { namespace, name, uid, deletionTimestamp } = pod.metadata;
    return {
      namespace,
      name,
      uid,
      wantsBranch: pod.wantsBranch,
      isFinished: pod.isFinished,
      isBeingDeleted: deletionTimestamp !== undefined,
      hasAnnotations: pod.hasAnnotations,
      claim: pod.claim,
      groups: this.groupsOf(pod),
    };
  }

  private eniConfigOf(cniNode: SeenCniNode | undefined): EniConfigFacts | "missing" | undefined {
    if (cniNode?.eniConfig === undefined) return undefined;
    const found = this.eniConfigs.get(cniNode.eniConfig);
    if (found === undefined) return "missing";
    return { name: found.metadata.name, subnet: found.subnet, groups: found.groups };
  }

  /** A policy or the labels of a ServiceAccount: of the nodes of those pods that are concerned. */
  private namespaceChanged(namespace: string, onNode: (name: string) => void): void {
    for (const node of this.nodesByNamespace.of(namespace)) onNode(node);
  }
}

/** Whether more than its status has changed, which we write ourselves. */
function isOfSpec(change: Change<SeenPolicy>): boolean {
  if (change.type !== "updated") return true;
  const { before, object } = change;
  return object.generation === 0 || object.generation !== before.generation;
}

/** It has or wants a branch, or it is an agent. */
function matters({ wantsBranch, claim, isReadyAgent }: SeenPod): boolean {
  return wantsBranch || claim !== undefined || isReadyAgent;
}

function nodeFacts(node: SeenNode, isAgentReady: boolean): NodeFacts {
  const { isLinux, isIpv6, instanceType, capacity, allocatable, isTainted, trunkAnnotation } = node;
  const { name, uid } = node.metadata;
  return {
    name,
    uid,
    isLinux,
    isIpv6,
    instanceType,
    capacity,
    allocatable,
    isTainted,
    trunkAnnotation,
    isAgentReady,
  };
}

function cniNodeFacts(cniNode: SeenCniNode): CniNodeFacts {
  const { ownerUid, instance, managedBy, asksForTrunk, eniConfig, tracking, tags, status } = cniNode;
  const { uid, deletionTimestamp } = cniNode.metadata;
  const isBeingDeleted = deletionTimestamp !== undefined;
  return {
    uid,
    ownerUid,
    instance,
    isBeingDeleted,
    managedBy,
    asksForTrunk,
    eniConfig,
    tracking,
    tags,
    status,
  };
}
