// Starts pods without end, as kubelet does, and checks that none that should have a branch runs without it.
import { writeFileSync } from "node:fs";
import { createNetns, deleteNetns, podEni } from "../../ground/index.ts";
import { LIST, NAMESPACE, NODE, type Place } from "./place.ts";
import { Attached, annotationFor, firstList, insteadOfBranch, type ReadList } from "./runtime.ts";

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;

/**
 * `branch`: a policy selects it and it asks for a branch. `late`: and its annotation comes a moment after it.
 * `unrequested`: a policy selects it, and it was admitted without asking. `plain`: no policy selects it.
 */
const KINDS = ["branch", "plain", "late", "unrequested"] as const;
type Kind = (typeof KINDS)[number];

/** Milliseconds after its pod. */
const LATE_MS = 200;

interface Pod {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly netns: string;
  readonly number: number;
  /** The CNINode had the feature when it was made. */
  readonly isAfterFeature: boolean;
}

/** What came of the ADDs so far. */
export interface Tally {
  readonly started: Record<Kind, number>;
  /** Or had no answer in time. */
  refused: number;
  /** Started by a list without our entry. */
  byPrimary: number;
}

export class Kubelet {
  readonly tally: Tally = {
    started: { branch: 0, plain: 0, late: 0, unrequested: 0 },
    refused: 0,
    byPrimary: 0,
  };
  /** What must not be, in the order in which it was seen since the beginning. */
  violations: string[] = [];
  /** Our list stands, and nobody but the agent changes it. */
  #listStands = false;
  readonly #place: Place;
  /** Pods that should have a branch and started before our list stood: names by UID. */
  readonly #escaped = new Map<string, string>();
  #count = 0;
  #isPaused = true;
  #running: Promise<void> = Promise.resolve();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Begins anew: whether our list stands. Once it has been seen, it has to stand for good. */
  expectList(stands: boolean): void {
    this.#listStands = stands;
    this.violations = [];
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#running = this.#run();
  }

  /** Resolved when no ADD is under way. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#running;
  }

  /** Those of the escaped that no event tells of; the others are deleted. */
  async unreported(): Promise<string[]> {
    for (const uid of await this.#place.unprotected(NAMESPACE)) {
      const name = this.#escaped.get(uid);
      if (name !== undefined) await this.#delete(name);
      this.#escaped.delete(uid);
    }
    return [...this.#escaped.values()];
  }

  async #run(): Promise<void> {
    while (!this.#isPaused) {
      try {
        await this.#once();
      } catch (error) {
        this.violations.push(`the loop of ADDs: ${String(error)}`);
        this.#isPaused = true;
      }
    }
  }

  async #once(): Promise<void> {
    const number = (this.#count += 1);
    const pod = await this.#create(KINDS[number % KINDS.length] ?? "plain", number);
    let isEscaped = false;
    try {
      const list = firstList(this.#place);
      if (list !== undefined) isEscaped = await this.#start(pod, list);
    } finally {
      await deleteNetns(pod.netns);
      if (!isEscaped) await this.#delete(pod.name);
    }
  }

  async #create(kind: Kind, number: number): Promise<Pod> {
    const { admin } = this.#place;
    const name = `pod-${number}`;
    // As AWS's controller: no branch before the feature.
    const isAfterFeature = (await this.#place.features()).length > 0;
    const asks = kind === "branch" || kind === "late";
    const annotations = { [podEni]: annotationFor(number) };
    const { metadata } = await admin.create(PODS, {
      metadata: {
        name,
        ...(kind !== "plain" && { labels: { has: "policy" } }),
        ...(isAfterFeature && kind === "branch" && { annotations }),
      },
      spec: {
        nodeName: NODE,
        containers: [{ name: "c", image: "c", ...(asks && { resources: { limits: { [podEni]: "1" } } }) }],
      },
    });
    if (isAfterFeature && kind === "late") {
      const body = { metadata: { annotations } };
      // The pod may have gone again.
      setTimeout(() => void admin.request("PATCH", `${PODS}/${name}`, body, MERGE), LATE_MS);
    }
    const netns = await createNetns(name);
    writeFileSync(this.#place.at("addresses", `${NAMESPACE}.${name}`), `10.0.1.${number % 250}\n`);
    return { kind, namespace: NAMESPACE, name, uid: metadata.uid ?? "", netns, number, isAfterFeature };
  }

  /** ADD, a look at what it made, and DEL; whether the pod runs without the branch that it should have. */
  async #start(pod: Pod, list: ReadList): Promise<boolean> {
    const isOurs = list.name === LIST;
    if (!isOurs && this.#listStands) this.violations.push(`${pod.name}: the first list is ${list.name}`);
    if (isOurs && !isJson(list.text)) this.violations.push(`${pod.name}: ${LIST} is ${list.text}`);
    this.#listStands ||= isOurs;
    await using attached = await Attached.add(this.#place, pod, list);
    const { result } = attached;
    if (result === undefined) {
      this.tally.refused += 1;
      return false;
    }
    this.tally.started[pod.kind] += 1;
    if (!isOurs) this.tally.byPrimary += 1;
    if (pod.kind === "plain") return false;
    if (isOurs) {
      const instead = await insteadOfBranch(pod.number, pod.netns, result);
      if (instead !== undefined)
        this.violations.push(`${pod.name} (${pod.kind}) started by our list with ${instead}`);
      return false;
    }
    if (pod.isAfterFeature) this.violations.push(`${pod.name} started by ${list.name} after the feature`);
    this.#escaped.set(pod.uid, pod.name);
    await this.#place.admin.patch(`${PODS}/${pod.name}/status`, "merge", { status: { phase: "Running" } });
    return true;
  }

  async #delete(name: string): Promise<void> {
    await this.#place.admin.delete(`${PODS}/${name}?gracePeriodSeconds=0`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const MERGE = { "content-type": "application/merge-patch+json" };
