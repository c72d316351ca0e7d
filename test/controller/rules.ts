import type { Description } from "../../src/controller/description.ts";
import type { PodName } from "../../src/controller/facts.ts";
import type { Ledger } from "../../src/controller/ledger.ts";
import type { PodNow } from "../../src/controller/ports.ts";
import type { NewInterface } from "../../src/ec2/types.ts";
import type { WarmSettings } from "../../src/controller/view.ts";
import { instanceOf, isOfCluster, vlanOfTags } from "../../src/ec2/eni-tags.ts";
import type { Cloud } from "./cloud.ts";
import { claimOf, type Cluster, type SimulatedPod } from "./cluster.ts";
import { WarmRules } from "./warm-rules.ts";

/** What is known when a call is begun: it may be carried out much later. */
export interface Basis {
  readonly at: number;
  readonly made: ReadonlySet<string>;
  /** ENIs that it has made itself, or that were described to it. */
  readonly known: ReadonlySet<string>;
  /** Of these those that were described with a VLAN id, or may have got one since. */
  readonly placed: ReadonlySet<string>;
  /** UIDs of pods that the API server has said to be gone or finished, and when. */
  readonly gone: ReadonlyMap<string, number>;
  /** UID of a pod → what policies say, as of the cache. */
  readonly groups: ReadonlyMap<string, string>;
  /** UIDs of pods that have finished, as of the cache. */
  readonly finished: ReadonlySet<string>;
  /** UIDs of pods that have their annotation as of the cache, or as the API server has said. */
  readonly living: ReadonlySet<string>;
  /** Changes of policies come as they are made. */
  readonly arePoliciesFollowed: boolean;
  /** Warm branches as EC2 has them, or is being asked to make: those of which the controller can know that no pod has them. */
  readonly warm: number;
}

/** A call to EC2 or to the API server. */
export interface HeldCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What must hold at every step, judged by the model of EC2 and by the API server's truth, never by the controller's words. */
export class Rules {
  private readonly cloud: Cloud;
  private readonly cluster: Cluster;
  private readonly now: () => number;
  private readonly clusterName: string;
  private readonly cooldownMs: number;
  /** Branches of the trunk. */
  private readonly limit: number;
  /** Warm branches at the same time. */
  readonly mostWarm: number;
  private readonly warm: WarmRules;
  /** ENI → UID of the pod that has it in its annotation, for ever. */
  private readonly annotated = new Map<string, string>();
  private readonly madeEver = new Set<string>();
  /** Branches that are off their trunk for good, as far as they are on none: they are on their way out. */
  private readonly removed = new Set<string>();
  /** VLAN id → when a pod that had it ended. */
  private readonly endedAt = new Map<number, number>();
  private annotating: Basis | undefined;
  private isLate = false;
  /** UIDs of pods that got their annotation late: whoever leads by then does not know. */
  private readonly annotatedLate = new Set<string>();
  /** Of this life of the controller. */
  private life = emptyLife();
  readonly broken: string[] = [];
  /** How often something worth testing has happened. */
  readonly counts: Record<string, number> = {};

  constructor(
    cloud: Cloud,
    cluster: Cluster,
    settings: {
      readonly cluster: string;
      readonly cooldownMs: number;
      readonly limit: number;
      readonly warm: { readonly most: number; readonly recycle: WarmSettings["recycle"] };
    },
    now: () => number,
  ) {
    this.cloud = cloud;
    this.cluster = cluster;
    this.clusterName = settings.cluster;
    this.cooldownMs = settings.cooldownMs;
    this.limit = settings.limit;
    this.mostWarm = settings.warm.most;
    this.warm = new WarmRules(settings.warm.recycle);
    this.now = now;
    cluster.onAnnotate = (pod, text) => this.annotate(pod, text);
  }

  restarted(): void {
    this.life = emptyLife();
    this.warm.restarted(this.annotated);
  }

  cacheIsComplete(): void {
    this.life.isComplete = true;
  }

  podEnds({ annotation }: SimulatedPod): void {
    const claim = claimOf(annotation);
    if (claim !== undefined) this.endedAt.set(claim.vlanId, this.now());
  }

