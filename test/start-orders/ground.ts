import type { ListFile, ListOptions, ListState } from "../../src/agent/install/list.ts";
import { planList } from "../../src/agent/install/list.ts";
import type { SocketOptions } from "../../src/agent/answer/socket.ts";
import type { Said, Trunk } from "../../src/agent/trunk/find.ts";
import type { AgentProcess } from "./agent-process.ts";

/**
 * What stands in for the agent's modules that touch the node: files, socket, introspection, metadata. Each function has
 * the name and the shape of the one in whose place it is. Everything else of the agent is its own code.
 */

const processes = new Map<string, AgentProcess>();

export function enter(agent: AgentProcess): void {
  processes.set(agent.directory.slice(1), agent);
}

/** Forgets all processes of a run. */
export function leave(): void {
  processes.clear();
}

/** Whose path it is. */
function processOf(path: string): AgentProcess {
  const found = processes.get(path.split("/")[1] ?? "");
  if (found === undefined) throw new Error(`${path} belongs to no process of the run`);
  return found;
}

/** src/agent/install/executable.ts */
export class Executable {
  readonly path: string;

  constructor(_source: string, directory: string) {
    this.path = directory;
  }

  install(): boolean {
    const agent = processOf(this.path);
    const { node } = agent;
    if (node.hasExecutable) return false;
    agent.do("installs the executable", () => (node.hasExecutable = true));
    return true;
  }
}

/** src/agent/install/directory.ts */
export function installList(directory: string, options: ListOptions, primary = directory): ListState {
  const agent = processOf(directory);
  const filesOf = (path: string): ListFile[] => [...agent.node.filesOf(placeOf(path)).values()];
  const state = planList(filesOf(directory), options, filesOf(primary));
  const { plan } = state;
  if (plan.action !== "write") return state;
  const { name, text, mode } = plan;
  agent.do(`writes ${name}`, () => agent.node.write(placeOf(directory), { name, text, mode }));
  return state;
}

function placeOf(path: string): "runtime" | "primary" {
  return path.endsWith("/primary") ? "primary" : "runtime";
}

/** node:fs, for src/agent/changes.ts. */
export function watch(directory: string, heard: (event: string, name: string) => void) {
  const { watchers } = processOf(directory);
  const watcher = { directory: placeOf(directory), heard };
  watchers.push(watcher);
  return {
    on: () => undefined,
    close: () => void watchers.splice(watchers.indexOf(watcher), 1),
  };
}

/** src/agent/answer/socket.ts */
export class AgentSocket {
  private readonly agent: AgentProcess;
  private asked = 0;
  private idle: (() => void) | undefined;

  private constructor(agent: AgentProcess) {
    this.agent = agent;
  }

  static async open({ stateDirectory, answer }: SocketOptions): Promise<AgentSocket> {
    const agent = processOf(stateDirectory);
    const socket = new AgentSocket(agent);
    agent.do("listens", () => {
      agent.node.socket = {
        agent,
        answer: async (question) => {
          socket.asked += 1;
          try {
            return await answer(question);
          } finally {
            socket.asked -= 1;
            if (socket.asked === 0) socket.idle?.();
          }
        },
      };
    });
    return socket;
  }

  get isThere(): boolean {
    return this.agent.node.socket?.agent === this.agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isThere) this.agent.do("closes the socket", () => (this.agent.node.socket = undefined));
    if (this.asked === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.idle = resolve;
    await promise;
  }
}

/** src/agent/trunk/record.ts */
export function recordTrunk(stateDirectory: string, { mac }: Trunk): boolean {
  const agent = processOf(stateDirectory);
  if (agent.node.trunkFile === mac) return false;
  agent.do("writes trunk.json", () => (agent.node.trunkFile = mac));
  return true;
}

/** src/agent/trunk/sources.ts */
export async function askIntrospection(endpoint = ""): Promise<Said<readonly string[]>> {
  return processOf(endpoint).node.introspection();
}

export async function askMetadata(endpoint = ""): Promise<Said<ReadonlyMap<string, string>>> {
  return { found: processOf(endpoint).node.macs() };
}

/** src/agent/attachments/known.ts */
export class KnownAttachments {
  private readonly stateDirectory: string;

  constructor({ stateDirectory }: { readonly stateDirectory: string }) {
    this.stateDirectory = stateDirectory;
  }

  uidsOf(): ReadonlySet<string> {
    return new Set(processOf(this.stateDirectory).node.records.keys());
  }
}

/** Here no pod has its branch of aws-cni. */
export function vlanIdsOnNode(): ReadonlySet<number> {
  return new Set();
}

/** What is for pods that have their branch already: src/agent/attachments/routes.ts, collector.ts, src/agent/unenforced.ts. */
class Idle {
  readonly restored = 0;
  readonly collected = 0;
  readonly count = 0;

  async run(): Promise<void> {
    // Nothing of it is modelled.
  }
}

export { Idle as Collector, Idle as RouteKeeper, Idle as UnenforcedPolicies };

/** src/agent/figures.ts */
export function agentMetrics() {
  return { metrics: undefined, answered: () => undefined };
}
