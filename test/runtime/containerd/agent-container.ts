// The agent as kubelet has it run by the chart: a container of containerd's, with the pod's namespaces, the container's
// security context and its volumes as the rendered DaemonSet says them.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { EXECUTABLE, layOutImage } from "../../api/support/image-root.ts";
import { LEAST, render } from "../../api/support/chart.ts";
import { eventually, must } from "../../ground/index.ts";
import { run } from "../../ground/run.ts";
import type { PlayedApi } from "../../ground/kubernetes/played-api.ts";
import type { ContainerConfig, ContainerMount, NamespaceOption, PodSandboxConfig } from "./cri.ts";
import { imageName } from "./image.ts";
import type { KubeNode } from "./node.ts";
import { podsCgroup } from "./pods.ts";

export const NODE = "node-1";

/** What kubelet asks for where a pod says nothing of procMount (pkg/securitycontext/util.go in k8s.io/kubernetes). */
const MASKED = [
  "acpi",
  "asound",
  "kcore",
  "keys",
  "latency_stats",
  "scsi",
  "sched_debug",
  "timer_list",
  "timer_stats",
];
const READ_ONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/** The part of a pod's spec that is played. */
export interface AgentPod {
  readonly hostNetwork: boolean;
  readonly hostPID?: boolean;
  readonly volumes: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string };
    readonly configMap?: { readonly name: string };
  }[];
  readonly containers: readonly [
    {
      readonly args: readonly string[];
      readonly securityContext: {
        readonly runAsUser: number;
        readonly readOnlyRootFilesystem: boolean;
        readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
      };
      readonly volumeMounts: readonly {
        readonly name: string;
        readonly mountPath: string;
        readonly readOnly?: boolean;
        readonly mountPropagation?: string;
      }[];
    },
  ];
}

/** The pod of the chart's DaemonSet, and its entry of the list. */
export async function agentPodOf(
  values: object,
): Promise<{ readonly pod: AgentPod; readonly entry: string }> {
  const objects = await render({ ...LEAST, ...values }, { name: "branchline", namespace: "kube-system" });
  const of = (kind: string) =>
    objects.find((one) => one.kind === kind && one.metadata.name === "branchline-agent");
  const { template } = (of("DaemonSet")?.spec ?? {}) as { template: { spec: AgentPod } };
  const { data } = of("ConfigMap") as unknown as { data: { "entry.json": string } };
  return { pod: template.spec, entry: data["entry.json"] };
}

/** The image's files below a directory: they are mounted, since unpacking takes long in an emulated guest. */
export async function layOutAgent(node: KubeNode): Promise<void> {
  await layOutImage(path.join(node.scratch, "image"));
  // As systemd does it at boot: without it a runtime refuses HostToContainer.
  await must(["mount", "--make-rshared", "/run"]);
}

export interface AgentOptions {
  readonly pod: AgentPod;
  readonly entry: string;
  readonly api: PlayedApi;
  /** The node's directories that stand for others: by the chart's path. */
  readonly paths: Readonly<Record<string, string>>;
}

let started = 0;

export class AgentContainer {
  readonly #log: string;

  private constructor(log: string) {
    this.#log = log;
  }

  /** Starts it; it goes with its sandbox, or with all of them. */
  static async start(node: KubeNode, { pod, entry, api, paths }: AgentOptions): Promise<AgentContainer> {
    const [container] = pod.containers;
    const name = `agent-${(started += 1)}`;
    const directory = path.join(node.scratch, name);
    mkdirSync(directory);
    writeFileSync(path.join(directory, "entry.json"), entry);
    writeFileSync(path.join(directory, "kubeconfig"), api.kubeconfig);
    const mounts = container.volumeMounts.map(
      ({ name: of, mountPath, readOnly = false, mountPropagation }): ContainerMount => {
        const volume = pod.volumes.find((one) => one.name === of);
        const found = volume?.hostPath?.path;
        const host_path = volume?.configMap !== undefined ? directory : (paths[found ?? ""] ?? found ?? "");
        // DirectoryOrCreate.
        mkdirSync(host_path, { recursive: true });
        return {
          container_path: mountPath,
          host_path,
          readonly: readOnly,
          propagation:
            mountPropagation === "HostToContainer" ? "PROPAGATION_HOST_TO_CONTAINER" : "PROPAGATION_PRIVATE",
        };
      },
    );
    const image = ["lib", "lib64", "usr"].map((part) => ({
      container_path: `/${part}`,
      host_path: path.join(node.scratch, "image", part),
      readonly: true,
    }));
    const namespaces: NamespaceOption = {
      network: pod.hostNetwork ? "NODE" : "POD",
      pid: pod.hostPID === true ? "NODE" : "CONTAINER",
    };
    const config: PodSandboxConfig = {
      metadata: { name, uid: name, namespace: "kube-system", attempt: 0 },
      // As kubelet has it for the node's network.
      hostname: "",
      log_directory: directory,
      annotations: {},
      port_mappings: [],
      linux: { cgroup_parent: podsCgroup, security_context: { namespace_options: namespaces } },
    };
    const { capabilities, runAsUser, readOnlyRootFilesystem } = container.securityContext;
    const { cri } = node.containerd;
    const sandbox = await cri.runPodSandbox(config, "");
    await cri.runContainer(sandbox, config, {
      name: "agent",
      image: imageName,
      command: [EXECUTABLE],
      args: container.args,
      envs: [
        { key: "NODE_NAME", value: NODE },
        { key: "KUBECONFIG", value: "/etc/branchline/kubeconfig" },
        // Nothing answers there.
        { key: "AWS_EC2_METADATA_SERVICE_ENDPOINT", value: "http://127.0.0.1:1" },
      ],
      mounts: [...image, ...mounts],
      log_path: "agent.log",
      linux: {
        security_context: {
          capabilities: { add_capabilities: capabilities.add, drop_capabilities: capabilities.drop },
          namespace_options: namespaces,
          run_as_user: { value: runAsUser },
          readonly_rootfs: readOnlyRootFilesystem,
          masked_paths: MASKED.map((each) => `/proc/${each}`),
          readonly_paths: READ_ONLY.map((each) => `/proc/${each}`),
        },
      },
    } satisfies ContainerConfig);
    return new AgentContainer(path.join(directory, "agent.log"));
  }

  /** What it has said last. */
  async log(): Promise<string> {
    return (await run(["tail", "-n", "20", this.#log])).stdout;
  }

  /** Its conditions, by name: `+`, or why it is not met; empty until it answers. */
  async conditions(): Promise<ReadonlyMap<string, string>> {
    const text = await pageOf("http://127.0.0.1:61680/readyz");
    return new Map(
      [...text.matchAll(/^\[(?<sign>[+-])\](?<name>\w+)(?:: (?<why>.*))?$/gm)].map(({ groups = {} }) => [
        groups["name"] ?? "",
        groups["sign"] === "+" ? "+" : (groups["why"] ?? ""),
      ]),
    );
  }

  /** Waits until a condition is looked at, and gives `+` or why it is not met. */
  async condition(name: string): Promise<string> {
    try {
      return await eventually(
        name,
        async () => {
          const said = (await this.conditions()).get(name);
          return said === "not yet looked at" ? undefined : said;
        },
        120_000,
      );
    } catch (error) {
      throw new Error(`${String(error)}; its log:\n${await this.log()}`, { cause: error });
    }
  }

  /** A figure of /metrics; undefined until it answers. */
  async figure(name: string): Promise<number | undefined> {
    const text = await pageOf("http://127.0.0.1:61681/metrics");
    const value = new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  }
}

async function pageOf(url: string): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch {
    return "";
  }
}
