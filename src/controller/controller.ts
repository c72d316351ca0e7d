import { backOffMs } from "../ec2/budget.ts";
import type { EndedCall } from "../ec2/port.ts";
import { LeaderElection } from "../kubernetes/lease.ts";
import { Recorder } from "../kubernetes/events.ts";
import { done, type Outcome, wait } from "../kubernetes/outcome.ts";
import { Queue, STARTUP } from "../kubernetes/queue.ts";
import { LinkedAbort } from "../sys/linked-abort.ts";
import { pause } from "../sys/timer.ts";
import { NamedConditions } from "../telemetry/conditions.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { messageOf } from "../text/error-words.ts";
import type { Action, Note } from "./action.ts";
import { type Admission, startAdmission } from "./admission/admission.ts";
import { describeAll, describeSoonMs } from "./describe.ts";
import { ConfigMaps } from "./config-maps.ts";
import { Evictions } from "./evictions.ts";
import { type ControllerMetrics, controllerMetrics } from "./figures.ts";
import type { Failure } from "./moment.ts";
import { nodePort } from "./node-port.ts";
import { Observed } from "./observed.ts";
import { vpcOf } from "./vpc.ts";
import type { ControllerOptions } from "./options.ts";
import { LastingNotes } from "./lasting-notes.ts";
import type { SeenPod } from "./objects.ts";
import { GroupReader } from "./policies/group-reader.ts";
import { policyPort } from "./policies/policy-port.ts";
import { PolicyReporter } from "./policies/reporter.ts";
import type { SeenBranch } from "./policies/tally.ts";
import { podPort } from "./pod-port.ts";
import type { Ports } from "./ports.ts";
import { subnetsOf } from "./subnets.ts";
import type { Settings } from "./view.ts";
import { trunksAllowedBy } from "./trunks-allowed.ts";
import { WarmBook } from "./warm/book.ts";
import { FreeAddresses } from "./warm/free-addresses.ts";
import { Workers } from "./workers.ts";

/** EC2 describes everything anew after so long, to find what nobody knows of; sooner what was seen once. */
const DESCRIBE_MS = 600_000;
/** A cluster without nodes waits for its first one. */
const NO_VPC_MS = 1_000;
const NO_VPC = "no node's instance says yet in which VPC the cluster is: give --vpc-id, or add a node";
/** Decisions take well under a millisecond: the actions they begin run side by side. */
const CONCURRENCY = 64;
/** Of the actions under way, when the controller ends. */
const STOP_MS = 10_000;

const POLICY_KIND = { apiVersion: "vpcresources.k8s.aws/v1beta1", kind: "SecurityGroupPolicy" } as const;

const NEEDED = ["CachesComplete"] as const;
const TOLD = ["Leading", "Described", "TrunksAllowed", "AdmissionServes"] as const;
type ConditionName = (typeof NEEDED)[number] | (typeof TOLD)[number];

/** The controller of a cluster. Replicas that do not lead keep their caches, and serve the webhook. */
export class Controller {
  readonly conditions: NamedConditions<ConditionName>;
  readonly observed: Observed;
  private readonly options: ControllerOptions;
  private readonly configMaps: ConfigMaps;
  private readonly queue: Queue;
  private readonly workers: Workers;
  private readonly freeAddresses: FreeAddresses;
  private readonly book: WarmBook;
  private readonly recorder: Recorder;
  private readonly groups: GroupReader;
  private readonly reporter: PolicyReporter;
  private readonly lasting = new LastingNotes();
  private readonly evictions: Evictions;
  private readonly election: LeaderElection | undefined;
  private readonly figures: ControllerMetrics;
  private readonly ports: Ports;
  private readonly vpc: ReturnType<typeof vpcOf>;
  private readonly ending: LinkedAbort;
  private readonly lost = Promise.withResolvers<string>();
  private readonly complete = Promise.withResolvers<void>();
  private readonly elected = Promise.withResolvers<void>();

