// Where a cluster's machines are: the simulated EC2 with its data plane, and in its instances' namespaces the nodes. It may be
// this machine's own kernel, in namespaces of their own, or a guest.
import type { Outcome } from "../../ground/run.ts";

/** An instance that runs. */
export interface Machine {
  readonly name: string;
  readonly instance: string;
  /** Its primary interface. */
  readonly eni: string;
  readonly address: string;
  /** Name of its namespace. */
  readonly netns: string;
}

export interface RunOptions {
  readonly input?: string;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a node is started with. */
export interface NodeFiles {
  /** The node's own files by their paths: kubelet's configuration, kubeconfigs. Those that are there are replaced. */
  readonly files: Readonly<Record<string, string>>;
  /** Archives of images to be imported, by paths that the site sees. */
  readonly images: readonly string[];
}

/** An ENI as the simulator's dump has it. */
export interface DumpedInterface {
  readonly id: string;
  readonly type: string;
  readonly description: string;
  readonly groups: readonly string[];
  readonly addresses: readonly string[];
  readonly association?: string;
  readonly attachment?: { readonly instance: string; readonly status: string; readonly deviceIndex: number };
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

export interface DumpedInstance {
  readonly id: string;
  readonly state: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

export interface DumpedRule {
  readonly id: string;
  readonly egress: boolean;
}

export interface DumpedGroup {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly DumpedRule[];
}

/** The world, as far as tests look. */
export interface Dump {
  readonly interfaces: readonly DumpedInterface[];
  readonly instances: readonly DumpedInstance[];
  readonly groups: readonly DumpedGroup[];
  readonly associations: readonly {
    readonly id: string;
    readonly branch: string;
    readonly trunk: string;
    readonly vlan: number;
  }[];
}

/** All of it by value, so that it may be a guest that is asked. */
export interface Site {
  /** Address of the simulated EC2 for those who run where the control plane runs. */
  readonly ec2: string;
  machines(): Promise<readonly Machine[]>;
  /** Runs a command on a machine: in its network, and as a node in its mounts and processes too. */
  run(machine: string, argv: readonly [string, ...string[]], options?: RunOptions): Promise<Outcome>;
  /** Boots a node: runtime, kubelet, kube-proxy. Its disk is the one of its last run. */
  startNode(machine: string, node: NodeFiles): Promise<void>;
  /** Ends everything that runs on a node at once, as a power cut would. */
  killNode(machine: string): Promise<void>;
  /** Throws with the end of a node's log if it has ended by itself. */
  checkNode(machine: string): Promise<void>;
  /** A file of a node's log directory. */
  nodeLog(machine: string, name: string): Promise<string>;
  dump(): Promise<Dump>;
  /** Asks the simulator's control endpoint. */
  control(method: string, what: string, body?: object): Promise<unknown>;
  close(): Promise<void>;
}

/** How the simulator's dump writes a map. */
interface Mapped {
  readonly map: readonly (readonly [string, unknown])[];
}

/** Reads what GET /dump answers. */
export function readDump(answer: unknown): Dump {
  const { world } = answer as { readonly world: Readonly<Record<string, Mapped>> };
  const listOf = (name: string) => (world[name]?.map ?? []).map(([, value]) => value);
  return {
    interfaces: listOf("interfaces"),
    instances: listOf("instances"),
    groups: listOf("groups"),
    associations: listOf("associations"),
  } as Dump;
}

/** The running instances of a dump, by their Name tags. */
export function machinesOf({ instances, interfaces }: Dump, prefix: string): Machine[] {
  return instances
    .filter(({ state }) => state === "running")
    .map(({ id, tags }) => {
      const primary = interfaces.find(
        ({ attachment }) => attachment?.instance === id && attachment.deviceIndex === 0,
      );
      return {
        name: tags.find(({ key }) => key === "Name")?.value ?? id,
        instance: id,
        eni: primary?.id ?? "",
        address: primary?.addresses[0] ?? "",
        netns: `${prefix}-${id}`,
      };
    });
}
