/**
 * Plays scheduler, kubelet and container runtime for the pods of one namespace: their containers are processes of this
 * machine. What the chart says of a container is what it gets: image, arguments, environment, volumes by their paths,
 * read-only root, user, capabilities, a service account's token. Only two things differ: several nodes share one network,
 * so ports of health and metrics are any; and later mounts do not come in (HostToContainer).
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ApiAccess } from "../../ground/kubernetes/access.ts";
import type { KubernetesObject } from "../../ground/kubernetes/client.ts";
import { sleep } from "../../ground/run.ts";
import { EXECUTABLE } from "./image-root.ts";

const LOOK_MS = 150;
const RESTART_MS = 1_000;

export interface PlayedNode {
  readonly name: string;
  /** Its root: /etc/cni/net.d is below it. */
  readonly directory: string;
}

interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly configMap?: { readonly name: string };
  /** A service account's token, with what belongs to it. */
  readonly projected?: object;
}

interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly securityContext: {
    readonly runAsUser: number;
    readonly capabilities: { readonly add?: readonly string[] };
  };
}

/**
 * The directory that an image is; or a program that stands for its container on the node itself, with the container's
 * environment and NODE_DIRECTORY. The container is ready once that has said `ready`.
 */
export type Image = string | readonly [string, ...string[]];

interface PlayedPod extends KubernetesObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName: string;
    readonly restartPolicy: string;
    readonly containers: readonly [Container];
    readonly volumes?: readonly Volume[];
    readonly affinity?: { readonly nodeAffinity: object };
  };
}

/** A container that was started: it may have ended. */
interface Started {
  readonly child: ChildProcess;
  readonly node: string;
  readonly lines: string[];
  exit: number | null | undefined;
  endedAt: number;
  /** What the API server has been told. */
  said: string;
}

export class PlayedKubelets implements AsyncDisposable {
  private readonly access: ApiAccess;
  private readonly namespace: string;
  private readonly images: Readonly<Record<string, Image>>;
  private readonly nodes = new Map<string, PlayedNode>();
  private readonly dead = new Set<string>();
  private readonly started = new Map<string, Started>();
  private isOver = false;
  private readonly loop: Promise<void>;
  /** What pods have said, by name, also of those that are gone. */
  readonly logs = new Map<string, string[]>();

  constructor(access: ApiAccess, namespace: string, images: Readonly<Record<string, Image>>) {
    this.access = access;
    this.namespace = namespace;
    this.images = images;
    this.loop = this.run();
  }

  /** Makes the node known to the API server, and plays it. */
  async join(node: PlayedNode): Promise<void> {
    const labels = { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };
    await this.access.admin.create("/api/v1/nodes", { metadata: { name: node.name, labels } });
    this.nodes.set(node.name, node);
  }

  /** The node stands still: its containers are killed, and the API server hears no more of it. */
  die(node: string): void {
    this.dead.add(node);
    for (const { child, node: its } of this.started.values()) if (its === node) child.kill("SIGKILL");
  }

  revive(node: string): void {
    this.dead.delete(node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    await this.loop;
    for (const { child } of this.started.values()) child.kill("SIGKILL");
    while ([...this.started.values()].some(({ exit }) => exit === undefined)) await sleep(20);
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      try {
        const pods = await this.access.admin.list<PlayedPod>(this.pods());
        for (const pod of pods) await this.play(pod);
      } catch (error) {
        // A pod that has gone meanwhile, or a status that was changed by somebody else: the next look will tell.
        if (this.isOver) return;
        this.note("kubelet", String(error));
      }
      await sleep(LOOK_MS);
    }
  }

  private pods(...name: readonly string[]): string {
    return [`/api/v1/namespaces/${this.namespace}/pods`, ...name].join("/");
  }

  private note(pod: string, line: string): void {
    this.logs.set(pod, [...(this.logs.get(pod) ?? []), line]);
  }

