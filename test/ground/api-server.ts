// A real API server: etcd, kube-apiserver and, if wanted, kube-controller-manager and kube-scheduler, with TLS, RBAC and an
// audit log; on loopback unless there are nodes. test/setup/kubernetes.sh makes the programs.
import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { kubernetesDirectory } from "../setup/kubernetes.ts";
import { ApiAccess } from "./kubernetes/access.ts";
import { METADATA_POLICY } from "./kubernetes/audit.ts";
import { ApiClient } from "./kubernetes/client.ts";
import { Daemon } from "./kubernetes/daemon.ts";
import { etcdDataIn, flagsOf, type Part, type Setting } from "./kubernetes/flags.ts";
import { readKubeconfig } from "./kubernetes/kubeconfig.ts";
import { freePort } from "./kubernetes/ports.ts";
import { prepare } from "./kubernetes/prepare.ts";
import { keptDirectory, type Scratch } from "./kubernetes/scratch.ts";

export interface ApiServerOptions {
  /**
   * Whether there is a controller manager: default service accounts, deletion of namespaces, garbage collection,
   * Deployments. Without it, a pod needs no service account.
   */
  readonly controllerManager?: boolean;
  /**
   * By which nodes with kubelets reach it. Then it listens on all addresses (the caller is in a network of its own), there
   * are a scheduler and a controller manager, and a node that is not heard from is not ready.
   */
  readonly nodesAddress?: string;
  /** The audit log's policy; unless told, every request is in it by its metadata. */
  readonly audit?: object | false;
  /** More flags for a part. The last one of a name counts. */
  readonly flags?: Partial<Readonly<Record<Part, readonly string[]>>>;
  /** Milliseconds that the start of a part may take; two minutes unless told, for a busy machine. */
  readonly timeout?: number;
  /** Where ports come from that are free now, but may be taken before they are bound. */
  readonly port?: () => Promise<number>;
}

type Signal = "SIGTERM" | "SIGKILL";

/** How often the start is tried when somebody else takes a port between the look and the bind. */
const TRIES = 5;
const IN_USE = /address already in use/;