  described({ branches }: Description): void {
    for (const { eni, association } of branches) {
      this.life.seen.set(eni.id, (this.life.seen.get(eni.id) ?? 0) + 1);
      if (association !== undefined) this.life.placed.add(eni.id);
    }
  }

  /** What the controller goes by as it begins a call. */
  begins(call: HeldCall, underWay: readonly HeldCall[]): Basis {
    // A living pod's branch stays its own.
    const isOfLiving = call.method === "setGroups" && this.livingOf(String(call.args[0])) !== undefined;
    if (!isOfLiving) this.warm.begins(call);
    if (call.method === "disassociate") {
      const association = this.cloud.simulator.world.associations.get(String(call.args[0]));
      if (association !== undefined) this.removed.add(association.branch);
    }
    const { pods, policies, unreadable } = this.cluster.cache;
    const groupsOf = ({ namespace, policy }: SimulatedPod) => {
      const name = `${namespace}/${policy}`;
      return unreadable.has(name) ? "unreadable" : sorted(policies.get(name));
    };
    return {
      at: this.now(),
      made: new Set(this.life.made),
      known: new Set([...this.life.made, ...this.life.seen.keys()]),
      placed: new Set([...this.life.made, ...this.life.placed]),
      gone: new Map(this.life.gone),
      groups: new Map([...pods.values()].map((pod) => [pod.uid, groupsOf(pod)])),
      finished: new Set([...pods.values()].filter(({ isFinished }) => isFinished).map(({ uid }) => uid)),
      living: new Set([
        ...this.life.living,
        ...[...pods.values()].filter(({ annotation }) => annotation !== undefined).map(({ uid }) => uid),
      ]),
      arePoliciesFollowed: this.cluster.arePoliciesFollowed,
      warm: this.idle().filter(({ isCooled }) => isCooled).length + this.warm.creationsIn(underWay),
    };
  }

  /** Before a call is carried out. */
  before(method: string, args: readonly unknown[], basis: Basis): void {
    this.isLate = false;
    switch (method) {
      case "annotate":
        this.annotating = basis;
        return;
      case "setCapacity":
        return this.capacity(Number(args[1]), basis.gone, basis.at);
      case "createBranch":
        return this.createBranch(args[0] as NewInterface, basis);
      case "setGroups":
        return this.setGroups(String(args[0]), args[1] as readonly string[], basis);
      case "disassociate": {
        const association = this.cloud.simulator.world.associations.get(String(args[0]));
        if (association !== undefined) this.removal(association.branch, "disassociated");
        return;
      }
      case "deleteInterface":
        return this.removal(String(args[0]), "deleted");
    }
  }

  /** Of a process that has ended: what is asked of it is that it harms nobody. */
  beforeLate(method: string, args: readonly unknown[], basis: Basis): void {
    this.isLate = true;
    if (method === "annotate") {
      this.annotating = basis;
      this.annotatedLate.add((args[0] as PodName).uid);
    }
    if (method === "deleteInterface") this.notOfLiving(String(args[0]), "deleted late");
    const association = this.cloud.simulator.world.associations.get(String(args[0]));
    if (method === "disassociate" && association !== undefined)
      this.notOfLiving(association.branch, "disassociated late");
  }

  afterLate(method: string, result: unknown): void {
    if (method === "createBranch") this.madeEver.add((result as { id: string }).id);
    this.count(`late ${method}`);
  }

  /** The controller has the answer of a call. */
  answered(method: string, args: readonly unknown[], result: unknown): void {
    if (method === "isClaimed") this.life.lists.set(String(args[0]), this.now());
    if (method === "prove") this.life.proofs.set((args[0] as PodName).uid, this.now());
    if (method === "annotate") this.life.living.add((args[0] as PodName).uid);
    if (method !== "read") return;
    this.life.reads.set((args[0] as PodName).uid, this.now());
    const now = result as PodNow | undefined;
    if (now?.annotation !== undefined) this.life.living.add((args[0] as PodName).uid);
    if (now === undefined || now.isFinished) this.life.gone.set((args[0] as PodName).uid, this.now());
  }

