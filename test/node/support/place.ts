// A node of a cluster in namespaces of its own: an API server, the node's directories, its two ENIs, and the agent's image.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { TAKEN } from "../../../src/agent/install/appended.ts";
import path from "node:path";
import { startApiServer, type ApiServer } from "../../ground/api-server.ts";
import { applyCrds } from "../../ground/kubernetes/crds.ts";
import type { ApiClient, KubernetesObject } from "../../ground/kubernetes/client.ts";
import { ApiProxy } from "../../ground/kubernetes/proxy.ts";
import { keptDirectory, type Scratch } from "../../ground/kubernetes/scratch.ts";
import { distDirectory, ipBatch, podAnnotations } from "../../ground/index.ts";
import type { Places } from "../../ground/trace/operation.ts";

const root = path.resolve(import.meta.dirname, "../../..");

export const NODE = "node-1";
export const NAMESPACE = "loop";
export const TRUNK_MAC = "02:00:00:00:00:11";
export const TRUNK_ENI = "eni-0123456789abcdef0";
export const LIST = "05-branchline.conflist";
export const PRIMARY = "10-primary.conflist";
/** Of the plugin, which knows no other; the namespaces have a /run of their own. */
export const STATE = "/run/branchline";

const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";

/** The API server's audit log has the agent by this name. */
export const AGENT_USER = "agent-of-node-1";

/** Four executables of 114 MB at a time, and as much for a place beside this one. */
const ROOM = 1024 * 1024 * 1024;

type Installed = "the agent's" | "the old one" | "another";

export class Place implements AsyncDisposable {
  readonly server: ApiServer;
  readonly proxy: ApiProxy;
  readonly #scratch: Scratch;
  #seen: { readonly state: string; readonly installed: Installed } | undefined;

  private constructor(scratch: Scratch, server: ApiServer, proxy: ApiProxy) {
    this.#scratch = scratch;
    this.server = server;
    this.proxy = proxy;
  }

  static async open(): Promise<Place> {
    const scratch = keptDirectory("node", ROOM);
    const server = await startApiServer({ timeout: 600_000 });
    try {
      await applyCrds(server.admin);
      const agent = await server.kubeconfigFor({ user: AGENT_USER, groups: ["system:masters"] });
      const place = new Place(scratch, server, await ApiProxy.open(agent));
      await place.#prepare();
      return place;
    } catch (error) {
      await server.stop();
      await scratch.remove();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.server.stop();
    await this.#scratch.remove();
  }

  get admin(): ApiClient {
    return this.server.admin;
  }

  get directory(): string {
    return this.#scratch.path;
  }

  at(...parts: readonly string[]): string {
    return path.join(this.directory, ...parts);
  }

  conf(name: string): string {
    return this.at("net.d", name);
  }

  /** Of which an agent's operations are heard. */
  get places(): Places {
    const own = ["image", "bin", "net.d", "log"].map((name) => [name, this.at(name)] as const);
    return { ...Object.fromEntries(own), state: STATE };
  }

  /** Of the agent; the plugin's is a copy of it. */
  get executable(): string {
    return this.at("image", "branchline");
  }

  /** Another version of it, which works as well. */
  get oldExecutable(): string {
    return this.at("old", "branchline");
  }

  get kubeconfig(): string {
    return this.at("kubeconfig");
  }

  /** Of the plugin. */
  get log(): string {
    return this.at("log", "plugin.log");
  }

  /** Our entry of the list. */
  get entry() {
    return {
      enablePodENI: true,
      // For an ADD while no agent runs.
      branchTimeout: 2,
      // Nothing answers there for the gateway.
      gatewayTimeout: 0,
      serviceCIDRs: ["172.20.0.0/16"],
      capabilities: { [podAnnotations]: true },
      pluginLogFile: this.log,
    };
  }

  /** A list of the primary plugin, which gives the address of the file that has the pod's name. */
  primary(mtu = "1500"): object {
    const capabilities = { [podAnnotations]: true };
    const addressDir = this.at("addresses");
    return {
      cniVersion: "1.0.0",
      name: "pod-network",
      plugins: [{ type: "primary-aws", mtu, vethPrefix: "eni", addressDir, capabilities }],
    };
  }

  /** As aws-node's script does it: in place, not by a rename. */
  writePrimary(mtu?: string): void {
    writeFileSync(this.conf(PRIMARY), JSON.stringify(this.primary(mtu), undefined, 2));
  }

  /** What a node without an agent has. */
  async clear({ withPrimary = true } = {}): Promise<void> {
    for (const name of ["bin", "net.d", "addresses", "log"]) {
      rmSync(this.at(name), { recursive: true, force: true });
      mkdirSync(this.at(name));
    }
    rmSync(STATE, { recursive: true, force: true });
    for (const name of readdirSync(this.at("image")))
      if (name !== "branchline") rmSync(this.at("image", name));
    if (withPrimary) this.writePrimary();
    await this.removeCniNode();
    // Of the node, from runs before.
    await this.admin.delete("/api/v1/namespaces/default/events");
  }

  /** Puts a version of the plugin into its place, at once and whole. */
  install(executable: string): void {
    const beside = this.at("beside");
    linkSync(executable, beside);
    renameSync(beside, this.at("bin", "branchline"));
  }

  /** The primary's list as it is now, with an entry of ours. */
  listWith(entry: object): object {
    const { plugins, ...list } = JSON.parse(readFileSync(this.conf(PRIMARY), "utf8")) as {
      plugins: object[];
    };
    return { ...list, plugins: [...plugins, { type: "branchline", ...entry }] };
  }

  /** Our list as it has to be. */
  get wantedList(): object {
    return this.listWith({ ...this.entry, listFile: this.conf(LIST) });
  }

  /** Our list, without the key that is ours; undefined while there is none. A SyntaxError if it is not whole. */
  get list(): unknown {
    if (!existsSync(this.conf(LIST))) return undefined;
    const { [TAKEN]: _, ...list } = JSON.parse(readFileSync(this.conf(LIST), "utf8")) as Record<
      string,
      unknown
    >;
    return list;
  }

  /** Which of them the plugin is; undefined while there is none. */
  get installed(): Installed | undefined {
    const file = this.at("bin", "branchline");
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (found === undefined) return undefined;
    // It has a hundred megabytes, and is asked for every 50 ms: one that was read and has not changed is not read again.
    const state = [found.ino, found.size, found.ctimeNs].join();
    if (this.#seen?.state !== state) this.#seen = { state, installed: this.#compare(file) };
    return this.#seen.installed;
  }

  #compare(file: string): Installed {
    const isCopyOf = (other: string) =>
      statSync(file).size === statSync(other).size && readFileSync(file).equals(readFileSync(other));
    if (isCopyOf(this.executable)) return "the agent's";
    return isCopyOf(this.oldExecutable) ? "the old one" : "another";
  }

  async makeCniNode(spec: object | undefined, trunk?: { readonly id: string; readonly mac: string }) {
    await this.removeCniNode();
    await this.admin.create(CNI_NODES, {
      apiVersion: "vpcresources.k8s.aws/v1alpha1",
      kind: "CNINode",
      metadata: { name: NODE },
      ...(spec !== undefined && { spec }),
    });
    if (trunk === undefined) return;
    const { id, mac: macAddress } = trunk;
    const trunkInterface = { id, macAddress, deviceIndex: 1, subnetID: "subnet-0123456789abcdef0" };
    await this.admin.patch(`${CNI_NODES}/${NODE}/status`, "merge", { status: { trunkInterface } });
  }

  /** If there is one. */
  async removeCniNode(): Promise<void> {
    await this.admin.request("DELETE", `${CNI_NODES}/${NODE}`);
  }

  /** One that selects the pods with the label has=policy. */
  async makePolicy(namespace: string): Promise<void> {
    await this.admin.create(
      `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`,
      {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name: "selected" },
        spec: {
          podSelector: { matchLabels: { has: "policy" } },
          securityGroups: { groupIds: ["sg-0123456789abcdef0"] },
        },
      },
    );
  }

