import type { Cloud } from "./cloud.ts";
import { claimOf, type Cluster, type SimulatedPod } from "./cluster.ts";

/** What must hold at every step, judged by the model of EC2 and by the API server's truth, never by the controller's words. */
export class Rules {
  private readonly cloud: Cloud;
  private readonly cluster: Cluster;
  private readonly now: () => number;
  private readonly cooldownMs: number;
  /** ENI → UID of the pod that has it in its annotation, for ever. */
  private readonly annotated = new Map<string, string>();
  /** VLAN id → when a pod that had it ended. */
  private readonly endedAt = new Map<number, number>();
  /** Of this life of the controller. */
  private life = emptyLife();
  readonly broken: string[] = [];
  /** How often something worth testing has happened. */
  readonly counts: Record<string, number> = {};

  constructor(cloud: Cloud, cluster: Cluster, cooldownMs: number, now: () => number) {
    this.cloud = cloud;
    this.cluster = cluster;
    this.cooldownMs = cooldownMs;
    this.now = now;
    cluster.onProof = (uid) => this.life.proofs.set(uid, now());
    cluster.onRead = (uid) => this.life.reads.set(uid, now());
    cluster.onAnnotate = (pod, text) => this.annotate(pod, text);
  }

  restarted(): void {
    this.life = emptyLife();
  }

  cacheIsComplete(): void {
    this.life.isComplete = true;
  }

  podEnds({ annotation }: SimulatedPod): void {
    const claim = claimOf(annotation);
    if (claim !== undefined) this.endedAt.set(claim.vlanId, this.now());
  }

  described(ids: readonly string[]): void {
    for (const id of ids) this.life.seen.set(id, (this.life.seen.get(id) ?? 0) + 1);
  }

  /** Before a call to EC2 is carried out. */
  before(method: string, args: readonly unknown[], startedAt: number): void {
    switch (method) {
      case "createBranch":
        return this.createBranch(args[0] as { tags: Record<string, string> }, startedAt);
      case "setGroups":
        return this.notOfLiving(String(args[0]), "given other groups");
      case "disassociate": {
        const association = this.cloud.simulator.world.associations.get(String(args[0]));
        if (association !== undefined) this.removal(association.branch, "disassociated");
        return;
      }
      case "deleteInterface":
        return this.removal(String(args[0]), "deleted");
    }
  }

  after(method: string, result: unknown): void {
    if (method === "createBranch") this.life.made.add((result as { id: string }).id);
    this.count(method);
  }

  refused(method: string, args: readonly unknown[]): void {
    this.count(`${method} refused`);
    if (method !== "associate") return;
    const { trunk, vlan } = args[0] as { trunk: string; vlan: number };
    for (const association of this.cloud.simulator.world.associations.values()) {
      if (association.trunk !== trunk || association.vlan !== vlan) continue;
      const isKnown =
        this.life.made.has(association.branch) || (this.life.seen.get(association.branch) ?? 0) > 0;
      if (isKnown)
        this.break(`VLAN ${vlan} was asked for while ${association.branch} held it, which was known`);
    }
  }

  private createBranch({ tags }: { tags: Record<string, string> }, startedAt: number): void {
    const uid = tags["branchline.dev/pod-uid"] ?? "";
    const proof = this.life.proofs.get(uid);
    if (proof === undefined || startedAt - proof > 60_000)
      this.break(`a branch was made for ${uid} before its annotation was proven`);
  }

  private annotate(pod: SimulatedPod, text: string): void {
    this.count("annotated");
    const claim = claimOf(text);
    if (claim === undefined)
      return this.break(`${pod.uid} was given an annotation that cannot be read: ${text}`);
    const { world } = this.cloud.simulator;
    const eni = world.interfaces.get(claim.eniId);
    const association = world.associations.get(eni?.association ?? "");
    if (association === undefined || association.vlan !== claim.vlanId)
      this.break(`${pod.uid} was given ${claim.eniId}, which is not on VLAN ${claim.vlanId}`);
    if (association !== undefined && association.id !== claim.associationId)
      this.break(`${pod.uid} was given the association ${claim.associationId}, it is ${association.id}`);
    const groups = [...(eni?.groups ?? [])].sort().join(" ");
    const wanted = [this.cluster.truth, this.cluster.cache].map(({ policies }) =>
      [...(policies.get(pod.policy) ?? [])].sort().join(" "),
    );
    if (groups === "" || ![...wanted, ...this.recent(pod.policy)].includes(groups))
      this.break(`${pod.uid} was given groups ${groups}, not ${wanted.join(" or ")}`);
    const other = this.annotated.get(claim.eniId);
    if (other !== undefined && other !== pod.uid)
      this.break(`${claim.eniId} was given to ${pod.uid} after ${other}`);
    this.annotated.set(claim.eniId, pod.uid);
    const ended = this.endedAt.get(claim.vlanId);
    if (ended !== undefined && this.now() - ended < this.cooldownMs)
      this.break(`VLAN ${claim.vlanId} was given to ${pod.uid} ${this.now() - ended} ms after its last pod`);
  }

  /** Groups that a policy had while this decision may have been under way. */
  recentGroups = new Map<string, { at: number; groups: string }[]>();

  private recent(policy: string): string[] {
    const since = this.now() - 120_000;
    return (this.recentGroups.get(policy) ?? []).filter(({ at }) => at >= since).map(({ groups }) => groups);
  }

  private notOfLiving(id: string, what: string): void {
    for (const { annotation, isFinished, uid } of this.cluster.truth.pods.values()) {
      if (!isFinished && claimOf(annotation)?.eniId === id)
        this.break(`${id} of the living pod ${uid} was ${what}`);
    }
  }

  private removal(id: string, what: string): void {
    this.notOfLiving(id, what);
    const eni = this.cloud.simulator.world.interfaces.get(id);
    if (eni === undefined || eni.type === "trunk") return;
    if (!this.life.isComplete) this.break(`${id} was ${what} before the caches were complete`);
    const isMade = this.life.made.has(id);
    const seen = this.life.seen.get(id) ?? 0;
    if (!isMade && seen < 2) this.break(`${id} was ${what} on the strength of ${seen} descriptions`);
    const uid = eni.tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value ?? "";
    const wasUsed = this.annotated.get(id) === uid;
    if ((wasUsed || !isMade) && this.life.reads.get(uid) === undefined)
      this.break(`${id} was ${what}, and nobody asked the API server for its pod ${uid}`);
  }

  private count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  private break(what: string): void {
    this.broken.push(what);
  }
}

function emptyLife() {
  return {
    isComplete: false,
    made: new Set<string>(),
    seen: new Map<string, number>(),
    proofs: new Map<string, number>(),
    reads: new Map<string, number>(),
  };
}
