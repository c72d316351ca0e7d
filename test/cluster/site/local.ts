// A site on the kernel that this process runs on. The process has a network and mounts of its own (test/native/namespaces.ts,
// or a guest): it changes both.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { exec } from "../../ground/netns.ts";
import { distDirectory } from "../../ground/executable.ts";
import { run, type Outcome } from "../../ground/run.ts";
import { callEc2, control, SimulatedEc2 } from "../../ground/simulated-ec2.ts";
import { RunningNode } from "../node/running-node.ts";
import { CONTROL_PLANE } from "../world.ts";
import { EC2_PORT, openGate, SITE_ADDRESS } from "./gate.ts";
import {
  machinesOf,
  readDump,
  type Dump,
  type Machine,
  type NodeFiles,
  type RunOptions,
  type Site,
} from "./site.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const PREFIX = "sim";
/** Disks and logs of the nodes. */
const NODES = "/run/cluster";
/** Addresses of a node's pods come in such blocks of 16. */
const PREFIXES = 4;

export interface LocalOptions {
  /** A world file's text. */
  readonly world: string;
  /** Where the API server is, as the control plane's instance reaches it. */
  readonly api: { readonly address: string; readonly port: number };
  /** A guest's device to the machine outside, and the port there by which it asks the site. */
  readonly outside?: { readonly nic: string; readonly port: number };
  readonly hear?: (line: string) => void;
}

export class LocalSite implements Site, AsyncDisposable {
  readonly #simulator: SimulatedEc2;
  readonly #nodes = new Map<string, RunningNode>();

  private constructor(simulator: SimulatedEc2) {
    this.#simulator = simulator;
  }

  static async open({ world, api, outside, hear }: LocalOptions): Promise<LocalSite> {
    const simulator = await SimulatedEc2.start({
      program: path.join(ROOT, distDirectory, "branchline"),
      world,
      // The instance `control-plane` leads to it, and nobody else is in this network.
      flags: ["--listen", `0.0.0.0:${EC2_PORT}`, "--data-plane", "--namespace-prefix", PREFIX],
      ...(hear !== undefined && { hear }),
    });
    const site = new LocalSite(simulator);
    try {
      const ec2 = { port: EC2_PORT, to: `${SITE_ADDRESS}:${EC2_PORT}` };
      await openGate({
        controlPlane: await site.#machine(CONTROL_PLANE),
        doors: [ec2, { port: api.port, to: `${api.address}:${api.port}` }],
        ...(outside !== undefined && {
          nic: outside.nic,
          inside: [ec2, { port: outside.port, to: `${SITE_ADDRESS}:${outside.port}` }],
        }),
      });
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  get ec2(): string {
    return `http://127.0.0.1:${EC2_PORT}`;
  }

  async machines(): Promise<readonly Machine[]> {
    return machinesOf(await this.dump(), PREFIX);
  }

  async run(
    machine: string,
    argv: readonly [string, ...string[]],
    options: RunOptions = {},
  ): Promise<Outcome> {
    const node = this.#nodes.get(machine);
    if (node !== undefined) return run(node.inside(argv), options);
    return exec((await this.#machine(machine)).netns, argv, options);
  }

  async startNode(name: string, { files, images }: NodeFiles): Promise<void> {
    if (this.#nodes.has(name)) throw new Error(`${name} runs already`);
    const machine = await this.#machine(name);
    const disk = path.join(NODES, name);
    for (const [file, text] of Object.entries({ ...files, ...(await this.#metadata(machine)) })) {
      const target = path.join(disk, "etc", path.relative("/etc", file));
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
    this.#nodes.set(name, await RunningNode.start({ name, netns: machine.netns, disk, images }));
  }

  async killNode(name: string): Promise<void> {
    const node = this.#nodes.get(name);
    this.#nodes.delete(name);
    await node?.kill();
  }

  async checkNode(name: string): Promise<void> {
    this.#nodes.get(name)?.check();
    return Promise.resolve();
  }

  nodeLog(name: string, file: string): Promise<string> {
    return Promise.resolve(readFileSync(path.join(NODES, name, "log", file), "utf8"));
  }

  async dump(): Promise<Dump> {
    return readDump(await this.control("GET", "dump"));
  }

  control(method: string, what: string, body?: object): Promise<unknown> {
    return control(this.#simulator.endpoints.control, method, what, body);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes.keys()].map((name) => this.killNode(name)));
    await this.#simulator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #machine(name: string): Promise<Machine> {
    const found = (await this.machines()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`no instance "${name}" runs`);
    return found;
  }

  /**
   * What aws-node would ask EC2 for, and read from instance metadata: the prefixes of the primary interface. A node that has
   * run keeps its own.
   */
  async #metadata({ eni }: Machine): Promise<Record<string, string>> {
    const described = () =>
      callEc2(this.ec2, "DescribeNetworkInterfaces", { "NetworkInterfaceId.1": eni }).then((xml) =>
        [...xml.matchAll(/<ipv4Prefix>([^<]+)<\/ipv4Prefix>/g)].map(([, prefix = ""]) => prefix),
      );
    let prefixes = await described();
    if (prefixes.length === 0) {
      const params = { NetworkInterfaceId: eni, Ipv4PrefixCount: String(PREFIXES) };
      await callEc2(this.ec2, "AssignPrivateIpAddresses", params);
      prefixes = await described();
    }
    return { "/etc/aws-node/prefixes": `${prefixes.join("\n")}\n` };
  }
}
