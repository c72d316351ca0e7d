import { describeAll } from "../../src/controller/describe.ts";
import type { Facts } from "../../src/controller/worker.ts";
import { Worker } from "../../src/controller/worker.ts";
import type { Ports } from "../../src/controller/ports.ts";
import type { Settings, WarmSettings } from "../../src/controller/view.ts";
import { WarmBook } from "../../src/controller/warm/book.ts";
import { Ec2CallError } from "../../src/ec2/error.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";
import { Random } from "../../src/simulator/model/random.ts";
import { instanceTypes } from "../../src/values/instance-types.ts";
import { Cloud } from "./cloud.ts";
import { Cluster } from "./cluster.ts";
import { type Basis, Rules } from "./rules.ts";

export const CLUSTER = "one";
const COOLDOWN_MS = 60_000;
const TYPE = "m5.large";
const LIMIT = instanceTypes().get(TYPE)?.branches ?? 0;
const START = Date.UTC(2026, 10, 1);
/** More than warm branches could be too many for. */
const MANY_ADDRESSES = 1_000;
/** Names of pods: few, so that they come again. */
const NAMES = 14;

/** A step of a run, as data: a run can be played again, and shortened. */
export interface Step {
  readonly what: StepKind;
  /** Picks one of what is there. */
  readonly pick: number;
}

