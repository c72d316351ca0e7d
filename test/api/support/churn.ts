import { Random } from "../../../src/simulator/model/random.ts";
import { sleep } from "../../ground/run.ts";
import type { ControlledCluster } from "./controlled-cluster.ts";

const STEP_MS = 120;
const LABELS = ["web", "db"] as const;
/** Few, so that a pod often has the name of one that has just gone. */
const NAMES = 24;
const MOST_LIVING = 16;

export interface LivingPod {
  readonly uid: string;
  readonly node: string;
  readonly app: string;
  readonly since: number;
}

/** Pods made, deleted and finished, and policies edited, one after another and by a seed. */
export class Churn {
  /** Those that a policy selects and that have not ended, by name. */
  readonly living = new Map<string, LivingPod>();
  readonly finished = new Set<string>();
  /** What each policy has said, and from when on. */
  readonly said: { readonly app: string; readonly groups: readonly string[]; readonly since: number }[] = [];
  readonly errors: string[] = [];
  /** Of the pods made. */
  count = 0;
  private readonly cluster: ControlledCluster;
  private readonly random: Random;
  private readonly groups: readonly string[];
  private readonly nodes: Set<string>;
  private isOver = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    cluster: ControlledCluster,
    { seed, groups, nodes }: { seed: number; groups: readonly string[]; nodes: readonly string[] },
  ) {
    this.cluster = cluster;
    this.random = new Random(seed);
    this.groups = groups;
    this.nodes = new Set(nodes);
  }

  async createPolicies(): Promise<void> {
    for (const [i, app] of LABELS.entries()) {
      const groups = [this.groups[i] ?? ""];
      await this.cluster.createPolicy(app, { app }, groups);
      this.said.push({ app, groups, since: Date.now() });
    }
  }

  hasNode(name: string): boolean {
    return this.nodes.has(name);
  }

  start(): void {
    this.isOver = false;
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  /** What the policy says now. */
  groupsOf(app: string): readonly string[] {
    return this.said.findLast((one) => one.app === app)?.groups ?? [];
  }

  /** The Node, its pods and its instance, as a drain and a node group leave them. */
  async removeNode(name: string, instance: string): Promise<void> {
    this.nodes.delete(name);
    const { admin } = this.cluster;
    await this.cluster.callEc2("TerminateInstances", { "InstanceId.1": instance });
    await admin.request("DELETE", `/api/v1/nodes/${name}`);
    // As the garbage collector, which does not run here.
    await admin.request("DELETE", `/apis/vpcresources.k8s.aws/v1alpha1/cninodes/${name}`);
    for (const pod of await admin.list("/api/v1/namespaces/shop/pods")) {
      if ((pod.spec as { nodeName?: string }).nodeName === name) await this.delete(pod.metadata.name);
    }
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      try {
        await this.step();
      } catch (error) {
        this.errors.push(String(error));
      }
      await sleep(STEP_MS);
    }
  }

  private async step(): Promise<void> {
    const chance = this.random.next();
    if (chance < 0.55) await this.create();
    else if (chance < 0.75) await this.withOne((name) => this.delete(name));
    else if (chance < 0.9) await this.withOne((name) => this.finish(name));
    else await this.edit();
  }

  private async create(): Promise<void> {
    const name = `p${Math.floor(this.random.next() * NAMES)}`;
    const app = this.pick(LABELS);
    const node = this.pick([...this.nodes]);
    if (this.living.size >= MOST_LIVING || this.living.has(name)) return;
    if (this.finished.has(name)) await this.delete(name);
    const since = Date.now();
    const uid = (await this.cluster.createPod(name, { node, labels: { app } })) ?? "";
    this.count += 1;
    // Its node may have been removed meanwhile.
    if (this.nodes.has(node)) this.living.set(name, { uid, node, app, since });
    else await this.delete(name);
  }

  private async delete(name: string): Promise<void> {
    await this.cluster.deletePod(name);
    this.living.delete(name);
    this.finished.delete(name);
  }

  private async finish(name: string): Promise<void> {
    const phase = this.random.next() < 0.5 ? "Succeeded" : "Failed";
    await this.cluster.admin.patch(`/api/v1/namespaces/shop/pods/${name}/status`, "merge", {
      status: { phase },
    });
    this.living.delete(name);
    this.finished.add(name);
  }

  private async edit(): Promise<void> {
    const app = this.pick(LABELS);
    const groups = this.groups.filter(() => this.random.next() < 0.5);
    if (groups.length === 0) return;
    const url = `/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies/${app}`;
    const since = Date.now();
    await this.cluster.admin.patch(url, "merge", { spec: { securityGroups: { groupIds: groups } } });
    this.said.push({ app, groups, since });
  }

  private async withOne(act: (name: string) => Promise<void>): Promise<void> {
    const names = [...this.living.keys()];
    if (names.length > 4) await act(this.pick(names));
  }

  private pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random.next() * of.length)] as T;
  }
}