  /** After each step. */
  check(ledger: Ledger): void {
    const { instance, branches, requests, deleted, warm } = ledger;
    this.groupsAreTrue(ledger);
    for (const { id, type, tags } of this.cloud.simulator.world.interfaces.values()) {
      const uid = tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value;
      if (!this.madeEver.has(id) || type === "trunk" || branches.has(id)) continue;
      if (uid !== undefined && requests.get(uid)?.making !== undefined) continue;
      const all = Object.fromEntries(tags.map(({ key, value }) => [key, value]));
      if (uid === undefined && warm.making.has(vlanOfTags(all) ?? 0)) continue;
      if (!isOfCluster(all, this.clusterName) || instanceOf(all) !== instance)
        this.break(`${id} is not in the ledger, and its tags do not tell of it`);
      if (deleted.has(id)) this.break(`${id} is there, and the ledger has it for deleted`);
    }
  }

  /** The controller has nothing to do: what it has set is what it means. */
  rests(ledger: Ledger): void {
    this.restsWithGroups(ledger);
    const { trunk, descriptions, retries, branches } = ledger;
    const capacity = this.cluster.truth.node?.capacity;
    const isReady = trunk.state === "attached" && trunk.goesWithInstance && descriptions > 0;
    const waits = (retries.get("capacity")?.notBefore ?? 0) > this.now();
    if (isReady && !waits && capacity !== undefined) this.capacity(capacity, this.life.gone, this.now());
    const kept = this.idle().filter(({ id, isCooled }) => isCooled && branches.get(id)?.retry === undefined);
    // Nothing is released before the caches are complete.
    if (this.life.isComplete && kept.length > this.mostWarm)
      this.break(
        `${kept.length} branches are kept, at most ${this.mostWarm} may be: ${kept.map(({ id }) => id).join(" ")}`,
      );
  }

  /** Branches without a pod, and their last one, as far as this life of the controller can know both. */
  private idle(): { readonly id: string; readonly isCooled: boolean }[] {
    return [...this.cloud.simulator.world.interfaces.values()].flatMap(({ id, type, tags, association }) => {
      const isKnown = this.life.made.has(id) || (this.life.seen.get(id) ?? 0) >= 2;
      // One that has been taken off its trunk is on its way out.
      if (association === undefined && this.removed.has(id)) return [];
      if (type === "trunk" || !this.madeEver.has(id) || !isKnown) return [];
      const owner = this.warm.ownerOf(id);
      const user = owner ?? tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value;
      // Of one that was found nobody knows who has had it: it cools anew when no pod is found to have it.
      const listedAt = this.life.lists.get(id);
      const goneAt = user === undefined ? listedAt : this.life.gone.get(user);
      if (goneAt === undefined)
        return user === undefined && this.life.made.has(id) ? [{ id, isCooled: true }] : [];
      const since = Math.max(goneAt, listedAt ?? 0);
      return [{ id, isCooled: this.now() - since > this.cooldownMs }];
    });
  }

  /** What it is sure of is so: otherwise a change back to what it believes would change nothing. */
  private groupsAreTrue({ branches, changes }: Ledger): void {
    for (const { state, eni, areGroupsSure } of branches.values()) {
      const change = changes.get(eni.id);
      const isOpen = change !== undefined && (change.isUnderWay || change.mayBeDone);
      if (state !== "assigned" || !areGroupsSure || isOpen) continue;
      const groups = this.cloud.simulator.world.interfaces.get(eni.id)?.groups;
      if (groups !== undefined && sorted(groups) !== sorted(eni.groups))
        this.break(
          `${eni.id} has groups ${sorted(groups)}, and the controller is sure of ${sorted(eni.groups)}`,
        );
    }
  }

