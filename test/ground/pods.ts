// A pod as the node sees it: a namespace, what Kubernetes says about it, and the chain called by cnitool.
import { rmSync, writeFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  cnitool,
  containerIdOf,
  type CniAnswer,
  type CniCall,
  type CniResult,
  type Verb,
} from "./cnitool.ts";
import type { Network } from "./conflist.ts";
import { createNetns, deleteNetns, exec, netnsPath } from "./netns.ts";
import type { Outcome } from "./run.ts";
import { snapshot, type Snapshot } from "./snapshot.ts";
import {
  connect,
  ping,
  serve,
  type Attempt,
  type ConnectOptions,
  type ServeOptions,
  type Server,
} from "./traffic.ts";
import type { Branch, Vpc } from "./vpc.ts";

/** The annotation that the controller writes on a pod that owns a branch. */
export const podEni = "vpc.amazonaws.com/pod-eni";

export interface PodOptions {
  readonly vpc: Vpc;
  readonly network: Network;
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Its branch ENI, which becomes its annotation. */
  readonly branch?: Branch;
  /** More annotations, or others in place of the branch's own. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** With the aws stand-in: the secondary addresses of the node's ENI that the pod gets. ptp has its own. */
  readonly addresses?: readonly string[];
}

/** Makes the pod's namespace and assigns its addresses; nothing is attached until {@link Pod.add}. */
export async function createPod(options: PodOptions): Promise<Pod> {
  const pod = new Pod(options);
  await createNetns(pod.netns);
  try {
    await pod.assign();
  } catch (error) {
    await deleteNetns(pod.netns);
    throw error;
  }
  return pod;
}

export class Pod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly netns: string;
  readonly containerId: string;
  readonly branch: Branch | undefined;
  /** The result of the last successful add. */
  result: CniResult | undefined;
  readonly #options: PodOptions;
  readonly #servers: Server[] = [];
  #attached = false;
  #assigned: string[] = [];

  constructor(options: PodOptions) {
    this.#options = options;
    this.name = options.name;
    this.namespace = options.namespace ?? "default";
    this.uid = options.uid ?? `uid-${this.namespace}-${this.name}`;
    this.netns = `pod-${this.name}`;
    this.containerId = containerIdOf(netnsPath(this.netns));
    this.branch = options.branch;
  }

  /** The address the node reaches it by: its branch's, or the primary's first one. */
  get ipv4(): string {
    const address = this.result?.ips?.map((ip) => ip.address).find((cidr) => !cidr.includes(":"));
    if (address === undefined) throw new Error(`pod ${this.name} has no IPv4 address`);
    return address.split("/")[0] ?? address;
  }

  get annotations(): Readonly<Record<string, string>> {
    return { ...(this.branch && { [podEni]: this.branch.annotation }), ...this.#options.annotations };
  }

  /** ADD, by the whole chain. */
  async add(call: Partial<CniCall> = {}): Promise<CniAnswer> {
    // Even a failed ADD is followed by a DEL in a runtime.
    this.#attached = true;
    const answer = await this.call("add", call);
    if (answer.result !== undefined) this.result = answer.result;
    return answer;
  }

  /** Like {@link add}, and throws the chain's error. */
  async mustAdd(call: Partial<CniCall> = {}): Promise<CniResult> {
    const { result, error } = await this.add(call);
    if (result === undefined) throw new Error(`ADD of pod ${this.name}: ${error}`);
    return result;
  }

  async check(call: Partial<CniCall> = {}): Promise<CniAnswer> {
    return this.call("check", call);
  }

  async del(call: Partial<CniCall> = {}): Promise<CniAnswer> {
    const answer = await this.call("del", call);
    if (answer.status === 0) this.#attached = false;
    return answer;
  }

  /** Any verb, with what a kubelet's runtime says of this pod; `call` overrides. */
  call(verb: Verb, call: Partial<CniCall> = {}): Promise<CniAnswer> {
    return cnitool(verb, {
      network: this.#options.network,
      netns: netnsPath(this.netns),
      annotations: this.annotations,
      args: {
        IgnoreUnknown: "1",
        K8S_POD_NAMESPACE: this.namespace,
        K8S_POD_NAME: this.name,
        K8S_POD_INFRA_CONTAINER_ID: this.containerId,
        K8S_POD_UID: this.uid,
      },
      ...call,
    });
  }

  /** The aws stand-in does what aws-cni does without its ipamd, until this is disposed of. */
  withoutIpamd(): Disposable {
    const file = path.join(this.#options.network.addressDir, "ipamd-down");
    writeFileSync(file, "");
    return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
  }

  exec(argv: readonly [string, ...string[]]): Promise<Outcome> {
    return exec(this.netns, argv);
  }

  snapshot(): Promise<Snapshot> {
    return snapshot(this.netns);
  }

  /** Serves from inside the pod, under the pod's name, until the pod is removed. */
  async serve(options: Omit<ServeOptions, "name">): Promise<Server> {
    const server = await serve(this.netns, { name: this.name, ...options });
    this.#servers.push(server);
    return server;
  }

  connect(address: string, options: ConnectOptions): Promise<Attempt> {
    return connect(this.netns, address, options);
  }

  ping(address: string, timeout?: number): Promise<boolean> {
    return ping(this.netns, address, timeout);
  }

  /** Ends its servers, detaches it if it is attached, and deletes its namespace and addresses. */
  async remove(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.stop()));
    const answer = this.#attached ? await this.del() : undefined;
    await deleteNetns(this.netns);
    await this.#release();
    if (answer?.error !== undefined) throw new Error(`DEL of pod ${this.name}: ${answer.error}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  /** Called by {@link createPod}: what ipamd would know. */
  async assign(): Promise<void> {
    const { vpc, addresses = [] } = this.#options;
    if (addresses.length === 0) return;
    await writeFile(this.#addressFile, addresses.map((address) => `${address}\n`).join(""));
    await vpc.assignSecondary(...addresses);
    this.#assigned = [...addresses];
  }

  async #release(): Promise<void> {
    const assigned = this.#assigned.splice(0);
    if (assigned.length > 0) await this.#options.vpc.unassignSecondary(...assigned);
    await rm(this.#addressFile, { force: true });
  }

  get #addressFile(): string {
    return path.join(this.#options.network.addressDir, `${this.namespace}.${this.name}`);
  }
}
