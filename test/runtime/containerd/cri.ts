// The Container Runtime Interface over containerd's socket: what kubelet says to it.
import path from "node:path";
import {
  Client,
  credentials,
  loadPackageDefinition,
  status,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import type { ClientUnaryCall, ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface PodSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
}

export interface PortMapping {
  readonly container_port: number;
  readonly host_port: number;
}

/** Whose network or processes a container sees: the node's, its pod's, or its own. */
export interface NamespaceOption {
  readonly network: "POD" | "NODE";
  readonly pid: "CONTAINER" | "NODE";
}

export interface PodSandboxConfig {
  readonly metadata: PodSandboxMetadata;
  readonly hostname: string;
  readonly log_directory?: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly port_mappings: readonly PortMapping[];
  readonly linux: {
    readonly cgroup_parent: string;
    readonly security_context?: { readonly namespace_options: NamespaceOption };
  };
}

export interface ContainerMount {
  readonly container_path: string;
  readonly host_path: string;
  readonly readonly?: boolean;
  readonly propagation?: "PROPAGATION_PRIVATE" | "PROPAGATION_HOST_TO_CONTAINER";
}

export interface ContainerConfig {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly envs?: readonly { readonly key: string; readonly value: string }[];
  readonly mounts?: readonly ContainerMount[];
  /** Below the sandbox's log_directory. */
  readonly log_path?: string;
  readonly linux?: {
    readonly security_context: {
      readonly capabilities: {
        readonly add_capabilities: readonly string[];
        readonly drop_capabilities: readonly string[];
      };
      readonly namespace_options: NamespaceOption;
      readonly run_as_user: { readonly value: number };
      readonly readonly_rootfs: boolean;
      readonly masked_paths: readonly string[];
      readonly readonly_paths: readonly string[];
    };
  };
}

export interface SandboxStatus {
  readonly state: "SANDBOX_READY" | "SANDBOX_NOTREADY";
  /** IPv4 first; empty when containerd knows none. */
  readonly ips: readonly string[];
  /** Path of the network namespace; empty when it is gone. */
  readonly netns: string;
  /** Of the process that keeps the sandbox; 0 when it has ended. */
  readonly pid: number;
}

export interface ListedSandbox {
  readonly id: string;
  readonly metadata: PodSandboxMetadata;
  readonly state: SandboxStatus["state"];
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a caller waits. */
export interface Patience {
  /** Milliseconds. */
  readonly deadline?: number;
  /** Gives up at once, which is to the runtime what the end of a deadline is. */
  readonly signal?: AbortSignal;
}

/** Milliseconds. kubelet gives RunPodSandbox 4 minutes and others 2; thirty at once take longer in a guest on a busy host. */
const DEADLINE_MS = 600_000;

const proto = loadPackageDefinition(
  loadSync(path.join(import.meta.dirname, "cri.proto"), {
    keepCase: true,
    enums: String,
    longs: Number,
    defaults: true,
  }),
) as unknown as {
  runtime: { v1: Record<"RuntimeService" | "ImageService", ServiceClientConstructor> };
};

type Method = (
  request: object,
  options: { readonly deadline: number },
  callback: (error: ServiceError | null, response: unknown) => void,
) => ClientUnaryCall;

/** Whether a call ended because its deadline did; the server may be the first to see that. */
export function isTooLate(error: unknown): boolean {
  const { code } = error as ServiceError;
  return code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
}

export class Cri {
  readonly #runtime: Client;
  readonly #images: Client;

  constructor(socket: string) {
    const { RuntimeService, ImageService } = proto.runtime.v1;
    this.#runtime = new RuntimeService(`unix://${socket}`, credentials.createInsecure());
    this.#images = new ImageService(`unix://${socket}`, credentials.createInsecure());
  }

  close(): void {
    this.#runtime.close();
    this.#images.close();
  }

  /** True if somebody is listening and answers within five seconds; undefined otherwise. */
  async answers(): Promise<true | undefined> {
    try {
      await this.#call("Status", {}, { deadline: 5_000 });
      return true;
    } catch (error) {
      if (isTooLate(error) || (error as ServiceError).code === status.UNAVAILABLE) return undefined;
      throw error;
    }
  }

  /** Why the node is not ready for pods, by the conditions that kubelet looks at; undefined when it is. */
  async notReady(): Promise<string | undefined> {
    const looked = ["RuntimeReady", "NetworkReady"];
    const answer = await this.#call<{
      status: { conditions: readonly { type: string; status: boolean; message: string }[] };
    }>("Status", {});
    return answer.status.conditions.find(({ type, status: met }) => looked.includes(type) && !met)?.message;
  }

  /** The text of the list that pods of the default handler get, as it was loaded. */
  async defaultList(patience?: Patience): Promise<string | undefined> {
    const { Networks: networks } = JSON.parse((await this.#info(patience))["cniconfig"] ?? "{}") as {
      Networks?: readonly { readonly IFName: string; readonly Config: { readonly Source: string } }[];
    };
    return networks?.find(({ IFName: ifName }) => ifName === "eth0")?.Config.Source;
  }

  /** True once the lists of these runtime handlers are loaded; undefined until then. */
  async hasLoadedLists(handlers: readonly string[]): Promise<true | undefined> {
    const info = await this.#info();
    return handlers.every((handler) => info[`lastCNILoadStatus.${handler}`] === "OK") ? true : undefined;
  }

  /** containerd's own account of itself. */
  async #info(patience?: Patience): Promise<Readonly<Record<string, string>>> {
    const asked = this.#call<{ info: Readonly<Record<string, string>> }>(
      "Status",
      { verbose: true },
      patience,
    );
    return (await asked).info;
  }

  async hasImage(image: string): Promise<boolean> {
    const answer = await call<{ image: object | null }>(this.#images, "ImageStatus", { image: { image } });
    return answer.image !== null;
  }

  /** Gives the sandbox's id. */
  async runPodSandbox(config: PodSandboxConfig, handler: string, patience: Patience = {}): Promise<string> {
    const request = { config, runtime_handler: handler };
    const answer = await this.#call<{ pod_sandbox_id: string }>("RunPodSandbox", request, patience);
    return answer.pod_sandbox_id;
  }

  async stopPodSandbox(id: string): Promise<void> {
    await this.#call("StopPodSandbox", { pod_sandbox_id: id });
  }

  async removePodSandbox(id: string): Promise<void> {
    await this.#call("RemovePodSandbox", { pod_sandbox_id: id });
  }

  async podSandboxStatus(id: string): Promise<SandboxStatus> {
    const { status: found, info } = await this.#call<{
      status: {
        state: SandboxStatus["state"];
        network: { ip: string; additional_ips: readonly { ip: string }[] } | null;
      };
      info: Readonly<Record<string, string>>;
    }>("PodSandboxStatus", { pod_sandbox_id: id, verbose: true });
    const { ip = "", additional_ips: more = [] } = found.network ?? {};
    return {
      state: found.state,
      ips: [ip, ...more.map((each) => each.ip)].filter((each) => each !== ""),
      ...accountOf(info["info"] ?? "{}"),
    };
  }

  async listPodSandbox(): Promise<readonly ListedSandbox[]> {
    return (await this.#call<{ items: readonly ListedSandbox[] }>("ListPodSandbox", {})).items;
  }

  /** Creates and starts a container; gives its id. */
  async runContainer(
    sandbox: string,
    config: PodSandboxConfig,
    { name, image, ...container }: ContainerConfig,
  ): Promise<string> {
    const { container_id } = await this.#call<{ container_id: string }>("CreateContainer", {
      pod_sandbox_id: sandbox,
      sandbox_config: config,
      config: {
        metadata: { name, attempt: 0 },
        image: { image },
        ...container,
      },
    });
    await this.#call("StartContainer", { container_id });
    return container_id;
  }

  async execSync(container: string, cmd: readonly string[]): Promise<ExecResult> {
    const answer = await this.#call<{ exit_code: number; stdout: Buffer; stderr: Buffer }>("ExecSync", {
      container_id: container,
      cmd,
      timeout: 60,
    });
    return {
      exitCode: answer.exit_code,
      stdout: answer.stdout.toString("utf8"),
      stderr: answer.stderr.toString("utf8"),
    };
  }

  #call<T>(method: string, request: object, patience?: Patience): Promise<T> {
    return call<T>(this.#runtime, method, request, patience);
  }
}

function call<T>(
  client: Client,
  method: string,
  request: object,
  { deadline = DEADLINE_MS, signal }: Patience = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const methods = client as unknown as Record<string, Method>;
    const underWay = methods[method]?.call(
      client,
      request,
      { deadline: Date.now() + deadline },
      (error, response) => {
        if (error === null) resolve(response as T);
        else reject(error);
      },
    );
    signal?.addEventListener("abort", () => underWay?.cancel(), { once: true });
  });
}

/** containerd's own account of a sandbox, from its verbose status. */
function accountOf(info: string): Pick<SandboxStatus, "netns" | "pid"> {
  const { runtimeSpec, pid = 0 } = JSON.parse(info) as {
    pid?: number;
    runtimeSpec?: { linux?: { namespaces?: readonly { type: string; path?: string }[] } };
  };
  const network = runtimeSpec?.linux?.namespaces?.find(({ type }) => type === "network");
  return { netns: network?.path ?? "", pid };
}
