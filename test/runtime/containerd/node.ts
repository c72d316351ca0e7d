// A node in a VPC, with containerd on it: what all files here start from, and what must be left when a test is through.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect, isDeepStrictEqual } from "node:util";
import { STATE_DIRECTORY } from "../../../src/state/store.ts";
import {
  addressDirOf,
  connect,
  createVpc,
  eventually,
  must,
  mustExec,
  serve,
  settled,
  snapshot,
  type Branch,
  type Host,
  type Server,
  type Snapshot,
  type Vpc,
} from "../../ground/index.ts";
import { Containerd } from "./daemon.ts";
import { kinds, listOf, removeList, writeList, type Kind } from "./lists.ts";
import { Plugins } from "./plugins.ts";
import { Pod, type PodGround, type PodOptions, type Sandbox } from "./pods.ts";

/** The handler whose list tests may replace: containerd tells what it has loaded of this one only. */
export const defaultHandler = "default";

/** A prefix of the node's primary ENI, for its pods. */
const podPrefix = "10.0.9.0/24";

/** Ports of the database: its group admits the first from pods of the group `shop`, and the second from nobody. */
export const admitted = 5432;
export const closed = 5433;
/** The port that the pods' group admits, from the database. */
export const servedByPods = 8080;

/**
 * portmap looks for its chains and then makes them: two first pods at once make one twice, and the second one fails. It
 * never removes them, so an earlier test may have left them.
 */
async function makePortmapChains(): Promise<void> {
  for (const iptables of ["iptables", "ip6tables"]) {
    const { stdout } = await mustExec(undefined, [iptables, "-t", "nat", "-S"]);
    const there = new Set(stdout.split("\n"));
    for (const chain of ["CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-DNAT"])
      if (!there.has(`-N ${chain}`)) await mustExec(undefined, [iptables, "-t", "nat", "-N", chain]);
  }
}

export class KubeNode implements PodGround {
  readonly scratch: string;
  readonly vpc: Vpc;
  readonly containerd: Containerd;
  readonly plugins: Plugins;
  readonly addressDir: string;
  /** A machine in the VPC that serves both ports, in the group `db`. */
  readonly database: Host;
  /** Another one, in a group of its own. */
  readonly stranger: Host;
  readonly #servers: Server[];
  #before: { node: Snapshot; namespaces: readonly string[] } | undefined;
  #addresses = 0;
  #uids = 0;

  private constructor(
    scratch: string,
    vpc: Vpc,
    { database, stranger }: { readonly database: Host; readonly stranger: Host },
    servers: Server[],
  ) {
    this.scratch = scratch;
    this.vpc = vpc;
    this.database = database;
    this.stranger = stranger;
    this.#servers = servers;
    this.addressDir = addressDirOf(scratch);
    this.containerd = new Containerd(path.join(scratch, "containerd"), [defaultHandler, ...kinds]);
    this.plugins = new Plugins(this.containerd.places.plugins);
  }

  static async open(): Promise<KubeNode> {
    const vpc = await createVpc();
    try {
      return await KubeNode.#openIn(vpc);
    } catch (error) {
      await vpc.close();
      throw error;
    }
  }

