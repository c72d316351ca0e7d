import { Agent } from "../../src/agent/agent.ts";
import { readEntry } from "../../src/agent/install/entry.ts";
import { planList } from "../../src/agent/install/list.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { AgentProcess } from "./agent-process.ts";
import { BEGINNING, ModelApiServer } from "./api-server.ts";
import type { Circumstances } from "./circumstances.ts";
import { ModelClock } from "./clock.ts";
import { Cluster } from "./cluster.ts";
import { enter, leave } from "./ground.ts";
import { Judge, type Outcome } from "./judge.ts";
import { Kubelet } from "./kubelet.ts";
import { ModelNode, NODE, OUR_LIST } from "./node.ts";
import { type Order, PARTS, type Part } from "./parts.ts";

/** Of one order, played to its end. */
export interface Run {
  /** What must not be; empty if all is well. */
  readonly violations: readonly string[];
  /** Of the first pods, by name. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** How many effects the first process of the agent had, and whether the circumstances ended it. */
  readonly effects: number;
  readonly wasEnded: boolean;
  /** A line for each thing that happened, if that was asked for. */
  readonly trace: readonly string[];
}

/** Until every pod has come to its end, after the last start; and once more after those without a branch were replaced. */
const END_MS = 150_000;

const ENTRY = readEntry(JSON.stringify({ serviceCIDRs: ["10.100.0.0/16"], pluginLogFile: "stderr" }));

/** Plays an order. Parts that are missing never start, and no pod is then expected to come to an end. */
export async function play(order: Order, circumstances: Circumstances, withTrace = false): Promise<Run> {
  const world = new World(circumstances, withTrace);
  try {
    return await world.play(order);
  } finally {
    world.end();
  }
}

let processes = 0;

class World {
  private readonly circumstances: Circumstances;
  private readonly clock = new ModelClock();
  private readonly api: ModelApiServer;
  private readonly node: ModelNode;
  private readonly judge: Judge;
  private readonly kubelet: Kubelet;
  private readonly cluster: Cluster;
  private readonly lines: string[] = [];
  private first: AgentProcess | undefined;
  private isOver = false;

  constructor(circumstances: Circumstances, withTrace: boolean) {
    this.circumstances = circumstances;
    const { clock } = this;
    const { lag } = circumstances;
    const trace = (line: () => string) => {
      if (withTrace) this.lines.push(`${(clock.now / 1000).toFixed(2).padStart(7)} ${line()}`);
    };
    this.api = new ModelApiServer(clock, (plural) =>
      plural === "pods" ? lag.pods : plural === "securitygrouppolicies" ? lag.policies : 0,
    );
    this.node = new ModelNode(clock, circumstances, trace);
    this.judge = new Judge(clock, this.node, circumstances);
    this.kubelet = new Kubelet(this.api, this.node, this.judge);
    const { node, kubelet, judge } = this;
    this.cluster = new Cluster(this.api, { node, kubelet, judge }, circumstances);
    this.api.changed = () => this.cluster.notice();
    this.node.loaded = () => this.cluster.notice();
    this.api.patching = () => this.judge.patchesCniNode();
    this.api.listing = () => this.judge.listsPods();
    this.api.told = (uid, reason, message) => this.judge.told(uid, reason, message);
    if (circumstances.lists === "left") this.leaveLists();
  }

  async play(order: Order): Promise<Run> {
    const { clock, judge, circumstances } = this;
    order.forEach((part, index) => clock.after(index * circumstances.gap, () => this.start(part)));
    const started = order.length * circumstances.gap;
    await this.until(started, () => false);
    const isWhole = order.length === PARTS.length;
    await this.until(started + END_MS, () => isWhole && this.hasEnded());
    const outcomes = this.outcomes();
    if (isWhole && this.hasEnded()) await this.replace();
    if (isWhole) judge.atTheEnd();
    return {
      violations: judge.violations,
      outcomes,
      effects: this.first?.effects ?? 0,
      wasEnded: this.first !== this.node.agent,
      trace: this.lines,
    };
  }

  /** Nothing of it goes on. */
  end(): void {
    this.isOver = true;
    this.node.agent?.kill();
    leave();
  }

  private async until(end: number, isEnough: () => boolean): Promise<void> {
    while (this.judge.violations.length === 0 && !isEnough() && (await this.clock.step(end)));
    this.clock.now = Math.max(this.clock.now, isEnough() ? 0 : end);
  }