/** Starts one, and waits until it does its work. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { audit = METADATA_POLICY, nodesAddress, port = freePort } = options;
  const withControllerManager = options.controllerManager ?? nodesAddress !== undefined;
  const scratch = keptDirectory("api");
  try {
    const settingWith = await prepare(scratch.path, { audit, withControllerManager, nodesAddress });
    for (let tries = 1; ; tries += 1) {
      const setting = settingWith({ etcdPort: await port(), port: await port() });
      const server = new ApiServer(scratch, setting, options);
      try {
        await server.up();
        return server;
      } catch (error) {
        await server.down(undefined, "SIGKILL");
        if (tries === TRIES || !IN_USE.test(String(error))) throw error;
        rmSync(etcdDataIn(scratch.path), { recursive: true, force: true });
      }
    }
  } catch (error) {
    await scratch.remove();
    throw error;
  }
}

export class ApiServer extends ApiAccess implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #timeout: number;
  /** In the order in which they start. */
  readonly #daemons: ReadonlyMap<Part, Daemon>;
  /** Impatient: a server that hangs is asked again. */
  readonly #probe: ApiClient;

  constructor(scratch: Scratch, setting: Setting, { flags = {}, timeout = 120_000 }: ApiServerOptions) {
    super(scratch.path);
    this.#scratch = scratch;
    this.#timeout = timeout;
    this.#probe = new ApiClient(readKubeconfig(this.adminKubeconfig), 5_000);
    const parts: readonly Part[] = [
      "etcd",
      "kube-apiserver",
      ...(setting.withControllerManager ? (["kube-controller-manager"] as const) : []),
      ...(setting.nodes === undefined ? [] : (["kube-scheduler"] as const)),
    ];
    this.#daemons = new Map(
      parts.map((part) => {
        const argv = [programOf(part), ...flagsOf(part, setting), ...(flags[part] ?? [])] as const;
        return [part, new Daemon(part, argv, this.log(part))];
      }),
    );
  }

  /** Process ids of what is running. */
  get pids(): Partial<Record<Part, number>> {
    return Object.fromEntries(
      [...this.#daemons].flatMap(([part, { pid }]) => (pid === undefined ? [] : [[part, pid]])),
    );
  }

  /** The file to which a part's output is appended. */
  log(part: Part): string {
    return path.join(this.directory, `${part}.log`);
  }

  /** Sends a signal, such as SIGSTOP and SIGCONT, to a part. */
  signal(part: Part, signal: NodeJS.Signals): void {
    this.#daemonOf(part).signal(signal);
  }

  /** Ends parts, all unless told, and waits until they have ended. */
  async down(parts: readonly Part[] = [...this.#daemons.keys()], signal: Signal = "SIGTERM"): Promise<void> {
    // An API server without etcd takes long to end, so etcd goes last.
    for (const [part, daemon] of [...this.#daemons].toReversed())
      if (parts.includes(part)) await daemon.end(signal);
  }

  /** Starts parts, all unless told, with the same ports and data, and waits until they work. */
  async up(parts: readonly Part[] = [...this.#daemons.keys()]): Promise<void> {
    for (const [part, daemon] of this.#daemons) {
      if (!parts.includes(part)) continue;
      if (!daemon.isRunning) daemon.start();
      await daemon.ready(() => this.#lacks(part), this.#timeout);
    }
    // It has to find an etcd that has gone and come back.
    const server = this.#daemonOf("kube-apiserver");
    if (server.isRunning) await server.ready(() => this.#lacks("kube-apiserver"), this.#timeout);
    // Its connections may be broken.
    this.admin.close();
  }

  /** Ends parts, all unless told, and starts them again. */
  async restart(parts?: readonly Part[], signal: Signal = "SIGKILL"): Promise<void> {
    await this.down(parts, signal);
    await this.up(parts);
  }

  /** Ends everything and removes the directory. */
  async stop(): Promise<void> {
    this.#probe.close();
    this.admin.close();
    await this.down(undefined, "SIGKILL");
    await this.#scratch.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #daemonOf(part: Part): Daemon {
    const daemon = this.#daemons.get(part);
    if (daemon === undefined) throw new Error(`this API server has no ${part}`);
    return daemon;
  }

  async #lacks(part: Part): Promise<string | undefined> {
    switch (part) {
      case "etcd":
        // Not asked over its port, which may be another etcd's.
        return this.#daemonOf("etcd").said.includes("ready to serve client requests")
          ? undefined
          : "it does not serve";
      case "kube-apiserver":
        // The second one is read from etcd.
        return (
          (await this.#missing("/readyz?verbose")) ?? (await this.#missing("/api/v1/namespaces/default"))
        );
      case "kube-controller-manager":
        // After the first time the account is there already.
        if (!this.#daemonOf(part).said.includes("Starting service account controller"))
          return "it does not control";
        return this.#missing("/api/v1/namespaces/default/serviceaccounts/default");
      case "kube-scheduler":
        // It says nothing at its start; who needs it waits for a pod.
        return undefined;
    }
  }

  /** Why a path is not answered with 200. */
  async #missing(url: string): Promise<string | undefined> {
    try {
      const { status, body } = await this.#probe.request("GET", url);
      if (status === 200) return undefined;
      const failed = String(body).match(/^\[-\].*$/gm) ?? [];
      return `${url} answers ${status} ${failed.join(", ")}`;
    } catch (error) {
      return `${url}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

function programOf(part: Part): string {
  const program = path.join(kubernetesDirectory(), part);
  if (!existsSync(program)) throw new Error(`no ${program}: run test/setup/kubernetes.sh ${part}`);
  return program;
}
