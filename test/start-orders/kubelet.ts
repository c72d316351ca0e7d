import { POD_ENI_ANNOTATION } from "../../src/ipam/annotation.ts";
import type { ApiObject, ModelApiServer } from "./api-server.ts";
import type { Judge, PodStory } from "./judge.ts";
import { NODE, type ModelNode } from "./node.ts";
import { type Added, addByList } from "./plugin.ts";

/** Until it looks again whether the runtime has a list. */
const NOT_READY_MS = 2_000;
/** Until a sandbox that failed is tried again. */
const AGAIN_MS = 12_000;
/** From the sandbox to a pod that runs. */
const CONTAINERS_MS = 700;

/** Starts the node's pods, and tells the API server that they run. */
export class Kubelet {
  isUp = false;
  private readonly api: ModelApiServer;
  private readonly node: ModelNode;
  private readonly judge: Judge;
  /** By UID, as it last saw them. */
  private readonly pods = new Map<string, ApiObject>();

  constructor(api: ModelApiServer, node: ModelNode, judge: Judge) {
    this.api = api;
    this.node = node;
    this.judge = judge;
  }

  get isReady(): boolean {
    return this.isUp && this.node.list !== undefined;
  }

  /** Does what there is to do. */
  sync(): void {
    if (!this.isUp || !this.api.isUp) return;
    if (this.api.get("nodes", NODE) === undefined) this.api.put("nodes", { metadata: { name: NODE } });
    const bound = this.api
      .list("pods")
      .filter((pod) => (pod["spec"] as { readonly nodeName?: string }).nodeName === NODE);
    const uids = new Set(bound.map(({ metadata }) => metadata.uid));
    for (const uid of this.pods.keys()) {
      if (uids.has(uid)) continue;
      this.pods.delete(uid);
      this.node.records.delete(uid);
    }
    for (const pod of bound) {
      const { uid = "" } = pod.metadata;
      const isNew = !this.pods.has(uid);
      this.pods.set(uid, pod);
      if (isNew) this.start(uid);
    }
    this.tellPhases();
  }

  private start(uid: string): void {
    const { node, pods } = this;
    const { clock, list } = node;
    const metadata = pods.get(uid)?.metadata;
    if (metadata === undefined) return;
    if (list === undefined) {
      clock.after(NOT_READY_MS, () => this.start(uid));
      return;
    }
    const pod = {
      namespace: metadata.namespace ?? "",
      name: metadata.name,
      uid,
      annotation: metadata.annotations?.[POD_ENI_ANNOTATION],
    };
    addByList(node, list, pod, (added) => this.ended(uid, added));
  }

  private ended(uid: string, added: Added): void {
    const { node, judge, pods } = this;
    const story = judge.stories.find((one) => one.uid === uid);
    if (story === undefined || !pods.has(uid)) {
      node.records.delete(uid);
      return;
    }
    node.trace(() => `kubelet: ${story.name}: ${JSON.stringify(added)}`);
    if (added.network === "none") {
      story.failure = added;
      node.clock.after(AGAIN_MS, () => this.start(uid));
      return;
    }
    node.clock.after(CONTAINERS_MS, () => {
      if (!pods.has(uid)) return;
      judge.runs(story, added);
      this.tellPhases();
    });
  }

  /** As far as the API server is there to hear it. */
  private tellPhases(): void {
    if (!this.api.isUp) return;
    for (const story of this.judge.stories) if (story.runs !== undefined) this.tellPhase(story);
  }

  private tellPhase({ name, uid }: PodStory): void {
    const pod = this.api.get("pods", name, "shop");
    if (pod?.metadata.uid !== uid || (pod["status"] as { readonly phase: string }).phase === "Running")
      return;
    this.api.put("pods", { ...pod, status: { phase: "Running" } });
  }
}