  /** Each living pod's branch that it has made itself in this life has the groups of its policies. */
  private restsWithGroups({ changes }: Ledger): void {
    const { pods, policies, unreadable } = this.cluster.truth;
    if (!this.cluster.arePoliciesFollowed || !this.life.isComplete) return;
    for (const { uid, namespace, policy, annotation, isFinished, isBeingDeleted } of pods.values()) {
      const id = claimOf(annotation)?.eniId ?? "";
      const name = `${namespace}/${policy}`;
      const wanted = unreadable.has(name) ? "" : sorted(policies.get(name));
      if (isFinished || isBeingDeleted || wanted === "" || !this.life.made.has(id)) continue;
      const groups = sorted(this.cloud.simulator.world.interfaces.get(id)?.groups);
      const waits = (changes.get(id)?.retry?.notBefore ?? 0) > this.now();
      if (groups !== wanted && !waits)
        this.break(`${id} of ${uid} was left with groups ${groups}, not ${wanted}`);
    }
  }

  /** What EC2 lets nobody have: VLAN ids of pods that the controller has seen gone. */
  private capacity(capacity: number, gone: ReadonlyMap<string, number>, at: number): void {
    const { interfaces, associations } = this.cloud.simulator.world;
    const held = [...associations.values()].filter(({ branch }) => {
      const made = interfaces.get(branch)?.tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value;
      const goneAt = gone.get(this.warm.ownerOf(branch) ?? made ?? "");
      // What is warm counts as free, and is so at the earliest when it has cooled.
      return goneAt !== undefined && (this.mostWarm === 0 || at - goneAt < this.cooldownMs);
    });
    if (capacity > this.limit - held.length)
      this.break(
        `the capacity was ${capacity} of ${this.limit} while pods that had gone held ${held.map(({ branch }) => branch).join(" ")}`,
      );
  }

  after(method: string, result: unknown): void {
    if (method === "createBranch") this.madeEver.add((result as { id: string }).id);
    if (method === "createBranch") this.life.made.add((result as { id: string }).id);
    this.count(method);
  }

  refused(method: string, args: readonly unknown[], { made, known, placed }: Basis): void {
    this.count(`${method} refused`);
    if (method !== "associate") return;
    const { branch, trunk, vlan } = args[0] as { branch: string; trunk: string; vlan: number };
    // It may be given up; if it gets there after all, it is on the trunk.
    this.removed.add(branch);
    // Two were described with tags of the same VLAN id, and neither with an association: one of them is tried.
    const holders = made.has(branch) ? known : placed;
    for (const association of this.cloud.simulator.world.associations.values()) {
      if (association.trunk !== trunk || association.vlan !== vlan) continue;
      if (holders.has(association.branch))
        this.break(`VLAN ${vlan} was asked for while ${association.branch} held it, which was known`);
    }
  }

  private createBranch({ tags, token }: NewInterface, { at: startedAt, warm }: Basis): void {
    const uid = tags["branchline.dev/pod-uid"];
    if (uid === undefined) {
      this.count("made warm");
      // Asked for once more, it is not made again.
      if (this.warm.isFirst(token) && warm >= this.mostWarm)
        this.break(`a warm branch was made beside ${warm}, at most ${this.mostWarm} may be`);
      return;
    }
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
    const on = world.interfaces.get(association?.trunk ?? "")?.attachment;
    if (on?.status !== "attached" || !on.deleteOnTermination)
      this.break(`${pod.uid} was given ${claim.eniId}, whose trunk is ${on?.status ?? "not attached"}`);
    if (association !== undefined && association.id !== claim.associationId)
      this.break(`${pod.uid} was given the association ${claim.associationId}, it is ${association.id}`);
    const groups = sorted(eni?.groups);
    const wanted = this.annotating?.groups.get(pod.uid);
    // What was sent long ago arrives with the groups that the branch has been given since.
    if (groups === "" || (groups !== wanted && !this.isLate))
      this.break(`${pod.uid} was given groups ${groups}, not ${wanted}`);
    const owner = eni?.tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value;
    if (owner !== pod.uid && this.mostWarm === 0)
      this.break(`${pod.uid} was given ${claim.eniId}, which was made for ${owner}`);
    const other = this.annotated.get(claim.eniId);
    if (other !== undefined && other !== pod.uid) this.again(claim.eniId, pod, other);
    else if (owner !== pod.uid) this.count("warm");
    for (const fault of this.warm.given(claim.eniId, pod, groups)) this.break(fault);
    this.annotated.set(claim.eniId, pod.uid);
    const ended = this.endedAt.get(claim.vlanId);
    if (ended !== undefined && this.now() - ended < this.cooldownMs)
      this.break(`VLAN ${claim.vlanId} was given to ${pod.uid} ${this.now() - ended} ms after its last pod`);
  }

