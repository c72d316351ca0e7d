// A pod's sandbox as a runtime holds it: the primary plugin has run for real, branchline is called in process.
import { readdirSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import type { Node } from "../../../src/attachment/node.ts";
import { STATE_DIRECTORY } from "../../../src/state/store.ts";
import {
  createNetns,
  createVpc,
  debianPlugins,
  deleteNetns,
  must,
  netnsPath,
  podAnnotations,
  podEni,
  ptpPrefixes,
  run,
  snapshot,
  vpcMtu,
  type CniResult,
  type Snapshot,
  type Vpc,
  type VpcOptions,
} from "../../ground/index.ts";
import { callPlugin, resultOf, type Answer, type Command } from "./plugin.ts";

export const services = ["172.20.0.0/16", "fd00:20::/108"] as const;

/** What the files here share: a VPC with the node in it, and a directory for what the plugins keep. */
export interface Ground {
  readonly vpc: Vpc;
  readonly scratch: string;
  /** The node before anything of a pod was there. */
  readonly before: Snapshot;
}

export async function createGround(options: VpcOptions = {}): Promise<Ground> {
  const scratch = await mkdtemp(path.join(tmpdir(), "branchline-"));
  await mkdir(path.join(scratch, "addresses", "attached"), { recursive: true });
  const vpc = await createVpc(options);
  // ptp's address on the node would otherwise become usable, and its route appear, while a test looks.
  writeFileSync(dadSwitch, "0");
  return { vpc, scratch, before: await snapshot() };
}

const dadSwitch = "/proc/sys/net/ipv6/conf/default/accept_dad";

export async function closeGround({ vpc, scratch }: Ground): Promise<void> {
  writeFileSync(dadSwitch, "1");
  await vpc.close();
  await rm(scratch, { recursive: true, force: true });
  await rm(STATE_DIRECTORY, { recursive: true, force: true });
}

/** For all tests of a file: filled in before the first, closed after the last. Call it before the file's own hooks. */
export function useGround(options?: VpcOptions): Ground {
  const ground = {} as Ground;
  beforeAll(async () => {
    Object.assign(ground, await createGround(options));
  });
  afterAll(() => closeGround(ground));
  return ground;
}

/** The names of the attachment records; their shape is `<vlan>:<container id>:<interface>.json`. */
export function records(): string[] {
  try {
    return readdirSync(`${STATE_DIRECTORY}/attachments`).sort();
  } catch {
    return [];
  }
}

/** The value of the annotation, for branches that only exist on paper. */
export function annotationOf(branch: {
  readonly vlanId: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
  readonly eniId?: string;
}): string {
  const id = branch.vlanId.toString(16).padStart(4, "0");
  return JSON.stringify([
    {
      eniId: branch.eniId ?? `eni-0b${id.padStart(15, "0")}`,
      ifAddress: branch.mac ?? `02:b1:00:00:${id.slice(0, 2)}:${id.slice(2)}`,
      privateIp: branch.ipv4 ?? "",
      ipv6Addr: branch.ipv6 ?? "",
      vlanId: branch.vlanId,
      subnetCidr: branch.ipv4 === undefined ? "" : "10.0.0.0/24",
      subnetV6Cidr: branch.ipv6 === undefined ? "" : "2001:db8:1::/64",
      associationID: `trunk-assoc-${id.padStart(17, "0")}`,
    },
  ]);
}

export interface SandboxOptions {
  readonly name: string;
  /** `veth`: what the aws stand-in leaves, made by two `ip` in a tenth of the time; the default is the stand-in. */
  readonly primary?: "aws" | "ptp" | "veth";
  /** The primary's addresses; ptp has its own. None: no primary runs. */
  readonly addresses?: readonly string[];
  readonly uid?: string;
  readonly containerId?: string;
  readonly ifName?: string;
  readonly cniVersion?: string;
  /** The annotation's text. */
  readonly branch?: string;
  /** Settings of branchline's entry over the usual ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** What one call says differently. */
export interface CallOptions {
  readonly containerId?: string;
  readonly uid?: string;
  readonly netns?: string;
  readonly ifName?: string;
  readonly cniVersion?: string;
  readonly network?: string;
  readonly branch?: string;
  /** In place of `{pod-eni: branch}`; undefined: the runtime passes none at all. */
  readonly annotations?: unknown;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** null: none. */
  readonly prevResult?: object | null;
  /** Without K8S_POD_* in CNI_ARGS. */
  readonly anonymous?: boolean;
  readonly node?: Node;
}

/** Makes the namespace and runs the primary in it; both are gone when the test (or the suite's hook) says so. */
export async function createSandbox(ground: Ground, options: SandboxOptions): Promise<Sandbox> {
  const sandbox = new Sandbox(ground, options);
  if (options.primary !== "veth") await createNetns(sandbox.netns);
  try {
    await sandbox.open();
  } catch (error) {
    await deleteNetns(sandbox.netns);
    throw error;
  }
  return sandbox;
}

/** The same, for the length of the running test. */
export async function sandboxForTest(ground: Ground, options: SandboxOptions): Promise<Sandbox> {
  const sandbox = await createSandbox(ground, options);
  onTestFinished(() => sandbox.remove());
  return sandbox;
}

export class Sandbox {
  readonly name: string;
  readonly netns: string;
  readonly containerId: string;
  readonly uid: string;
  readonly ifName: string;
  /** What the primary answered. */
  primaryResult: CniResult = { cniVersion: "1.0.0" };
  /** What the chain answered last. */
  result: CniResult | undefined;
  readonly #ground: Ground;
  readonly #options: SandboxOptions;
  #primaryRan = false;

  constructor(ground: Ground, options: SandboxOptions) {
    this.#ground = ground;
    this.#options = options;
    this.name = options.name;
    this.netns = `pod-${options.name}`;
    this.containerId = options.containerId ?? `sandbox-${options.name}`;
    this.uid = options.uid ?? `uid-${options.name}`;
    this.ifName = options.ifName ?? "eth0";
  }

  get path(): string {
    return netnsPath(this.netns);
  }

  /** Called by {@link createSandbox}. */
  async open(): Promise<void> {
    const { primary = "aws", addresses = [] } = this.#options;
    if (primary === "veth") return this.#openVeth(addresses);
    if (primary === "aws" && addresses.length === 0) return;
    await writeFile(
      path.join(this.#ground.scratch, "addresses", `default.${this.name}`),
      addresses.map((address) => `${address}\n`).join(""),
    );
    this.#primaryRan = true;
    this.primaryResult = JSON.parse(await this.callPrimary("ADD"));
  }

  async #openVeth(addresses: readonly string[]): Promise<void> {
    const { ifName, netns } = this;
    const [veth, mac] = [this.#veth, "02:0e:0e:0e:0e:01"];
    const each = addresses.map((address) =>
      address.includes(":")
        ? { host: `${address}/128`, gateway: "fe80::1", flags: " nodad" }
        : { host: `${address}/32`, gateway: "169.254.1.1", flags: "" },
    );
    await must(["sh", "-e"], {
      input: `ip netns add ${netns}
ip -batch - <<'IP'
link add ${veth} address ${mac} mtu ${vpcMtu} type veth peer name ${ifName} mtu ${vpcMtu} netns ${netns}
link set ${veth} up
${each.map(({ host }) => `route add ${host} dev ${veth} scope link\n`).join("")}IP
ip -n ${netns} -batch - <<'IP'
link set lo up
link set ${ifName} up
${each
  .map(
    ({ host, gateway, flags }) => `addr add ${host} dev ${ifName}${flags}
route add ${gateway} dev ${ifName} scope link
route add default via ${gateway} dev ${ifName}
neigh add ${gateway} lladdr ${mac} dev ${ifName} nud permanent
`,
  )
  .join("")}IP
`,
    });
    this.primaryResult = {
      cniVersion: "1.0.0",
      interfaces: [{ name: veth }, { name: ifName, mac: "1", sandbox: this.path }],
      ips: each.map(({ host }) => ({ interface: 1, address: host })),
    };
  }

  get #veth(): string {
    return `eni-${this.name}`;
  }

  /** The primary plugin alone; its stdout. */
  async callPrimary(command: "ADD" | "DEL"): Promise<string> {
    const { primary = "aws", cniVersion = "1.0.0" } = this.#options;
    if (primary === "veth") {
      if (command === "DEL") await run(["ip", "link", "del", this.#veth]);
      return "";
    }
    const { scratch } = this.#ground;
    const own =
      primary === "aws"
        ? {
            type: "primary-aws",
            mtu: String(vpcMtu),
            vethPrefix: "eni",
            addressDir: path.join(scratch, "addresses"),
          }
        : {
            type: "ptp",
            mtu: vpcMtu,
            ipam: {
              type: "host-local",
              dataDir: path.join(scratch, "host-local"),
              ranges: [[{ subnet: ptpPrefixes.ipv4 }], [{ subnet: ptpPrefixes.ipv6 }]],
              routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
            },
          };
    const file =
      primary === "aws"
        ? path.join(import.meta.dirname, "..", "..", "ground", "primary-aws")
        : path.join(debianPlugins, "ptp");
    const outcome = await must([file], {
      input: JSON.stringify({ cniVersion, name: "ground", ...own }),
      env: {
        PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
        CNI_PATH: debianPlugins,
        CNI_COMMAND: command,
        ...this.#env({}),
      },
    });
    return outcome.stdout;
  }

  /** Any verb of branchline, as a runtime would ask for this pod; `call` says what is different. */
  call(command: Command, call: CallOptions = {}): Promise<Answer> {
    const { node } = call;
    return callPlugin(command, { ...this.#env(call), ...call.env }, this.#config(command, call), node);
  }

  async add(call: CallOptions = {}): Promise<Answer> {
    const answer = await this.call("ADD", call);
    if (answer.status === 0) this.result = resultOf(answer);
    return answer;
  }

  /** Like {@link add}, and throws what it said when it failed. */
  async mustAdd(call: CallOptions = {}): Promise<CniResult> {
    return resultOf(await this.add(call));
  }

  async check(call: CallOptions = {}): Promise<Answer> {
    return this.call("CHECK", call);
  }

  async del(call: CallOptions = {}): Promise<Answer> {
    return this.call("DEL", call);
  }

  /** Like {@link del}, and throws what it said when it failed. */
  async mustDel(call: CallOptions = {}): Promise<void> {
    const { failure, stdout } = await this.del(call);
    if (failure !== undefined)
      throw new Error(`DEL: code ${failure.code}: ${failure.msg}\n${failure.details}`);
    if (stdout !== "") throw new Error(`DEL wrote to stdout: ${stdout}`);
  }

  snapshot(): Promise<Snapshot> {
    return snapshot(this.netns);
  }

  /** DEL by the whole chain, back to front, whatever came before; then the namespace goes. */
  async remove(): Promise<void> {
    const { failure } = await this.del();
    await this.dispose();
    if (failure !== undefined) throw new Error(`DEL of ${this.name}: ${failure.msg}\n${failure.details}`);
  }

  /** The primary's DEL, and the namespace. */
  async dispose(): Promise<void> {
    if (this.#primaryRan || this.#options.primary === "veth") await this.callPrimary("DEL");
    await deleteNetns(this.netns);
  }

  #env(call: CallOptions): Record<string, string> {
    const { containerId = this.containerId, uid = this.uid } = call;
    const args = [
      "IgnoreUnknown=1",
      ...(call.anonymous === true
        ? []
        : [
            "K8S_POD_NAMESPACE=default",
            `K8S_POD_NAME=${this.name}`,
            `K8S_POD_INFRA_CONTAINER_ID=${containerId}`,
            `K8S_POD_UID=${uid}`,
          ]),
    ];
    return {
      CNI_CONTAINERID: containerId,
      CNI_NETNS: call.netns ?? this.path,
      CNI_IFNAME: call.ifName ?? this.ifName,
      CNI_ARGS: args.join(";"),
    };
  }

  #config(command: Command, call: CallOptions): Record<string, unknown> {
    const branch = call.branch ?? this.#options.branch;
    const annotations =
      "annotations" in call ? call.annotations : branch === undefined ? {} : { [podEni]: branch };
    const prevResult =
      call.prevResult === undefined
        ? command === "ADD"
          ? this.primaryResult
          : (this.result ?? this.primaryResult)
        : (call.prevResult ?? undefined);
    const config = {
      cniVersion: call.cniVersion ?? this.#options.cniVersion ?? "1.0.0",
      name: call.network ?? "ground",
      type: "branchline",
      enablePodENI: true,
      // There is no agent here, and nothing answers for the gateway.
      missingAnnotation: "pass",
      gatewayTimeout: 0,
      serviceCIDRs: services,
      trunk: { interface: "eth1" },
      pluginLogFile: path.join(this.#ground.scratch, "branchline.log"),
      pluginLogLevel: "debug",
      capabilities: { [podAnnotations]: true },
      runtimeConfig: annotations === undefined ? undefined : { [podAnnotations]: annotations },
      prevResult,
      ...this.#options.settings,
      ...call.settings,
    };
    // What is undefined is not written.
    return config;
  }
}
