// A pod as kubelet has it: one UID, and a sandbox for each attempt.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path, { basename } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import { podEni, type Branch } from "../../ground/index.ts";
import type { Containerd } from "./daemon.ts";
import type { ExecResult, Patience, PodSandboxConfig, PortMapping, SandboxStatus } from "./cri.ts";
import { imageName } from "./image.ts";
import type { Plugin, PluginCall, Plugins } from "./plugins.ts";

/** The cgroup of all pods, as kubelet has its `/kubepods`. */
export const podsCgroup = "/kubepods";

export interface PodOptions {
  readonly name: string;
  /** The runtime handler, which says the CNI list: "" for the default one. */
  readonly handler: string;
  readonly branch?: Branch;
  /** In place of the branch's own. */
  readonly annotation?: string;
  readonly portMappings?: readonly PortMapping[];
  /** One that the API server gave; unless told, no other pod of the tests has it. */
  readonly uid?: string | undefined;
}

/** What a pod needs of its node. */
export interface PodGround {
  readonly containerd: Containerd;
  readonly plugins: Plugins;
  /** Where the stand-in for aws-cni looks for the addresses of a pod. */
  readonly addressDir: string;
  /** A secondary address of the node's ENI that no pod had yet: aws-cni gives each sandbox another. */
  nextAddress(): string;
  /** No two pods have the same, also of one name. */
  nextUid(): string;
}

export class Pod {
  readonly name: string;
  readonly handler: string;
  readonly branch: Branch | undefined;
  readonly uid: string;
  readonly #ground: PodGround;
  readonly #options: PodOptions;
  #attempts = 0;

  constructor(ground: PodGround, options: PodOptions) {
    this.#ground = ground;
    this.#options = options;
    this.name = options.name;
    this.handler = options.handler;
    this.branch = options.branch;
    this.uid = options.uid ?? ground.nextUid();
  }

  /** RunPodSandbox, with the next attempt. */
  async run(patience: Patience = {}): Promise<Sandbox> {
    const { containerd, addressDir } = this.#ground;
    const { annotation = this.branch?.annotation, portMappings = [] } = this.#options;
    const primary = this.#ground.nextAddress();
    const config: PodSandboxConfig = {
      metadata: { name: this.name, uid: this.uid, namespace: "shop", attempt: this.#attempts++ },
      hostname: this.name,
      annotations: annotation === undefined ? {} : { [podEni]: annotation },
      port_mappings: portMappings,
      linux: { cgroup_parent: podsCgroup },
    };
    mkdirSync(addressDir, { recursive: true });
    const addressFile = path.join(addressDir, `shop.${this.name}`);
    writeFileSync(addressFile, `${primary}\n`);
    try {
      const id = await containerd.cri.runPodSandbox(config, this.handler, patience);
      return new Sandbox(containerd, id, config, primary);
    } finally {
      rmSync(addressFile, { force: true });
    }
  }

  /** How a plugin was called for this pod, in order: `DEL, no namespace, no prevResult`. */
  callsOf(plugin: Plugin): string[] {
    return this.#ground.plugins
      .calls(this.uid)
      .filter((call) => call.plugin === plugin)
      .map(
        ({ command, netns, config }) =>
          `${command}, ${netns === "" ? "no " : ""}namespace, ${config.prevResult === undefined ? "no " : ""}prevResult`,
      );
  }

  /** What the last ADD of a plugin was called with for this pod. */
  configOfAdd(plugin: Plugin): PluginCall["config"] | undefined {
    return this.#ground.plugins
      .calls(this.uid)
      .findLast((call) => call.plugin === plugin && call.command === "ADD")?.config;
  }

  /** All calls for this pod, in order: `ADD branchline`. */
  get calls(): string[] {
    return this.#ground.plugins.calls(this.uid).map(({ plugin, command }) => `${command} ${plugin}`);
  }

  /** The sandboxes that containerd knows of this pod, but for current ones: what kubelet stops and removes. */
  async othersThan(current: readonly Sandbox[]): Promise<string[]> {
    const listed = await this.#ground.containerd.cri.listPodSandbox();
    return listed
      .filter(({ id, metadata }) => metadata.uid === this.uid && current.every((each) => each.id !== id))
      .map(({ id }) => id);
  }
}

/** What a RunPodSandbox said that was to fail: kubelet puts `details` into the event. */
export async function failureOf(running: Promise<Sandbox>): Promise<ServiceError> {
  const outcome = await running.catch((error: unknown) => error);
  if (outcome instanceof Sandbox) throw new Error(`sandbox ${outcome.id} runs`);
  return outcome as ServiceError;
}

/** A sandbox that containerd knows. */
export class Sandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** The address that the primary got. */
  readonly primary: string;
  readonly #containerd: Containerd;

  constructor(containerd: Containerd, id: string, config: PodSandboxConfig, primary: string) {
    this.#containerd = containerd;
    this.id = id;
    this.config = config;
    this.primary = primary;
  }

  status(): Promise<SandboxStatus> {
    return this.#containerd.cri.podSandboxStatus(this.id);
  }

  /** Its namespace's name for iproute2: containerd keeps namespaces where iproute2 does. */
  async netns(): Promise<string> {
    return basename((await this.status()).netns);
  }

  /** Starts a container in it; gives what runs commands there. */
  async container(command: readonly string[]): Promise<Container> {
    const { cri } = this.#containerd;
    const name = "main";
    const id = await cri.runContainer(this.id, this.config, { name, image: imageName, command });
    return new Container(this.#containerd, id);
  }

  stop(): Promise<void> {
    return this.#containerd.cri.stopPodSandbox(this.id);
  }

  remove(): Promise<void> {
    return this.#containerd.cri.removePodSandbox(this.id);
  }

  /** As kubelet ends a sandbox: stopped first, removed later. */
  async end(): Promise<void> {
    await this.stop();
    await this.remove();
  }
}

/** A target, and what answered there. */
export type Target = readonly [address: string, port: number];

export class Container {
  readonly #containerd: Containerd;
  readonly #id: string;

  constructor(containerd: Containerd, id: string) {
    this.#containerd = containerd;
    this.#id = id;
  }

  exec(script: string): Promise<ExecResult> {
    return this.#containerd.cri.execSync(this.#id, ["/bin/sh", "-c", script]);
  }

  /** What answers at each target, tried all at once from inside: the server's line, or "" after so many seconds. */
  async ask(targets: readonly Target[], seconds = 3): Promise<string[]> {
    const tries = targets.map(
      ([address, port], i) =>
        `(printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | nc -w ${seconds} ${address} ${port} >/tmp/${i} 2>/dev/null) &`,
    );
    // Each answer on a line of its own: the last one of what the server sent.
    const lines = targets.map((_, i) => `echo "$(busybox tail -n 1 /tmp/${i})"`);
    const { exitCode, stdout, stderr } = await this.exec([...tries, "wait", ...lines].join("\n"));
    if (exitCode !== 0) throw new Error(`exec: status ${exitCode}: ${stderr}`);
    return stdout.split("\n").slice(0, targets.length);
  }
}