  /** A pod's branch has the groups of the policies that select it, and no others; what no pod has is left as it is. */
  private setGroups(id: string, groups: readonly string[], basis: Basis): void {
    const given = sorted(groups);
    const living = this.livingOf(id);
    if (living !== undefined) {
      this.count("live change");
      this.warm.changed(id, living, given);
    }
    // It may have ended, and nobody have heard of it.
    const last = this.annotated.get(id) ?? "";
    const isThoughtLiving = basis.groups.has(last) && basis.living.has(last) && !basis.gone.has(last);
    if (living === undefined && !isThoughtLiving && this.mostWarm > 0) {
      // A pod that waits may be given a branch that was made for another, or for none.
      if (![...basis.groups].some(([one, its]) => its === given && !basis.living.has(one)))
        this.break(`${id} was given groups ${given}, which no pod that waits is to have`);
      return;
    }
    const eni = this.cloud.simulator.world.interfaces.get(id);
    const tagged = eni?.tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value;
    const uid = living?.uid ?? (isThoughtLiving ? last : (tagged ?? ""));
    const wanted = basis.groups.get(uid);
    if (living !== undefined && !basis.living.has(uid) && !this.annotatedLate.has(uid))
      this.break(
        `${id} of the living pod ${uid} was given groups by whoever did not know that it has its branch`,
      );
    if (basis.gone.has(uid) || basis.finished.has(uid))
      return this.break(`${id} was given groups ${given} while it cooled: its pod ${uid} had ended`);
    if (wanted === undefined)
      return this.break(`${id} was given groups ${given}, and its pod ${uid} was not known`);
    if (wanted === "") return this.break(`${id} was given groups ${given}, and no policy selects ${uid}`);
    if (given !== wanted) this.break(`${id} of ${uid} was given groups ${given}, not ${wanted}`);
    if (!basis.arePoliciesFollowed)
      this.break(`${id} of ${uid} was given groups while nobody knew whether policies had changed`);
  }

  /** The pod that has the ENI in its annotation. */
  private livingOf(id: string): SimulatedPod | undefined {
    return [...this.cluster.truth.pods.values()].find(
      ({ annotation, isFinished }) => !isFinished && claimOf(annotation)?.eniId === id,
    );
  }

  private again(id: string, pod: SimulatedPod, other: string): void {
    this.count("recycled");
    const last = [...this.cluster.truth.pods.values()].find(({ uid }) => uid === other);
    const isOver = last === undefined || last.isFinished;
    if (this.mostWarm === 0 || !isOver) this.break(`${id} was given to ${pod.uid} after ${other}`);
    // Whoever has sent it has asked.
    if (!this.isLate && this.life.reads.get(other) === undefined && !this.life.lists.has(id))
      this.break(`${id} was given to ${pod.uid}, and nobody asked the API server for its pod ${other}`);
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
    const last = this.annotated.get(id);
    const uid = last ?? eni.tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value ?? "";
    const isAsked = this.life.reads.get(uid) !== undefined || this.life.lists.has(id);
    if ((last !== undefined || !isMade) && !isAsked)
      this.break(`${id} was ${what}, and nobody asked the API server for its pod ${uid}`);
  }

  private count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  private break(what: string): void {
    this.broken.push(what);
  }
}

function sorted(groups: readonly string[] = []): string {
  return groups.toSorted().join(" ");
}

function emptyLife() {
  return {
    isComplete: false,
    made: new Set<string>(),
    placed: new Set<string>(),
    seen: new Map<string, number>(),
    proofs: new Map<string, number>(),
    reads: new Map<string, number>(),
    lists: new Map<string, number>(),
    gone: new Map<string, number>(),
    living: new Set<string>(),
  };
}