  /** `outer` ends it. */
  constructor(options: ControllerOptions, outer: AbortSignal) {
    const { client, port, timer, random, log, wallClock, cluster, mode, identity, lease } = options;
    this.options = options;
    this.ending = new LinkedAbort(outer);
    const { signal } = this.ending;
    const warn = (message: string) => log("warn", message);
    this.conditions = new NamedConditions<ConditionName>(NEEDED, TOLD, (condition, { isTrue, why }) =>
      log("info", why, { condition, status: isTrue }),
    );
    const cache = { client, timer, random, warn };
    this.configMaps = new ConfigMaps(cache, options.cooldownMs, () => this.everything());
    const { configMaps } = this;
    this.freeAddresses = new FreeAddresses(port, timer);
    const { share, quota, target, recycle } = options.warm;
    const freeAddresses = (subnet: string) => this.freeAddresses.of(subnet);
    this.book = new WarmBook({ share, quota, freeAddresses, now: () => timer.now() });
    const settings: Settings = {
      cluster,
      mode,
      get cooldownMs() {
        return configMaps.cooldownMs;
      },
      liveGroups: options.liveGroups,
      warm: { target, recycle, life: identity, room: (subnet) => this.book.room(subnet) },
      limitsOf: (type) => configMaps.limitsOf(type),
    };
    this.observed = new Observed(cache, (instance) => this.queue.add(instance));
    this.vpc = vpcOf(options.vpc, () => this.observed.instanceIds(), port);
    this.recorder = new Recorder({
      client,
      component: "branchline-controller",
      instance: identity,
      timer,
      wallClock,
      warn,
      signal,
    });
    this.ports = {
      ec2: port,
      subnet: subnetsOf(port, timer),
      trunksAllowed: trunksAllowedBy(port, timer, (isAllowed, why) =>
        this.conditions.set("TrunksAllowed", isAllowed, why),
      ),
      pods: podPort(client),
      nodes: nodePort(client, wallClock),
    };
    this.workers = new Workers((instance) => ({
      settings,
      ports: this.ports,
      moment: () => ({ now: timer.now(), random }),
      changed: () => this.queue.add(instance),
      note: (note) => this.note(instance, note),
      learned: (ledger) => this.book.note(ledger),
      ended: (action, milliseconds, failure) => this.actionEnded(instance, action, milliseconds, failure),
      mayAct: () => this.mayAct(),
      signal,
    }));
    this.queue = new Queue({
      pass: (instance) => Promise.resolve(this.pass(instance)),
      concurrency: CONCURRENCY,
      timer,
      random,
      bug: (message) => log("error", message),
      began: (seconds) => this.figures.passBegan(seconds),
    });
    this.groups = new GroupReader({
      port,
      vpc: this.vpc,
      wanted: () => this.reporter.groupIds(),
      changed: () => this.reporter.markAll(),
      timer,
      random,
      log,
    });
    this.reporter = this.makeReporter();
    this.evictions = new Evictions({
      client,
      cache,
      pods: this.observed.pods,
      isSelected: (pod) => this.observed.groupsOf(pod).groups.length > 0,
      refused: options.refused,
      escaped: options.escaped,
      say: ({ metadata }, text) => this.recorder.say({ apiVersion: "v1", kind: "Pod", metadata }, text),
      timer,
      mayAct: () => this.mayAct(),
      log,
    });
    this.election =
      lease &&
      new LeaderElection({
        client: options.urgentClient,
        ...lease,
        identity,
        timer,
        wallClock,
        random,
        // Whoever cannot list would otherwise keep the Lease from one that could act.
        ready: this.complete.promise,
        acquired: () => this.elected.resolve(),
        lost: (reason) => this.lost.resolve(reason),
        warn,
      });
    this.figures = this.makeFigures(warn);
    options.onCall.ended = (call: EndedCall) => this.figures.callEnded(call);
  }

  get metrics(): Metrics {
    return this.figures.metrics;
  }

  /** Runs once, until it is ended: gives why, when it is because another leads. */
  async run(): Promise<string | undefined> {
    const { signal } = this.ending;
    const ended = aborted(signal);
    const leadership = new AbortController();
    const caches = [...this.observed.caches(), ...this.configMaps.caches()];
    let admission: Admission | undefined;
    const running: Promise<unknown>[] = caches.map((cache) => cache.run(signal));
    try {
      running.push(this.election?.run(leadership.signal) ?? Promise.resolve());
      await Promise.race([ended, this.whenComplete(signal)]);
      if (!signal.aborted) this.complete.resolve();
      if (!signal.aborted) admission = await this.serveAdmission();
      this.conditions.set("Leading", this.election === undefined, "waiting for the Lease");
      await Promise.race([
        ended,
        this.lost.promise,
        this.election === undefined ? undefined : this.elected.promise,
      ]);
      if (signal.aborted) return undefined;
      this.conditions.set(
        "Leading",
        true,
        this.election === undefined ? "without a Lease" : "holds the Lease",
      );
      running.push(this.evictions.run(signal), this.keepDescribing(signal));
      running.push(this.groups.run(signal), this.reporter.run(signal));
      if (this.options.mode === "standalone" && this.options.warm.target > 0) {
        running.push(this.freeAddresses.keep(signal, (message) => this.options.log("warn", message)));
      }
      const reason = await Promise.race([ended, this.lost.promise]);
      return typeof reason === "string" ? `the Lease is lost: ${reason}` : undefined;
    } catch (error) {
      if (!signal.aborted) throw error;
      return undefined;
    } finally {
      await this.queue.stop(STOP_MS);
      this.ending.abort(new Error("the controller is ending"));
      await this.workers.whenIdle();
      leadership.abort(new Error("the controller is ending"));
      await Promise.allSettled(running);
      // Once nothing is under way any more, another may begin.
      await this.election?.release(AbortSignal.timeout(STOP_MS));
      // Last: API servers go on asking until they know that this replica is going.
      await admission?.close();
      this.ending[Symbol.dispose]();
    }
  }