  static async #openIn(vpc: Vpc): Promise<KubeNode> {
    await vpc.createGroup("shop");
    await vpc.createGroup("db", [{ port: admitted, fromGroup: "shop" }]);
    await vpc.allow("shop", { port: servedByPods, fromGroup: "db" });
    await vpc.assignSecondary(podPrefix);
    const database = await vpc.addHost({
      name: "db",
      ipv4: "10.0.0.30",
      ipv6: "2001:db8:1::30",
      groups: ["db"],
    });
    await vpc.createGroup("strangers");
    const stranger = await vpc.addHost({ name: "stranger", ipv4: "10.0.0.31", groups: ["strangers"] });
    await makePortmapChains();
    const servers = await Promise.all(
      [admitted, closed].map((port) => serve(database.netns, { port, name: `db${port}` })),
    );
    const scratch = await mkdtemp(path.join(tmpdir(), "runtime-"));
    const node = new KubeNode(scratch, vpc, { database, stranger }, servers);
    try {
      await node.#startContainerd();
    } catch (error) {
      await node.close();
      throw error;
    }
    return node;
  }

  /** The node finds its lists as it would: containerd runs already when the agent writes them. */
  async #startContainerd(): Promise<void> {
    const { containerd } = this;
    await containerd.start();
    await containerd.importImage();
    if ((await containerd.cri.notReady()) === undefined)
      throw new Error("containerd is ready without a list");
    for (const kind of kinds) writeList(containerd.places.lists(kind), listOf(this.scratch, kind));
    await this.replaceDefaultList(listOf(this.scratch, "direct"));
    await eventually("the handlers' lists", () => containerd.cri.hasLoadedLists(kinds));
  }

  /** Replaces the list of the default handler; resolves once containerd has loaded it. */
  async replaceDefaultList(list: ReturnType<typeof listOf>): Promise<void> {
    await this.hasLoaded(this.writeDefaultList(list));
  }

  /** Only writes it; gives the text. */
  writeDefaultList(list: ReturnType<typeof listOf>): string {
    return writeList(this.containerd.places.lists(defaultHandler), list);
  }

  /** Waits until containerd's list of the default handler is this text. */
  async hasLoaded(text: string): Promise<void> {
    await eventually("the new list", async () =>
      (await this.containerd.cri.defaultList()) === text ? true : undefined,
    );
  }

  /** Waits until containerd calls the node ready, by whatever list of the default handler. */
  async isReady(): Promise<void> {
    const ready = async () => ((await this.containerd.cri.notReady()) === undefined ? true : undefined);
    await eventually("the node is ready", ready, 60_000);
  }

  /** Takes the list of the default handler away. */
  removeDefaultList(): void {
    removeList(this.containerd.places.lists(defaultHandler));
  }

  nextAddress(): string {
    return `10.0.9.${(this.#addresses += 1)}`;
  }

  nextUid(): string {
    return `uid-${(this.#uids += 1)}`;
  }

  /** A branch of both families on the node's trunk. */
  branches(...vlanIds: readonly number[]): Promise<Branch[]> {
    return this.vpc.attachBranches(
      vlanIds.map((vlanId) => ({
        vlanId,
        ipv4: `10.0.0.${100 + vlanId}`,
        ipv6: `2001:db8:1::${100 + vlanId}`,
        groups: ["shop"],
      })),
    );
  }

  pod(options: PodOptions): Pod {
    return new Pod(this, options);
  }

  /** The pod has its branch's addresses, and reaches by it what its group may reach. */
  async expectWorks(sandbox: Sandbox, branch: Branch): Promise<void> {
    const { ips, state, netns } = await sandbox.status();
    const target = String(this.database.ipv4);
    const { reply } = await connect(path.basename(netns), target, { port: admitted });
    const found = { state, ips, reply };
    const { ipv4, ipv6 } = branch;
    const wanted = { state: "SANDBOX_READY", ips: [ipv4, ipv6], reply: `db${admitted} ${ipv4}` };
    if (!isDeepStrictEqual(found, wanted))
      throw new Error(`${sandbox.config.hostname}: ${inspect(found)} instead of ${inspect(wanted)}`);
  }

  /** The VLAN ids that records speak of. */
  recordedVlans(): number[] {
    return filesIn(path.join(STATE_DIRECTORY, "attachments"))
      .map((file) => Number(file.split(":")[0]))
      .sort((a, b) => a - b);
  }

  /** Remembers the node as it is; {@link expectNothingLeft} compares. */
  async remember(): Promise<void> {
    this.#before = { node: await snapshot(), namespaces: readdirSync("/run/netns").sort() };
  }

  /** Throws unless the node's network is as it was. */
  async expectAsRemembered(): Promise<void> {
    await settled(undefined, this.#remembered.node);
  }

  get #remembered() {
    if (this.#before === undefined) throw new Error("nothing was remembered");
    return this.#before;
  }

  /** Throws unless everything that pods brought is gone: by iproute2's account, containerd's, the primary's and ours. */
  async expectNothingLeft(): Promise<void> {
    await this.expectAsRemembered();
    const left = {
      sandboxes: (await this.containerd.cri.listPodSandbox()).map(({ metadata }) => metadata),
      namespaces: readdirSync("/run/netns").filter((name) => !this.#remembered.namespaces.includes(name)),
      records: filesIn(path.join(STATE_DIRECTORY, "attachments")),
      strict: existsSync(path.join(STATE_DIRECTORY, "strict.json")),
      primary: filesIn(path.join(this.addressDir, "attached")),
      portmap: (await must(["nft", "list", "ruleset"])).stdout
        .split("\n")
        .filter((line) => line.includes("CNI-DN-")),
    };
    const nothing = {
      sandboxes: [],
      namespaces: [],
      records: [],
      strict: false,
      primary: [],
      portmap: [],
    };
    if (!isDeepStrictEqual(left, nothing)) throw new Error(`left behind: ${inspect(left)}`);
  }

  /**
   * portmap lets 127.0.0.0/8 cross the device that it takes for the way to the pod, and leaves it so: for a strict pod that
   * is the node's primary one.
   */
  putBackRouteLocalnet(): void {
    const file = `/proc/sys/net/ipv4/conf/${this.vpc.primary.device}/route_localnet`;
    if (readFileSync(file, "utf8").trim() !== "1") throw new Error("portmap did not switch it on");
    writeFileSync(file, "0");
  }

  /** Ends what a failed test has left running, so that the next one has its chance. */
  async tidy(): Promise<void> {
    if (!this.containerd.runs) await this.containerd.start();
    const { cri } = this.containerd;
    for (const { id } of await cri.listPodSandbox()) {
      await cri.stopPodSandbox(id);
      await cri.removePodSandbox(id);
    }
  }

  async close(): Promise<void> {
    // What cannot be ended was said when its test failed.
    if (this.containerd.runs) await this.tidy().catch(() => undefined);
    await Promise.all(this.#servers.map((server) => server.stop()));
    await this.containerd.kill();
    await this.vpc.close();
    rmSync(this.scratch, { recursive: true, force: true });
    rmSync(STATE_DIRECTORY, { recursive: true, force: true });
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** One for each kind, all at the same time: emulated processors are better busy. */
export async function forKinds<K extends Kind, T>(
  wanted: readonly K[],
  each: (kind: K) => Promise<T> | T,
): Promise<Record<K, T>> {
  const entries = await Promise.all(wanted.map(async (kind) => [kind, await each(kind)] as const));
  return Object.fromEntries(entries) as Record<K, T>;
}

export function forAll<T>(each: (kind: Kind) => Promise<T> | T): Promise<Record<Kind, T>> {
  return forKinds(kinds, each);
}