export const STEP_KINDS = [
  "pass",
  "finish call",
  "lose answer",
  "lose request",
  "refuse call",
  "deliver",
  "describe",
  "complete caches",
  "create pod",
  "delete pod",
  "end pod",
  "edit policy",
  "delete policy",
  "wait",
  "wait long",
  "crash",
  "take a VLAN id",
  "deny annotations",
  "allow annotations",
  "fail over",
  "be left alone",
  "revert policy",
  "replace pod",
  "break policy",
  "relabel pod",
  "lose policies",
  "follow policies",
  "lose addresses",
  "give addresses back",
  "carry out call",
  "late call",
  "lose node",
  "return node",
  "ask pod to end",
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** What a run has of warm branches. */
export interface WarmPlay {
  readonly target: number;
  /** How many the account's share allows. */
  readonly share: number;
  readonly recycle: WarmSettings["recycle"];
}

export const NOT_WARM: WarmPlay = { target: 0, share: 0, recycle: "off" };

interface EniTag {
  readonly key: string;
  readonly value: string;
}

interface Call {
  readonly port: string;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly basis: Basis;
  readonly execute: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** It was carried out, and its answer is on its way. */
  answer?: { readonly isRefusal: boolean; readonly value: unknown; readonly at: number };
}

/** An answer is waited for no longer. */
const ANSWER_MS = 30_000;

/** What was sent before a process ended arrives for so long. */
const LATE_MS = 10_000;

/** The controller's worker for one node, with every call held until a step lets it go on. */
export class Player {
  readonly cloud: Cloud;
  readonly cluster: Cluster;
  readonly rules: Rules;
  readonly bugs: string[] = [];
  private readonly random: Random;
  private readonly warm: WarmPlay;
  private calls: Call[] = [];
  /** Of processes that have ended, and may still be carried out. */
  private late: { readonly call: Call; readonly endedAt: number }[] = [];
  private worker: Worker;
  private abort = new AbortController();
  private isComplete = false;
  private isDescribing = false;
  private time = 0;
  private taken = 0;
  /** Of the subnet, as EC2 has said lately. */
  private freeAddresses = MANY_ADDRESSES;
  /** Groups that a policy had before its last change. */
  private readonly before = new Map<string, readonly string[]>();
  private lives = 0;

  constructor(
    seed: number,
    lag: { readonly describe: number; readonly create: number },
    warm: WarmPlay = NOT_WARM,
  ) {
    this.warm = warm;
    this.random = new Random(seed);
    this.cloud = new Cloud(seed, TYPE, () => START + this.time);
    this.cluster = new Cluster({
      name: "n1",
      uid: "node-uid",
      isLinux: true,
      isIpv6: false,
      instanceType: TYPE,
      capacity: undefined,
      allocatable: undefined,
      isTainted: true,
      trunkAnnotation: undefined,
      isAgentReady: true,
    });
    const { settings } = this.cloud.simulator.world;
    settings.describeLagSeconds = lag.describe;
    settings.notFoundAfterCreateSeconds = lag.create;
    this.rules = new Rules(
      this.cloud,
      this.cluster,
      {
        cluster: CLUSTER,
        cooldownMs: COOLDOWN_MS,
        limit: LIMIT,
        warm: { ...warm, most: Math.min(warm.target, warm.share) },
      },
      () => this.time,
    );
    for (const namespace of warm.target > 0 ? ["shop", "bank"] : ["shop"]) {
      this.setPolicy(`${namespace}/web`, [this.group(0)]);
      this.setPolicy(`${namespace}/db`, [this.group(1), this.group(2)]);
    }
    this.worker = this.newWorker();
  }

  async play({ what, pick }: Step): Promise<void> {
    await this.carryOut(what, pick);
    await settle();
    this.rules.check(this.worker.ledger);
    const rests = what === "pass" && this.calls.length === 0 && !this.cluster.isBehind;
    if (rests) this.rules.rests(this.worker.ledger);
  }

  /** All faults end: everything has to become right within so many rounds. */
  async heal(rounds: number): Promise<void> {
    this.cluster.isAnnotationDenied = false;
    this.freeAddresses = MANY_ADDRESSES;
    this.late = [];
    this.cluster.returnNode(true);
    for (const [name, { isBeingDeleted }] of this.cluster.truth.pods)
      if (isBeingDeleted) this.endPod(name, "deleted");
    const { settings } = this.cloud.simulator.world;
    settings.describeLagSeconds = 0;
    settings.notFoundAfterCreateSeconds = 0;
    // Right for some rounds, not just for one.
    let right = 0;
    for (let i = 0; i < rounds && right < 4; i += 1) {
      this.cluster.sync();
      this.complete();
      this.pass();
      for (let j = 0; j < 200 && this.calls.length > 0; j += 1) {
        await this.finish(0, "executed");
        await settle();
        this.pass();
      }
      if (i % 6 === 0) void this.describe();
      await settle();
      while (this.calls.length > 0) {
        await this.finish(0, "executed");
        await settle();
      }
      this.time += 10_000;
      right = this.remains().length === 0 ? right + 1 : 0;
    }
  }

  /** Pods that have no branch although they should, and ENIs that nobody should have. */
  remains(): string[] {
    const { pods, policies, unreadable } = this.cluster.truth;
    const groupsOf = (policy: string) => (unreadable.has(policy) ? [] : (policies.get(policy) ?? []));
    const { interfaces } = this.cloud.simulator.world;
    const living = [...pods.values()].filter(({ isFinished }) => !isFinished);
    const staying = living.filter(({ isBeingDeleted }) => !isBeingDeleted);
    const wanted = staying.filter(({ namespace, policy }) => groupsOf(`${namespace}/${policy}`).length > 0);
    const selected = new Set(wanted.map(({ uid }) => uid));
    const missing = wanted.filter(({ annotation }) => annotation === undefined);
    const has = [...pods.values()].filter(
      ({ isFinished, annotation }) => !isFinished && annotation !== undefined,
    ).length;
    const waiting = new Set(
      living.filter(({ annotation }) => annotation === undefined).map(({ uid }) => uid),
    );
    const used = new Set(living.map(({ annotation }) => /eni-[0-9a-f]+/.exec(annotation ?? "")?.[0]));
    const ours = [...interfaces.values()].filter(({ tags }) =>
      tags.some(({ key }) => key.startsWith("kubernetes.io/cluster/")),
    );
    const podOf = ({ tags }: (typeof ours)[number]) =>
      tags.find(({ key }) => key === "branchline.dev/pod-uid")?.value ?? "";
    // What was begun for a pod that no policy selects any more stays until it is selected again, or ends.
    const begun = ours.filter((eni) => waiting.has(podOf(eni)) && !selected.has(podOf(eni)));
    // Branches that somebody else has put on the trunk take room as well.
    const room = LIMIT - this.taken - begun.length - this.asked(selected, new Set(begun.map(podOf)));
    const without = has >= room ? [] : missing.map(({ uid }) => `${uid} has no branch`);
    const others = wanted.flatMap(({ uid, namespace, policy, annotation }) => {
      const eni = interfaces.get(/eni-[0-9a-f]+/.exec(annotation ?? "")?.[0] ?? "");
      const given = eni?.groups.toSorted().join(" ");
      const should = groupsOf(`${namespace}/${policy}`).toSorted().join(" ");
      return given === undefined || given === should
        ? []
        : [`${eni?.id} of ${uid} has groups ${given}, not ${should}`];
    });
    const trunks = ours.filter(({ type }) => type === "trunk");
    const idle = ours
      .filter(({ id, type }) => type !== "trunk" && !used.has(id))
      .filter((eni) => !waiting.has(podOf(eni)));
    const left = idle.length > this.rules.mostWarm ? idle.map(({ id }) => `${id} is left`) : [];
    const capacity = this.cluster.truth.node?.capacity ?? 0;
    return [
      ...without,
      ...others,
      ...(capacity > LIMIT || capacity < room ? [`the capacity is ${capacity} of ${room} to ${LIMIT}`] : []),
      ...left,
      ...idle.flatMap((eni) => this.unwanted(eni)),
      ...this.lacking(idle.length, room - has),
      ...(trunks.length === 1 && trunks[0]?.attachment?.deleteOnTermination === true
        ? []
        : [`there are ${trunks.length} trunks`]),
    ];
  }

  /** VLAN ids that are kept for pods that no policy selects any more, because nobody knows whether EC2 has made the branch. */
  private asked(selected: ReadonlySet<string>, begun: ReadonlySet<string>): number {
    return [...this.worker.ledger.requests].filter(
      ([uid, { making }]) => making !== undefined && !selected.has(uid) && !begun.has(uid),
    ).length;
  }

  /** A branch without a pod whose groups no policy of its namespace gives. */
  private unwanted({ id, groups, tags }: { id: string; groups: readonly string[]; tags: readonly EniTag[] }) {
    const valueOf = (name: string) => tags.find(({ key }) => key === `branchline.dev/${name}`)?.value;
    const namespace = valueOf("warm-for") ?? valueOf("pod")?.split("/")[0];
    const sets = [...this.cluster.truth.policies].filter(([policy]) => policy.startsWith(`${namespace}/`));
    const given = sets.flatMap(([, all]) => (all.every((one) => groups.includes(one)) ? all : []));
    return groups.every((group) => given.includes(group))
      ? []
      : [`${id} is kept, and no policy gives its groups`];
  }

  /** Warm branches that nobody has made, although pods are there, and slots, and nobody waits for one. */
  private lacking(warm: number, free: number): string[] {
    const { pods, policies, unreadable } = this.cluster.truth;
    const isServed = [...pods.values()].every(
      ({ isFinished, annotation }) => isFinished || annotation !== undefined,
    );
    const isAlive = [...pods.values()].some(({ isFinished, namespace, policy }) => {
      const name = `${namespace}/${policy}`;
      return !isFinished && !unreadable.has(name) && (policies.get(name) ?? []).length > 0;
    });
    const most = Math.min(this.rules.mostWarm, free);
    return isServed && isAlive && warm < most ? [`${warm} of ${most} branches are warm`] : [];
  }

  /** Takes away all pods, and whoever has taken VLAN ids. */
  empty(): void {
    for (const name of this.cluster.truth.pods.keys()) this.endPod(name, "deleted");
  }

  private async carryOut(what: StepKind, pick: number): Promise<void> {
    switch (what) {
      case "pass":
        return this.pass();
      case "finish call":
        return this.finish(pick, "executed");
      case "lose answer":
        return this.finish(pick, "answer lost");
      case "lose request":
        return this.finish(pick, "request lost");
      case "refuse call":
        return this.finish(pick, "refused");
      case "deliver":
        return this.cluster.deliver();
      case "describe":
        return void this.describe();
      case "complete caches":
        return this.complete();
      case "create pod": {
        const name = `p${pick % NAMES}`;
        const isThere = this.cluster.truth.pods.has(name);
        // With warm branches there is another namespace, whose policies have the same names, and often the same groups.
        const [namespace = "", policy = ""] = this.policyOf(pick).split("/");
        if (!isThere) this.cluster.createPod(name, namespace, policy);
        return;
      }
      case "replace pod": {
        const name = `p${pick % NAMES}`;
        if (!this.cluster.truth.pods.has(name)) return;
        this.endPod(name, "deleted");
        const [namespace = "", policy = ""] = this.policyOf(pick >> 1).split("/");
        return this.cluster.createPod(name, namespace, policy);
      }
      case "delete pod":
        return this.endPod(`p${pick % NAMES}`, "deleted");
      case "end pod":
        return this.endPod(`p${pick % NAMES}`, "finished");
      case "edit policy":
        return this.setPolicy(this.policyOf(pick), [
          this.group(pick % 3),
          ...(pick % 5 === 0 ? [this.group((pick + 1) % 3)] : []),
        ]);
      case "delete policy":
        return this.setPolicy(this.policyOf(pick), []);
      case "revert policy": {
        const policy = this.policyOf(pick);
        return this.setPolicy(policy, this.before.get(policy) ?? []);
      }
      case "break policy":
        return this.cluster.changePolicy(({ unreadable }) => void unreadable.add(this.policyOf(pick)));
      case "relabel pod":
        return this.cluster.relabelPod(`p${pick % NAMES}`, ["web", "db", "none"][(pick >> 4) % 3] ?? "");
      case "lose policies":
        return this.cluster.losePolicies();
      case "follow policies":
        return this.cluster.followPolicies();
      case "wait":
        return this.waitFor(100 + (pick % 50) * 100);
      case "wait long":
        return this.waitFor(5_000 + (pick % 20) * 2_000);
      case "crash":
        return this.crash(pick);
      case "be left alone":
        return this.beLeftAlone(pick);
      case "fail over":
        return this.failOver(pick);
      case "take a VLAN id":
        return this.takeVlan(1 + (pick % 6));
      case "deny annotations":
        this.cluster.isAnnotationDenied = true;
        return;
      case "allow annotations":
        this.cluster.isAnnotationDenied = false;
        return;
      case "lose addresses":
        this.freeAddresses = 0;
        return;
      case "give addresses back":
        this.freeAddresses = MANY_ADDRESSES;
        return;
      case "carry out call":
        return this.carryOutCall(pick);
      case "late call":
        return this.lateCall(pick);
      case "lose node":
        return this.cluster.loseNode();
      case "return node":
        return this.cluster.returnNode(pick % 2 === 0);
      case "ask pod to end":
        return this.cluster.askToEnd(`p${pick % NAMES}`);
    }
  }

  /** For some rounds nothing happens but what the controller does, each call at once. */
  private async beLeftAlone(pick: number): Promise<void> {
    for (let i = 0; i < 12; i += 1) {
      while (this.cluster.isBehind) this.cluster.deliver();
      this.pass();
      await settle();
      for (let j = this.calls.length; j > 0; j -= 1) {
        await this.finish(pick, "executed");
        await settle();
      }
    }
  }

  private pass(): void {
    this.worker.pass(this.facts());
  }

  private facts(): Facts {
    const { node, cniNode } = this.cluster.cache;
    return {
      node,
      cniNode,
      eniConfig: undefined,
      pods: this.cluster.podFacts(),
      isComplete: this.isComplete,
      areGroupsCurrent: this.cluster.arePoliciesFollowed,
      policyGroups: (namespace) =>
        [...this.cluster.cache.policies].flatMap(([policy, groups]) =>
          policy.startsWith(`${namespace}/`) ? [groups] : [],
        ),
    };
  }

  private complete(): void {
    if (!this.isComplete) this.cluster.sync();
    this.isComplete = true;
    this.rules.cacheIsComplete();
  }

  private async describe(): Promise<void> {
    if (this.isDescribing) return;
    this.isDescribing = true;
    const { worker } = this;
    try {
      const askedAt = this.time;
      const all = await describeAll(this.ports(), { cluster: CLUSTER, vpc: this.cloud.vpc }, askedAt, {
        signal: this.abort.signal,
        priority: "releasing",
      });
      if (worker !== this.worker) return;
      const own = all.get(this.cloud.instance) ?? { askedAt, branches: [], trunks: [] };
      this.rules.described(own);
      worker.describe(own);
    } catch (error) {
      // Asked for again by the next step of its kind.
      if (!(error instanceof Ec2CallError)) this.bugs.push(String(error));
    } finally {
      if (worker === this.worker) this.isDescribing = false;
    }
  }

  /** The process ends: each call under way was carried out, or was not. */
  private async crash(pick: number): Promise<void> {
    await this.end(pick);
    this.isComplete = false;
    this.cluster.forget(pick);
  }

  /** Another process goes on, whose caches are as complete, and as far behind. */
  private async failOver(pick: number): Promise<void> {
    await this.end(pick);
    if (this.isComplete) this.rules.cacheIsComplete();
  }

  private async end(pick: number): Promise<void> {
    const { calls } = this;
    this.calls = [];
    for (const [i, call] of calls.entries()) {
      if (call.answer !== undefined) continue;
      if ((pick >> i) & 1) await this.execute(call).catch(() => undefined);
      else if (isToComeLate(call)) this.late.push({ call, endedAt: this.time });
    }
    this.abort.abort(new Error("crash"));
    this.abort = new AbortController();
    this.isDescribing = false;
    this.rules.restarted();
    this.worker = this.newWorker();
  }

  private async finish(
    pick: number,
    how: "executed" | "answer lost" | "request lost" | "refused",
  ): Promise<void> {
    const [call] = this.calls.splice(pick % Math.max(1, this.calls.length), 1);
    if (call === undefined) return;
    if (how === "refused" && call.answer === undefined) return call.reject(refusalOf(call, pick));
    if (how === "request lost" && call.answer === undefined) return call.reject(lossOf(call));
    try {
      const result = await this.execute(call);
      if (how !== "answer lost") {
        this.rules.answered(call.method, call.args, result);
        call.resolve(result);
      } else call.reject(lossOf(call));
    } catch (error) {
      call.reject(how === "answer lost" ? lossOf(call) : error);
    }
  }

  /** It is done, and the answer is on its way. */
  private async carryOutCall(pick: number): Promise<void> {
    const open = this.calls.filter(({ answer }) => answer === undefined);
    const call = open[pick % Math.max(1, open.length)];
    if (call === undefined) return;
    try {
      call.answer = { isRefusal: false, value: await this.execute(call), at: this.time };
    } catch (error) {
      call.answer = { isRefusal: true, value: error, at: this.time };
    }
  }

  private async waitFor(milliseconds: number): Promise<void> {
    for (const [i, { answer }] of [...this.calls.entries()].toReversed()) {
      if (answer === undefined || this.time + milliseconds - answer.at <= ANSWER_MS) continue;
      await this.finish(i, "executed");
      await settle();
    }
    this.time += milliseconds;
  }

  private async lateCall(pick: number): Promise<void> {
    this.late = this.late.filter(({ endedAt }) => this.time - endedAt <= LATE_MS);
    const [one] = this.late.splice(pick % Math.max(1, this.late.length), 1);
    if (one === undefined) return;
    const { method, args, execute } = one.call;
    this.rules.beforeLate(method, args, one.call.basis);
    await execute().then(
      (result) => this.rules.afterLate(method, result),
      () => undefined,
    );
  }

  private async execute({ method, args, basis, execute, answer }: Call): Promise<unknown> {
    if (answer !== undefined) {
      if (answer.isRefusal) throw answer.value;
      return answer.value;
    }
    this.rules.before(method, args, basis);
    try {
      const result = await execute();
      this.rules.after(method, result);
      return result;
    } catch (error) {
      this.rules.refused(method, args, basis);
      throw error;
    }
  }

  private endPod(name: string, how: "deleted" | "finished"): void {
    const pod = this.cluster.truth.pods.get(name);
    if (pod === undefined) return;
    if (!pod.isFinished) this.rules.podEnds(pod);
    if (how === "deleted") this.cluster.deletePod(name);
    else this.cluster.finishPod(name);
  }

  private policyOf(pick: number): string {
    if (this.warm.target === 0) return pick % 2 === 0 ? "shop/web" : "shop/db";
    // Of few kinds, so that what one has left another can have.
    return (
      ["shop/web", "shop/web", "shop/web", "bank/web", "bank/web", "shop/db"][(pick >> 6) % 6] ?? "shop/web"
    );
  }

  private setPolicy(policy: string, groups: readonly string[]): void {
    this.before.set(policy, this.cluster.truth.policies.get(policy) ?? groups);
    this.cluster.changePolicy(({ policies, unreadable }) => {
      policies.set(policy, groups);
      unreadable.delete(policy);
    });
  }

  /** Somebody else takes a VLAN id of the trunk, without our tags. */
  private takeVlan(vlan: number): void {
    const trunk = [...this.cloud.simulator.world.interfaces.values()].find(
      ({ type, attachment }) => type === "trunk" && attachment?.status === "attached",
    );
    if (trunk === undefined) return;
    try {
      const made = this.cloud.ask("CreateNetworkInterface", { SubnetId: this.cloud.subnet });
      const { networkInterfaceId } = made["networkInterface"] as { networkInterfaceId: string };
      this.cloud.ask("AssociateTrunkInterface", {
        BranchInterfaceId: networkInterfaceId,
        TrunkInterfaceId: trunk.id,
        VlanId: String(vlan),
      });
      this.taken += 1;
    } catch (error) {
      if (!(error instanceof Ec2CallError)) throw error;
    }
  }

  private group(i: number): string {
    return this.cloud.groups[i] ?? "";
  }

  private newWorker(): Worker {
    // A tenth of ten times as many, as the account's share is.
    const book = new WarmBook({
      share: 0.1,
      quota: this.warm.share * 10,
      freeAddresses: () => this.freeAddresses,
      now: () => this.time,
    });
    const settings: Settings = {
      cluster: CLUSTER,
      mode: "standalone",
      cooldownMs: COOLDOWN_MS,
      liveGroups: true,
      warm: {
        target: this.warm.target,
        recycle: this.warm.recycle,
        life: `life ${(this.lives += 1)}`,
        room: (subnet) => book.room(subnet),
      },
      limitsOf: (type) => instanceTypes().get(type),
    };
    const { signal } = this.abort;
    return new Worker({
      instance: this.cloud.instance,
      settings,
      ports: this.ports(),
      moment: () => ({ now: this.time, random: () => this.random.next() }),
      changed: () => undefined,
      note: () => undefined,
      learned: (ledger) => book.note(ledger),
      ended: (_action, _ms, failure) => {
        if (failure?.code === "Bug") this.bugs.push(failure.message);
      },
      mayAct: () => true,
      signal,
    });
  }

  private ports(): Ports {
    return {
      ec2: this.held("ec2", this.cloud.port()),
      subnet: async (id) => this.cloud.subnetFacts(id),
      trunksAllowed: async () => undefined,
      pods: this.held("pods", this.cluster.podPort()),
      nodes: this.held("nodes", this.cluster.nodePort()),
    };
  }

  /** The same methods, each held until a step lets it go on. */
  private held<T extends object>(port: string, target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const method: unknown = Reflect.get(object, name);
        if (typeof method !== "function") return method;
        return (...args: unknown[]) => {
          const { promise, resolve, reject } = Promise.withResolvers<unknown>();
          const execute = async () => (await Reflect.apply(method, object, args)) as unknown;
          this.calls.push({
            port,
            method: String(name),
            args,
            basis: this.rules.begins({ method: String(name), args }, this.calls),
            execute,
            resolve,
            reject,
          });
          return promise;
        };
      },
    });
  }
}

function lossOf({ port, method }: Call): Error {
  return port === "ec2"
    ? new Ec2CallError("retry", method, "ECONNRESET", "socket hang up")
    : new KubernetesError("retry", method, "socket hang up");
}

/** What a creation ahead of need or an older change of groups does, a description shows a minute after the start. */
function isToComeLate({ method, args }: Call): boolean {
  if (method === "setGroups") return false;
  return method !== "createBranch" || "branchline.dev/pod-uid" in (args[0] as { tags: object }).tags;
}

/** Not carried out. */
function refusalOf({ port, method }: Call, pick: number): Error {
  if (port !== "ec2") return new KubernetesError("conflict", method, "the object has been modified");
  const refusals = [
    new Ec2CallError("throttled", method, "RequestLimitExceeded", "Request limit exceeded."),
    new Ec2CallError("wait", method, "InsufficientFreeAddressesInSubnet", "no free address"),
    new Ec2CallError("denied", method, "UnauthorizedOperation", "You are not authorized"),
    new Ec2CallError("retry", method, "InternalError", "An internal error has occurred"),
  ];
  return refusals[pick % refusals.length] ?? lossOf({ port, method } as Call);
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