  /** Of its CNINode. */
  async features(): Promise<readonly { readonly name: string }[]> {
    const { status, body } = await this.admin.request("GET", `${CNI_NODES}/${NODE}`);
    const { spec } = (status === 200 ? body : {}) as Partial<KubernetesObject>;
    return (spec?.["features"] as readonly { readonly name: string }[] | undefined) ?? [];
  }

  /** UIDs of the pods of a namespace of which an event says that they run without their branch. */
  async unprotected(namespace: string): Promise<readonly string[]> {
    const events = await this.admin.list<PodEvent>(`/api/v1/namespaces/${namespace}/events`);
    return events
      .filter(({ reason }) => reason === "PodUnprotected")
      .map(({ involvedObject: { uid } }) => uid);
  }

  async #prepare(): Promise<void> {
    for (const name of ["image", "old"]) mkdirSync(this.at(name));
    copyFileSync(path.join(root, distDirectory, "branchline"), this.executable);
    copyFileSync(this.executable, this.oldExecutable);
    // Behind the end of the program, where nobody looks.
    writeFileSync(this.oldExecutable, "older", { flag: "a" });
    for (const file of [this.executable, this.oldExecutable]) chmodSync(file, 0o755);
    writeFileSync(this.kubeconfig, this.proxy.kubeconfig);
    writeFileSync(this.at("agent-entry.json"), JSON.stringify(this.entry));
    await ipBatch(undefined, [
      "link add eth0 address 02:00:00:00:00:10 type veth peer name eth0-far",
      `link add eth1 address ${TRUNK_MAC} type veth peer name eth1-far`,
      ...["eth0", "eth0-far", "eth1", "eth1-far"].map((device) => `link set ${device} up`),
      "addr add 10.0.0.10/24 dev eth0",
    ]);
    await this.admin.create("/api/v1/nodes", { metadata: { name: NODE } });
    await this.admin.create("/api/v1/namespaces", { metadata: { name: NAMESPACE } });
    await this.makePolicy(NAMESPACE);
  }
}

interface PodEvent extends KubernetesObject {
  readonly reason: string;
  readonly involvedObject: { readonly uid: string };
}