  private async play(pod: PlayedPod): Promise<void> {
    const { name, uid = "", deletionTimestamp } = pod.metadata;
    const node = this.nodes.get(pod.spec.nodeName ?? "");
    if (node === undefined) return this.schedule(pod);
    if (this.dead.has(node.name)) return;
    const started = this.started.get(uid);
    if (deletionTimestamp !== undefined) {
      if (started?.exit === undefined) return void started?.child.kill("SIGTERM");
      await this.access.admin.request("DELETE", this.pods(name), {
        gracePeriodSeconds: 0,
        preconditions: { uid },
      });
      this.started.delete(uid);
    } else if (started === undefined) await this.start(pod, node);
    else if (started.exit === undefined) await this.tellReady(pod, started);
    else if (pod.spec.restartPolicy === "Never") await this.tellEnd(pod, started);
    else if (Date.now() - started.endedAt >= RESTART_MS) await this.start(pod, node);
  }

  private async schedule({ metadata: { name, deletionTimestamp }, spec }: PlayedPod): Promise<void> {
    if (deletionTimestamp !== undefined) return;
    const wanted = [...this.nodes.keys()].find((node) =>
      JSON.stringify(spec.affinity ?? {}).includes(`"${node}"`),
    );
    const target = wanted ?? [...this.nodes.keys()].find((node) => !this.dead.has(node));
    if (target === undefined) return;
    await this.access.admin.create(this.pods(name, "binding"), {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name },
      target: { apiVersion: "v1", kind: "Node", name: target },
    });
  }

  private async start(pod: PlayedPod, node: PlayedNode): Promise<void> {
    const { uid = "" } = pod.metadata;
    const [container] = pod.spec.containers;
    const image = this.images[container.image];
    if (image === undefined) throw new Error(`there is no image ${container.image}`);
    const argv = typeof image === "string" ? await this.contained(image, pod, node) : image;
    this.started.set(uid, this.spawned(argv, pod, node));
  }

  /** The command that runs the container in mounts of its own. */
  private async contained(
    image: string,
    pod: PlayedPod,
    node: PlayedNode,
  ): Promise<readonly [string, ...string[]]> {
    const { uid = "" } = pod.metadata;
    const [container] = pod.spec.containers;
    const root = path.join(node.directory, "pods", uid, "root");
    mkdirSync(root, { recursive: true });
    const mounts: string[] = [];
    for (const { name: volume, mountPath, readOnly } of container.volumeMounts ?? []) {
      const found = pod.spec.volumes?.find((one) => one.name === volume);
      if (found === undefined) throw new Error(`there is no volume ${volume}`);
      const source = await this.sourceOf(found, pod, node);
      mounts.push(`mkdir -p '${root}${mountPath}'; mount --bind '${source}' '${root}${mountPath}'`);
      if (readOnly === true) mounts.push(`mount -o remount,bind,ro '${root}${mountPath}'`);
    }
    const script = [
      `mount -t tmpfs tmpfs '${root}'`,
      `for part in lib lib64 usr; do mkdir '${root}'/$part; mount --bind '${image}'/$part '${root}'/$part; done`,
      // hostPID and hostNetwork.
      `for part in proc sys dev; do mkdir '${root}'/$part; mount --rbind /$part '${root}'/$part; done`,
      ...mounts,
      `mount -o remount,ro '${root}'`,
      `exec capsh '--chroot=${root}' ${capshOf(container.securityContext)} --shell=${EXECUTABLE} -- "$@"`,
    ].join("\n");
    const args = (container.args ?? []).map(withAnyPort);
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", ...args];
  }

  private spawned(argv: readonly string[], { metadata, spec }: PlayedPod, node: PlayedNode): Started {
    const { env = [] } = spec.containers[0];
    const url = new URL(this.access.url);
    // Whoever kills the test ends it too.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        ...Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
        ...(env.some((one) => one.name === "NODE_NAME") && { NODE_NAME: node.name }),
        NODE_DIRECTORY: node.directory,
        KUBERNETES_SERVICE_HOST: url.hostname,
        KUBERNETES_SERVICE_PORT: url.port,
      },
    });
    const started: Started = { child, node: node.name, lines: [], exit: undefined, endedAt: 0, said: "" };
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        started.lines.push(...lines);
        for (const line of lines) this.note(metadata.name, line);
      });
    }
    child.once("close", (code) => {
      started.exit = code;
      started.endedAt = Date.now();
    });
    return started;
  }

  /** The directory of this machine that a volume is. */
  private async sourceOf(
    { name, hostPath, configMap, projected }: Volume,
    { metadata, spec }: PlayedPod,
    { directory }: PlayedNode,
  ): Promise<string> {
    if (hostPath !== undefined) {
      // DirectoryOrCreate.
      mkdirSync(path.join(directory, hostPath.path), { recursive: true });
      return path.join(directory, hostPath.path);
    }
    const place = path.join(directory, "pods", metadata.uid ?? "", name);
    mkdirSync(place, { recursive: true });
    const write = (file: string, text: string) =>
      writeFileSync(path.join(place, file), text, { mode: 0o644 });
    if (configMap !== undefined) {
      const where = `/api/v1/namespaces/${this.namespace}/configmaps/${configMap.name}`;
      const { data } = await this.access.admin.get<{ data: Record<string, string> }>(where);
      for (const [file, text] of Object.entries(data)) write(file, text);
    } else if (projected !== undefined) {
      const bound = { name: metadata.name, uid: metadata.uid ?? "" };
      write("token", await this.access.token(this.namespace, spec.serviceAccountName, bound));
      write("ca.crt", this.access.ca);
      write("namespace", this.namespace);
    } else throw new Error(`volume ${name} is of a kind that is not played`);
    return place;
  }

  private async tellReady(pod: PlayedPod, started: Started): Promise<void> {
    const line = started.lines.find((one) => one.includes('"health":'));
    const url = line === undefined ? undefined : (JSON.parse(line) as { health: string }).health;
    const isReady =
      started.lines.includes("ready") || (url !== undefined && (await fetch(`${url}/readyz`)).ok);
    const state = { running: { startedAt: new Date().toISOString() } };
    await this.tell(pod, started, "Running", state, isReady);
  }

  private async tellEnd(pod: PlayedPod, started: Started): Promise<void> {
    const exitCode = started.exit ?? 137;
    const state = { terminated: { exitCode, message: started.lines.slice(-80).join("\n").slice(-2_000) } };
    await this.tell(pod, started, exitCode === 0 ? "Succeeded" : "Failed", state, false);
  }

  private async tell(
    { metadata, spec }: PlayedPod,
    started: Started,
    phase: string,
    state: object,
    isReady: boolean,
  ): Promise<void> {
    const words = `${phase} ${isReady}`;
    if (started.said === words) return;
    const condition = (type: string, isTrue: boolean) => ({
      type,
      status: isTrue ? "True" : "False",
      lastTransitionTime: new Date().toISOString(),
    });
    const { image } = spec.containers[0];
    await this.access.admin.patch(this.pods(metadata.name, "status"), "merge", {
      metadata: { uid: metadata.uid },
      status: {
        phase,
        conditions: [condition("Ready", isReady), condition("ContainersReady", isReady)],
        containerStatuses: [
          { name: "main", image, imageID: image, ready: isReady, restartCount: 0, started: true, state },
        ],
      },
    });
    started.said = words;
  }
}

/** Arguments of capsh(1): the user, and the bounding set, from which root's capabilities come. */
function capshOf({ runAsUser, capabilities: { add = [] } }: Container["securityContext"]): string {
  const kept = new Set(add.map((name) => CAPABILITIES[name]));
  // CAP_LAST_CAP is 40 (linux/capability.h).
  const dropped = Array.from({ length: 41 }, (_, capability) => capability).filter((one) => !kept.has(one));
  const user = runAsUser === 0 ? "" : ` --gid=${runAsUser} --uid=${runAsUser}`;
  return `--drop=${dropped.join(",")}${user}`;
}

/** linux/capability.h */
const CAPABILITIES: Readonly<Record<string, number>> = { NET_ADMIN: 12, SYS_ADMIN: 21, SYS_PTRACE: 19 };

function withAnyPort(arg: string): string {
  return arg.replace(/^(--(?:health|metrics)-listen=127\.0\.0\.1:)\d+$/, "$10");
}
