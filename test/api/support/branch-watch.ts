import type { ApiClient } from "../../ground/kubernetes/client.ts";
import type { Watch } from "../../ground/kubernetes/watch.ts";
import { sleep } from "../../ground/run.ts";
import { type AnnotatedBranch, POD_ENI } from "./controlled-cluster.ts";

interface Pod {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly phase?: string };
}

/** A pod's branch, as of its annotation. */
export interface Held {
  readonly pod: string;
  readonly uid: string;
  readonly node: string;
  readonly branch: AnnotatedBranch;
  /** When it was seen first. */
  readonly since: number;
  /** When its pod was seen to have ended. */
  ended?: number;
}

/** Half of the controller's shortest cooldown: what a busy machine shows late does not count. */
export const COOLED_MS = 15_000;

/** Watches all pods of a cluster, and says whenever two of them hold what only one may. */
export class BranchWatch {
  readonly faults: string[] = [];
  /** By the pods' UIDs, those that have ended too. */
  readonly held = new Map<string, Held>();
  private readonly client: ApiClient;
  private readonly groupsChanged: ((eni: string) => number | undefined) | undefined;
  /** ENIs that a pod had after another. */
  readonly recycled = new Set<string>();
  private readonly removedNodes = new Set<string>();
  private readonly running: Promise<void>;
  private watch: Watch<Pod> | undefined;
  private isOver = false;

  /** `groupsChanged`: when EC2 last gave an ENI other groups; given where pods may have an ENI one after another. */
  constructor(client: ApiClient, groupsChanged?: (eni: string) => number | undefined) {
    this.client = client;
    this.groupsChanged = groupsChanged;
    this.running = this.run();
  }

  /** Its trunk goes with it, and all VLAN ids of that. */
  nodeRemoved(name: string): void {
    this.removedNodes.add(name);
  }

  /** Whose an ENI is or was last; undefined also when its node was removed, and with it all that was on it. */
  podOf(eni: string): Held | undefined {
    const held = [...this.held.values()].findLast(({ branch }) => branch.eniId === eni);
    return held === undefined || this.removedNodes.has(held.node) ? undefined : held;
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.watch?.close();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      try {
        // What went while nobody watched is missing from this list.
        const there = new Set(
          (await this.client.list<Pod>("/api/v1/pods")).map(({ metadata }) => metadata.uid),
        );
        for (const one of this.held.values()) if (!there.has(one.uid)) one.ended ??= Date.now();
        this.watch = await this.client.watch<Pod>("/api/v1/pods");
        for (;;) {
          const { type, object } = await this.watch.next(() => true, 3_600_000);
          if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") this.see(type, object);
        }
      } catch {
        // The API server may be down for a while.
        await sleep(50);
      }
    }
  }

  private see(type: string, { metadata, spec, status }: Pod): void {
    const { namespace, name, uid, annotations } = metadata;
    const isOver = type === "DELETED" || status?.phase === "Succeeded" || status?.phase === "Failed";
    const text = annotations?.[POD_ENI];
    const before = this.held.get(uid);
    if (text !== undefined) {
      const [branch] = JSON.parse(text) as [AnnotatedBranch];
      const node = spec.nodeName ?? "";
      const held = { pod: `${namespace}/${name}`, uid, node, branch, since: Date.now() };
      if (before === undefined) {
        this.compare(held);
        this.held.set(uid, held);
      } else if (JSON.stringify(before.branch) !== JSON.stringify(branch))
        this.faults.push(`${held.pod} was given ${text} after ${JSON.stringify(before.branch)}`);
    } else if (before !== undefined) this.faults.push(`${before.pod} has lost its annotation`);
    const now = this.held.get(uid);
    if (isOver && now !== undefined) now.ended ??= Date.now();
  }

  /** Both have or had the same ENI. */
  private again({ branch }: Held, other: Held, which: string): void {
    const { eniId } = branch;
    this.recycled.add(eniId);
    if (this.groupsChanged === undefined || other.ended === undefined)
      this.faults.push(`${which} have ${eniId}`);
    else if (Date.now() - other.ended < COOLED_MS)
      this.faults.push(`${which} have ${eniId}, which has not cooled`);
    else if ((this.groupsChanged(eniId) ?? 0) > other.since)
      this.faults.push(`${which} have ${eniId}, whose groups have changed in between`);
  }

  private compare(held: Held): void {
    for (const other of this.held.values()) {
      const which = `${held.pod} ${held.uid} and ${other.pod} ${other.uid}`;
      if (other.branch.eniId === held.branch.eniId) this.again(held, other, which);
      const isSameSlot =
        other.node === held.node &&
        other.branch.vlanId === held.branch.vlanId &&
        !this.removedNodes.has(held.node);
      if (!isSameSlot) continue;
      if (other.ended === undefined)
        this.faults.push(`${which} have VLAN id ${held.branch.vlanId} of ${held.node}`);
      else if (held.since - other.ended < COOLED_MS)
        this.faults.push(`${which}: VLAN id ${held.branch.vlanId} of ${held.node} has not cooled`);
    }
  }
}