  /** Whoever follows the reasons has his pods on branches in the end. */
  private async replace(): Promise<void> {
    const { stories } = this.judge;
    const outcomes = this.outcomes();
    const unprotected = [...outcomes].filter(([, outcome]) => outcome !== "branch" && outcome !== "ordinary");
    this.cluster.replaceUnprotected(new Set(unprotected.map(([name]) => name)));
    const replaced = () => stories.length > outcomes.size + unprotected.length && this.hasEnded();
    await this.until(this.clock.now + END_MS, replaced);
    for (const story of stories.slice(outcomes.size)) {
      const outcome = Judge.outcomeOf(story);
      if (outcome !== undefined && outcome !== "branch")
        this.judge.say(`pod ${story.name}, made when all were there, is ${outcome}`);
    }
  }

  /** All pods have come to an end, and the agent has done its part, so that the next pods find everything there. */
  private hasEnded(): boolean {
    const { node } = this;
    const { stories } = this.judge;
    return (
      stories.length > 0 &&
      node.asksForBranches &&
      node.socket !== undefined &&
      stories.every((story) => story.isDeleted || Judge.outcomeOf(story) !== undefined)
    );
  }

  private outcomes(): Map<string, Outcome> {
    return new Map(
      this.judge.stories.flatMap((story) => {
        const outcome = Judge.outcomeOf(story);
        return outcome === undefined ? [] : [[story.name, outcome] as const];
      }),
    );
  }

  private start(part: Part): void {
    this.node.trace(() => `${part} starts`);
    switch (part) {
      case "API server":
        this.startApiServer();
        break;
      case "kubelet":
        this.kubelet.isUp = true;
        this.cluster.notice();
        break;
      case "aws-node":
        this.node.startAwsNode();
        break;
      case "agent":
        this.startAgent();
        break;
      case "trunk":
        this.cluster.startTrunk();
        break;
      case "policy":
        this.cluster.makePolicy();
        break;
      case "pod":
        this.cluster.makePods();
    }
  }

  private startApiServer(): void {
    const { api, judge, clock } = this;
    const comeUp = () => {
      api.comeUp();
      judge.apiIs(true);
    };
    comeUp();
    const { outage } = this.circumstances;
    if (outage === undefined) return;
    clock.after(outage.at, () => {
      this.node.trace(() => "API server goes away");
      api.goDown();
      judge.apiIs(false);
      clock.after(outage.for, comeUp);
    });
  }

  private startAgent(): void {
    const { node, api, clock, judge, circumstances } = this;
    processes += 1;
    const isFirst = this.first === undefined;
    const agent = new AgentProcess(processes, node, isFirst ? circumstances.end : undefined, () => {
      judge.agentIs(false);
      if (this.isOver) return;
      clock.after(circumstances.downFor, () => this.startAgent());
    });
    this.first ??= agent;
    node.agent = agent;
    enter(agent);
    judge.agentIs(true);
    node.trace(() => "agent: starts");
    const { directory } = agent;
    const running = new Agent(
      {
        version: "model",
        daemonSet: undefined,
        nodeName: NODE,
        client: new KubernetesClient(
          api.connectionOf(
            (what, happen) => agent.request(what, happen),
            circumstances.isDenied ? "securitygrouppolicies" : undefined,
          ),
        ),
        executable: directory,
        cniBinDir: directory,
        cniConfDir: `${directory}/net.d`,
        primaryConfDir: circumstances.mode === "closed" ? `${directory}/primary` : `${directory}/net.d`,
        stateDirectory: directory,
        listName: OUR_LIST,
        primaryType: "aws-cni",
        entry: ENTRY,
        unrequested: "refuse",
        networkPolicies: "auto",
        trunkInterface: undefined,
        trunkMac: undefined,
        introspection: directory,
        metadata: directory,
        timer: clock.timerOf(agent),
        wallClock: () => BEGINNING + clock.now,
        random: () => 0.5,
        log: (level, message, fields) =>
          node.trace(
            () => `agent: ${level}: ${message}${fields === undefined ? "" : ` ${JSON.stringify(fields)}`}`,
          ),
      },
      agent.terminate.signal,
    );
    running.run().then(
      () => agent.kill(),
      (error: unknown) => {
        if (agent.isAlive) judge.say(`the agent ended: ${String(error)}`);
      },
    );
  }

  private leaveLists(): void {
    const { node } = this;
    const aws = new ModelNode(new ModelClock(), { ...this.circumstances, mode: "open" }, () => undefined);
    aws.leaveLists({ name: OUR_LIST, text: "", mode: 0 });
    const { plan } = planList([...aws.filesOf("runtime").values()], {
      ours: OUR_LIST,
      primaryType: "aws-cni",
      entry: ENTRY,
    });
    if (plan.action === "write") node.leaveLists(plan);
  }
}
