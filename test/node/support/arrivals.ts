// A node to which everything comes in some order: the API server within reach, kubelet, the primary's list, the agent, a
// trunk by AWS's controller, a policy, two pods.
import { writeFileSync } from "node:fs";
import { createNetns, deleteNetns, podEni, sleep } from "../../ground/index.ts";
import type { RunningAgent } from "../../api/support/running-agent.ts";
import type { Component } from "./orders.ts";
import { LIST, NODE, TRUNK_ENI, TRUNK_MAC, type Place } from "./place.ts";
import { startAgent } from "./run.ts";
import { Attached, annotationFor, firstList, insteadOfBranch } from "./runtime.ts";

/** kubelet and the controller look at the world so often. */
const PERIOD_MS = 200;

/**
 * `asking` has a limit of pod-eni, as the webhook gives it to a pod that a policy selects. `bare` was admitted while the
 * webhook was away.
 */
const NAMES = ["asking", "bare"] as const;
export type PodName = (typeof NAMES)[number];

/** How a pod was started, if it was. */
export interface Started {
  /** The first list was ours. */
  readonly byOurs: boolean;
  readonly hasBranch: boolean;
  readonly at: number;
}

export class Arrivals implements AsyncDisposable {
  readonly #place: Place;
  readonly #namespace: string;
  readonly #arrived: Component[] = [];
  readonly #stopped = new AbortController();
  readonly #loops: Promise<void>[] = [];
  readonly #uids = new Map<PodName, string>();
  readonly #started = new Map<PodName, { started: Started; attached: Attached }>();
  agent: RunningAgent | undefined;
  /** When the last of agent and API server came, by which it can be said that a pod has escaped. */
  watchedFrom = 0;
  /** Loops end with the first error. */
  readonly failures: unknown[] = [];

  private constructor(place: Place, namespace: string) {
    this.#place = place;
    this.#namespace = namespace;
  }

  /** An empty node. The objects of a namespace that has not been used before are this one's. */
  static async at(place: Place, namespace: string): Promise<Arrivals> {
    await place.clear({ withPrimary: false });
    await place.admin.create("/api/v1/namespaces", { metadata: { name: namespace } });
    place.proxy.isReachable = false;
    return new Arrivals(place, namespace);
  }

  /** Lets one come, and waits until it is at work. */
  async come(component: Component): Promise<void> {
    this.#arrived.push(component);
    if (component === "API server" || component === "agent") this.watchedFrom = Date.now();
    switch (component) {
      case "API server":
        this.#place.proxy.isReachable = true;
        break;
      case "kubelet":
        this.#repeat(() => this.#startPods());
        break;
      case "aws-node":
        this.#place.writePrimary();
        break;
      case "agent":
        this.agent = startAgent(this.#place, []);
        break;
      case "trunk":
        await this.#place.makeCniNode(undefined, { id: TRUNK_ENI, mac: TRUNK_MAC });
        this.#repeat(() => this.#annotate());
        break;
      case "policy":
        await this.#place.makePolicy(this.#namespace);
        break;
      case "pod":
        for (const name of NAMES) await this.#makePod(name);
        break;
    }
  }

  /** A policy was there when the pods were made. */
  get isSelected(): boolean {
    return this.#arrived.indexOf("policy") < this.#arrived.indexOf("pod");
  }

  started(name: PodName): Started | undefined {
    return this.#started.get(name)?.started;
  }

  /** Whether an event says that the pod runs without its branch. */
  async isReported(name: PodName): Promise<boolean> {
    return (await this.#place.unprotected(this.#namespace)).includes(this.#uids.get(name) ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
    // Its DEL may ask the agent.
    for (const { attached } of this.#started.values()) await attached[Symbol.asyncDispose]();
    for (const name of this.#uids.keys()) {
      await deleteNetns(this.#netns(name));
      await this.#place.admin.delete(`${this.#pods}/${name}?gracePeriodSeconds=0`);
    }
    await this.agent?.end("SIGKILL");
    this.#place.proxy.isReachable = true;
  }

  get #pods(): string {
    return `/api/v1/namespaces/${this.#namespace}/pods`;
  }

  #netns(name: PodName): string {
    return `${this.#namespace}-${name}`;
  }

  #repeat(action: () => Promise<void>): void {
    const { signal } = this.#stopped;
    const loop = async () => {
      while (!signal.aborted) {
        await action();
        await sleep(PERIOD_MS);
      }
    };
    this.#loops.push(loop().catch((error: unknown) => void this.failures.push(error)));
  }

  async #makePod(name: PodName): Promise<void> {
    const limits = { [podEni]: "1" };
    const { metadata } = await this.#place.admin.create(this.#pods, {
      metadata: { name, labels: { has: "policy" } },
      spec: {
        nodeName: NODE,
        containers: [{ name: "c", image: "c", ...(name === "asking" && { resources: { limits } }) }],
      },
    });
    await createNetns(this.#netns(name));
    writeFileSync(
      this.#place.at("addresses", `${this.#namespace}.${name}`),
      `10.0.1.${NAMES.indexOf(name) + 1}\n`,
    );
    this.#uids.set(name, metadata.uid ?? "");
  }

  /** AWS's controller: once the node declares that it can have branches, pods that ask get them. */
  async #annotate(): Promise<void> {
    if (!this.#uids.has("asking") || (await this.#place.features()).length === 0) return;
    await this.#place.admin.patch(`${this.#pods}/asking`, "merge", {
      metadata: { annotations: { [podEni]: annotationFor(1) } },
    });
  }

  /** Tries each pod that has not started, one after the other, and again at the next look. */
  async #startPods(): Promise<void> {
    for (const [name, uid] of this.#uids) {
      const list = firstList(this.#place);
      if (list === undefined || this.#started.has(name) || this.#stopped.signal.aborted) continue;
      const netns = this.#netns(name);
      const pod = { namespace: this.#namespace, name, uid, netns };
      const attached = await Attached.add(this.#place, pod, list);
      const { result } = attached;
      if (result === undefined) {
        await attached[Symbol.asyncDispose]();
        continue;
      }
      const hasBranch = (await insteadOfBranch(1, netns, result)) === undefined;
      const started = { byOurs: list.name === LIST, hasBranch, at: Date.now() };
      this.#started.set(name, { started, attached });
      await this.#place.admin.patch(`${this.#pods}/${name}/status`, "merge", {
        status: { phase: "Running" },
      });
    }
  }
}
