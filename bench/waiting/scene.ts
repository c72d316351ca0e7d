// A node with containerd, the real agent and a real API server, in namespaces that bench/waiting/run.ts made.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { RunningAgent } from "../../test/api/support/running-agent.ts";
import { startApiServer, type ApiServer } from "../../test/ground/api-server.ts";
import { must, podEni, type Branch } from "../../test/ground/index.ts";
import { applyCrds } from "../../test/ground/kubernetes/crds.ts";
import { distDirectory } from "../../test/ground/executable.ts";
import { listOf } from "../../test/runtime/containerd/lists.ts";
import { defaultHandler, KubeNode } from "../../test/runtime/containerd/node.ts";
import type { Pod } from "../../test/runtime/containerd/pods.ts";
import { releaseEnv } from "../../test/runtime/containerd/release.ts";

const NODE = "node-1";
/** Of all pods: test/runtime/containerd/pods.ts has it. */
const PODS = "/api/v1/namespaces/shop/pods";

export class Scene implements AsyncDisposable {
  readonly node: KubeNode;
  readonly #server: ApiServer;
  readonly #agent: RunningAgent;
  readonly #primaryList: string;

  private constructor(server: ApiServer, node: KubeNode, { open }: { readonly open: boolean }) {
    this.#server = server;
    this.node = node;
    const runtimesLists = node.containerd.places.lists(defaultHandler);
    const elsewhere = path.join(node.scratch, "aws-node");
    mkdirSync(elsewhere);
    this.#primaryList = path.join(open ? runtimesLists : elsewhere, "10-aws.conflist");
    node.removeDefaultList();
    this.rewriteList();
    const entry = path.join(node.scratch, "given.json");
    const { trunk } = node.vpc;
    const log = { pluginLogFile: path.join(node.scratch, "branchline.log") };
    writeFileSync(entry, JSON.stringify({ serviceCIDRs: ["172.20.0.0/16"], families: ["4", "6"], ...log }));
    this.#agent = new RunningAgent({
      directory: node.scratch,
      node: NODE,
      kubeconfig: server.adminKubeconfig,
      program: [path.resolve(import.meta.dirname, "../..", distDirectory, "branchline")],
      // Behind those of RunningAgent: the last one of a name counts.
      args: [
        ["--entry", entry],
        ["--cni-bin-dir", node.containerd.places.plugins],
        ["--cni-conf-dir", runtimesLists],
        ["--primary-conf-dir", path.dirname(this.#primaryList)],
        ["--primary-type", "primary-aws"],
        ["--state-dir", "/run/branchline"],
        ["--trunk-interface", trunk.device],
      ].flat(),
    });
  }

  static async open(mode: { readonly open: boolean }): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startApiServer());
    await applyCrds(server.admin);
    await server.admin.create("/api/v1/namespaces", { metadata: { name: "shop" } });
    await server.admin.create("/api/v1/nodes", { metadata: { name: NODE } });
    const node = await KubeNode.open();
    stack.defer(() => node.close());
    const scene = new Scene(server, node, mode);
    stack.defer(async () => void (await scene.#agent.end("SIGKILL")));
    await scene.#agent.isReady();
    await node.isReady();
    scene.#close = stack.move();
    return scene;
  }

  #close: AsyncDisposable | undefined;

  /** As aws-node does it: in place. */
  rewriteList(): void {
    const list = listOf(this.node.scratch, "direct", { branchline: false });
    writeFileSync(this.#primaryList, `${JSON.stringify(list, undefined, 2)}\n`);
  }

  /** A pod that is bound to the node; it asks for a branch, or not. */
  async createPod(name: string, asks: boolean): Promise<Pod> {
    const resources = asks ? { limits: { [podEni]: "1" } } : {};
    const { metadata } = await this.#server.admin.create(PODS, {
      metadata: { name },
      spec: { nodeName: NODE, containers: [{ name: "main", image: "none", resources }] },
    });
    return this.node.pod({ name, handler: "", uid: metadata.uid });
  }

  /** What the controller does at last. */
  async annotate(name: string, branch: Branch): Promise<void> {
    const annotations = { [podEni]: branch.annotation };
    await this.#server.admin.patch(`${PODS}/${name}`, "merge", { metadata: { annotations } });
  }

  async version(): Promise<string> {
    const { stdout } = await must(["containerd", "--version"], { env: releaseEnv() });
    return (stdout.split(" ")[2] ?? stdout).replace(/^v|~.*/g, "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close?.[Symbol.asyncDispose]();
  }
}
