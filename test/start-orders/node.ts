import type { ListFile } from "../../src/agent/install/list.ts";
import type { Said } from "../../src/agent/trunk/find.ts";
import { isArray, isObject, member, type JsonObject } from "../../src/text/json.ts";
import type { AgentProcess, Answer } from "./agent-process.ts";
import type { Circumstances } from "./circumstances.ts";
import type { ModelClock } from "./clock.ts";

export const NODE = "node-1";
export const OUR_LIST = "05-branchline.conflist";
const TRUNK = { id: "eni-0abcdef0123456789", mac: "02:aa:00:00:00:01" } as const;

/** As aws-node writes it. */
const AWS_LIST = {
  name: "10-aws.conflist",
  mode: 0o644,
  text: JSON.stringify({
    cniVersion: "0.4.0",
    name: "aws-cni",
    disableCheck: true,
    plugins: [
      { name: "aws-cni", type: "aws-cni", vethPrefix: "eni", mtu: "9001", podSGEnforcingMode: "strict" },
      { name: "egress-cni", type: "egress-cni", mtu: "9001", enabled: "false" },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  }),
} as const satisfies ListFile;

/** aws-node writes its list in place: for a moment it is empty. */
const AWS_WRITES_MS = 50;
/** From aws-node's start until it writes its list. */
const AWS_STARTS_MS = 1_000;
/** How late aws-node's introspection knows a new trunk. */
const INTROSPECTION_LAG_MS = 30_000;

/** The node's disk and runtime, aws-node, and the place of the agent's socket. */
export class ModelNode {
  readonly clock: ModelClock;
  readonly trace: (line: () => string) => void;
  hasExecutable = false;
  /** The MAC in trunk.json. */
  trunkFile: string | undefined;
  /** Of the pods' UIDs, the ENIs that our plugin has attached. */
  readonly records = new Map<string, string>();
  socket: { readonly agent: AgentProcess; readonly answer: Answer } | undefined;
  agent: AgentProcess | undefined;
  /** What the runtime has loaded; undefined when it cannot start a pod. */
  list: JsonObject | undefined;
  /** When EC2 attached the trunk. */
  trunkSince: number | undefined;
  /** Called when the runtime has loaded another list. */
  loaded: () => void = () => undefined;
  private readonly mode: Circumstances["mode"];
  private readonly places = {
    runtime: new Map<string, ListFile>(),
    primary: new Map<string, ListFile>(),
  };
  private isAwsNodeUp = false;

  constructor(clock: ModelClock, { mode }: Circumstances, trace: (line: () => string) => void) {
    this.clock = clock;
    this.mode = mode;
    this.trace = trace;
  }

  /** Files of the directory that the runtime reads, or of the one in which aws-node writes. */
  filesOf(place: "runtime" | "primary"): ReadonlyMap<string, ListFile> {
    return this.places[place];
  }

  write(place: "runtime" | "primary", file: ListFile): void {
    this.places[place].set(file.name, file);
    if (place === "runtime") this.load();
    // By a thread of the kernel's, after the write has returned.
    const heard = this.agent?.watchers.filter(({ directory }) => directory === place) ?? [];
    for (const watcher of heard) this.clock.after(0, () => watcher.heard("rename", file.name));
  }

  /** What a reboot leaves of an earlier life: /etc and /opt, nothing in /run. */
  leaveLists(ours: ListFile): void {
    this.hasExecutable = true;
    this.write(this.awsPlace, AWS_LIST);
    this.write("runtime", ours);
  }

  startAwsNode(): void {
    this.clock.after(AWS_STARTS_MS, () => {
      this.trace(() => `aws-node writes ${AWS_LIST.name}`);
      this.isAwsNodeUp = true;
      this.write(this.awsPlace, { ...AWS_LIST, text: "" });
      this.clock.after(AWS_WRITES_MS, () => this.write(this.awsPlace, AWS_LIST));
    });
  }

  /** Whether the runtime looks at our list, and it asks for branches. */
  get asksForBranches(): boolean {
    return pluginsOf(this.list).some(
      (plugin) => plugin["type"] === "branchline" && plugin["enablePodENI"] === true,
    );
  }

  introspection(): Said<readonly string[]> {
    if (!this.isAwsNodeUp) return { problem: "connect ECONNREFUSED 127.0.0.1:61679" };
    const isKnown = this.trunkSince !== undefined && this.clock.now - this.trunkSince >= INTROSPECTION_LAG_MS;
    return { found: isKnown ? [TRUNK.id] : [] };
  }

  /** MACs by ENI, as instance metadata has them. */
  macs(): ReadonlyMap<string, string> {
    const primary = ["eni-00000000000000001", "02:aa:00:00:00:00"] as const;
    return new Map(this.trunkSince === undefined ? [primary] : [primary, [TRUNK.id, TRUNK.mac]]);
  }

  /** As EKS writes it into the CNINode. */
  get trunkStatus(): object {
    return { id: TRUNK.id, macAddress: TRUNK.mac };
  }

  /** Whether our plugin finds the trunk. */
  get hasUsableTrunk(): boolean {
    return this.trunkSince !== undefined && this.trunkFile === TRUNK.mac;
  }

  private get awsPlace(): "runtime" | "primary" {
    return this.mode === "closed" ? "primary" : "runtime";
  }

  /** As containerd: the first file by name, and no list at all if that one cannot be read. */
  private load(): void {
    const [first] = [...this.places.runtime.values()]
      .filter(({ name }) => /\.(conf|conflist|json)$/.test(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    this.list = first === undefined ? undefined : parsed(first.text);
    this.loaded();
  }
}

export function pluginsOf(list: JsonObject | undefined): readonly JsonObject[] {
  const plugins = list === undefined ? undefined : member(list, "plugins");
  return isArray(plugins) ? plugins.filter(isObject) : [];
}

function parsed(text: string): JsonObject | undefined {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return undefined;
  }
}