  /** Rejects when its address cannot be had. */
  private async serveAdmission(): Promise<Admission | undefined> {
    const { urgentClient: client, webhook, timer, wallClock, random, log } = this.options;
    if (webhook === undefined) {
      this.conditions.set("AdmissionServes", false, "no webhook is wanted: --webhook-listen");
      return undefined;
    }
    const { policies, serviceAccounts } = this.observed;
    return startAdmission({
      ...webhook,
      client,
      policies,
      serviceAccounts,
      metrics: this.metrics,
      timer,
      wallClock,
      random,
      log,
      said: (isTrue, why) => this.conditions.set("AdmissionServes", isTrue, why),
    });
  }

  private makeReporter(): PolicyReporter {
    const { client, wallClock, timer, log, groupsPerInterface: quota, liveGroups } = this.options;
    const { observed } = this;
    const reporter = new PolicyReporter({
      port: policyPort(client, wallClock),
      groupsOf: (pod, policies) =>
        observed.groupsBy(
          pod,
          policies.map(({ policy }) => policy),
        ),
      areGroupsCurrent: () => observed.areGroupsCurrent,
      branchOf: (pod) => this.branchOf(pod),
      groups: () => this.groups.facts,
      quota,
      liveGroups,
      say: ({ metadata }, text) => this.recorder.say({ ...POLICY_KIND, metadata }, text),
      mayAct: () => this.mayAct(),
      timer,
      log,
    });
    observed.pods.listen((change) => reporter.podChanged(change));
    observed.policies.listen((change) => {
      reporter.policyChanged(change);
      if (change.type !== "deleted") this.groups.named(change.object.policy.groups);
    });
    observed.serviceAccounts.listen(({ object }) => reporter.mark(object.metadata.namespace));
    return reporter;
  }

  /** As the ledger of its node has it. */
  private branchOf({ node, claim }: SeenPod): SeenBranch | undefined {
    if (typeof claim !== "object") return undefined;
    const instance = this.observed.nodes.get(node)?.instance;
    const ledger = instance === undefined ? undefined : this.workers.find(instance)?.ledger;
    const groups = ledger?.branches.get(claim.eniId)?.eni.groups ?? [];
    return {
      groups: groups.length === 0 ? undefined : groups,
      refusal: ledger?.changes.get(claim.eniId)?.retry?.why,
    };
  }

  private mayAct(): boolean {
    return this.election === undefined || this.election.remainingMs() > 0;
  }

  private pass(instance: string): Outcome {
    const facts = this.observed.factsOf(instance);
    const worker = this.workers.of(instance);
    const at = worker.pass(facts);
    if (facts.node === undefined) this.workers.forget(instance);
    return at === undefined ? done : wait(at, "the next thing is due then");
  }

  private async whenComplete(signal: AbortSignal): Promise<void> {
    const { conditions, observed } = this;
    const missing = () => observed.states().filter(([, { isComplete }]) => !isComplete);
    const say = () => {
      const names = missing().map(
        ([plural, { problem }]) => `${plural}${problem === undefined ? "" : ` (${problem.message})`}`,
      );
      conditions.set(
        "CachesComplete",
        names.length === 0,
        names.length === 0 ? "all lists are here" : `waiting for ${names.join(", ")}`,
      );
    };
    say();
    await Promise.all(
      [...observed.caches(), ...this.configMaps.caches()].map(async (cache) => {
        await cache.whenComplete(signal);
        say();
      }),
    );
  }

  /** All of the cluster in EC2, at the start and again and again. Nothing is decided before the first time. */
  private async keepDescribing(signal: AbortSignal): Promise<void> {
    const { timer, cluster, random } = this.options;
    let failures = 0;
    // On EKS nothing is made that EC2 might know of.
    let isStarted = this.options.mode === "eks";
    if (isStarted) this.start();
    while (!signal.aborted) {
      let next: number;
      try {
        const askedAt = timer.now();
        // Pods wait for the first one.
        const call = { signal, priority: isStarted ? "releasing" : "waiting" } as const;
        const vpc = await this.vpc(call);
        if (vpc === undefined) {
          this.conditions.set("Described", false, NO_VPC);
          await pause(timer, NO_VPC_MS, signal);
          continue;
        }
        const all = await describeAll(this.ports, { cluster, vpc }, askedAt, call);
        this.workers.describe(askedAt, all);
        this.reporter.markAll();
        this.conditions.set("Described", true, `EC2 has described the cluster's interfaces`);
        if (!isStarted) this.start();
        isStarted = true;
        failures = 0;
        next = this.workers.areUncertain ? this.soonMs : DESCRIBE_MS;
      } catch (error) {
        if (signal.aborted) return;
        this.conditions.set("Described", false, messageOf(error));
        failures += 1;
        next = backOffMs(failures, random);
      }
      await this.untilDescribing(next, signal);
    }
  }

  /** What becomes uncertain meanwhile is not left so for ten minutes. */
  private async untilDescribing(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { timer } = this.options;
    for (let waited = 0; waited < milliseconds && !signal.aborted;) {
      const step = Math.min(this.soonMs, milliseconds - waited);
      await pause(timer, step, signal);
      waited += step;
      if (this.workers.areUncertain) return;
    }
  }

  private get soonMs(): number {
    return describeSoonMs(this.configMaps.cooldownMs);
  }

  private start(): void {
    this.everything();
    this.queue.start();
  }

  private everything(): void {
    for (const instance of this.observed.instanceIds()) this.queue.add(instance, { priority: STARTUP });
  }

  private note(instance: string, note: Note): void {
    const { about, type, reason, message } = note;
    if (!this.lasting.isNew(note)) return;
    if (about === "node") {
      const node = this.observed.node(instance);
      if (node === undefined) return;
      this.recorder.say(
        { apiVersion: "v1", kind: "Node", metadata: node.metadata },
        { type, reason, message },
      );
      return;
    }
    const { namespace, name, uid } = about;
    this.recorder.say(
      { apiVersion: "v1", kind: "Pod", metadata: { namespace, name, uid } },
      { type, reason, message },
    );
  }

  private actionEnded(
    instance: string,
    action: Action,
    milliseconds: number,
    failure: Failure | undefined,
  ): void {
    const { pod } = action;
    if (pod !== undefined) this.reporter.mark(pod.namespace);
    this.figures.actionEnded(action.kind, failure === undefined ? "ok" : failure.kind, milliseconds);
    const about = pod && { pod: `${pod.namespace}/${pod.name}` };
    const fields = { instance, ...about, ...action.fields, ms: Math.round(milliseconds) };
    if (failure === undefined) return this.options.log("info", action.kind, fields);
    this.options.log("warn", `${action.kind}: ${failure.message}`, { ...fields, kind: failure.kind });
    const isNeeded = action.priority !== "warming";
    if (failure.code === "NetworkInterfaceLimitExceeded" && isNeeded) this.giveUpWarm();
  }

  /** What is needed now comes before what may be needed: warm branches make room, on every node. */
  private giveUpWarm(): void {
    if (!this.book.quotaUsedUp() || this.book.count === 0) return;
    const why = "the account's quota of network interfaces is used up";
    this.options.log(
      "warn",
      `${why}: ${this.book.count} warm branches are released, and none made for a while`,
    );
    for (const instance of this.book.withWarm()) this.queue.add(instance);
  }

  private makeFigures(warn: (message: string) => void): ControllerMetrics {
    const { version, timer, budgets } = this.options;
    return controllerMetrics(
      {
        version,
        conditions: this.conditions,
        caches: () => this.observed.states(),
        now: () => timer.now(),
        isLeader: () => this.mayAct(),
        queueDepth: () => this.queue.depth,
        oldestPass: () => this.queue.oldestSeconds,
        branches: () => this.branchesByState(),
        trunks: () =>
          [...this.workers.all()].filter(({ ledger }) => ledger.trunk.state === "attached").length,
        budgets: () => budgets.figures(),
        evicted: () => this.evictions.count,
        policyStatuses: () => this.reporter.writes,
      },
      warn,
    );
  }

  private branchesByState(): ReadonlyMap<string, number> {
    const states = ["created", "associated", "assigned", "found", "cooling", "releasing", "warming", "warm"];
    const counts = new Map(states.map((state) => [state, 0]));
    for (const { ledger } of this.workers.all()) {
      for (const { state } of ledger.branches.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    return counts;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  return promise;
}
