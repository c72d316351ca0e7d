// A node that moves from aws-cni's branches to ours: its VPC, its API server with real controllers, the pods of aws-node and
// of the chart's agent by played kubelets, and pods of its own by cnitool.
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { layOutImage } from "../../api/support/image-root.ts";
import { PlayedKubelets } from "../../api/support/played-kubelet.ts";
import { startApiServer, type ApiServer } from "../../ground/api-server.ts";
import {
  cnitool,
  containerIdOf,
  createNetns,
  createVpc,
  debianPlugins,
  deleteNetns,
  netnsPath,
  podAnnotations,
  podEni,
  run,
  type Branch,
  type CniCall,
  type Host,
  type Vpc,
} from "../../ground/index.ts";
import type { KubernetesObject } from "../../ground/kubernetes/client.ts";
import { applyCrds } from "../../ground/kubernetes/crds.ts";
import { ipLine } from "../../ground/macvlan/iproute.ts";
import { keptDirectory, type Scratch } from "../../ground/kubernetes/scratch.ts";
import { kubernetesDirectory } from "../../setup/kubernetes.ts";
import { MigratingPod } from "./migrating-pod.ts";
import { STATE } from "./place.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const NODE = "node-1";
const PODS = "/api/v1/namespaces/shop/pods";
const AWS_NODE = "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node";

export class Migrating implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #server: ApiServer;
  readonly vpc: Vpc;
  readonly #kubelets: PlayedKubelets;
  /** Admits pings of the pods' group and of nobody else. */
  #shop: Host | undefined;

  private constructor(scratch: Scratch, server: ApiServer, vpc: Vpc) {
    this.#scratch = scratch;
    this.#server = server;
    this.vpc = vpc;
    const awsNode = path.join(ROOT, "test/ground/aws-node");
    this.#kubelets = new PlayedKubelets(server, "kube-system", {
      "registry.example/branchline:0.1.0": this.#at("image"),
      "registry.example/aws-node": [awsNode, this.#at("aws.conflist"), this.#at("addresses")],
    });
  }

  static async open(): Promise<Migrating> {
    await using stack = new AsyncDisposableStack();
    const scratch = keptDirectory("migrating");
    stack.defer(() => scratch.remove());
    const server = stack.use(await startApiServer({ controllerManager: true, timeout: 600_000 }));
    const vpc = stack.use(await createVpc());
    const one = new Migrating(scratch, server, vpc);
    stack.defer(() => one.#kubelets[Symbol.asyncDispose]());
    await one.#prepare();
    one.#close = stack.move();
    return one;
  }

  #close: AsyncDisposable | undefined;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close?.[Symbol.asyncDispose]();
  }

  #at(...parts: readonly string[]): string {
    return path.join(this.#scratch.path, ...parts);
  }

  #onNode(...parts: readonly string[]): string {
    return this.#at("node", ...parts);
  }

  get logs(): string {
    return [...this.#kubelets.logs.values()].flat().slice(-60).join("\n");
  }

  async #prepare(): Promise<void> {
    const { vpc } = this;
    const { admin } = this.#server;
    await vpc.createGroup("pods");
    await vpc.createGroup("shop", [{ protocol: "icmp", fromGroup: "pods" }]);
    this.#shop = await vpc.addHost({ name: "shop", ipv4: "10.0.0.30", groups: ["shop"] });
    await layOutImage(this.#at("image"));
    for (const directory of ["etc/cni/net.d", "run"]) mkdirSync(this.#onNode(directory), { recursive: true });
    for (const directory of [this.#at("addresses"), STATE, "/run/netns"])
      mkdirSync(directory, { recursive: true });
    // The plugin knows no other.
    symlinkSync(STATE, this.#onNode("run/branchline"));
    symlinkSync("/run/netns", this.#onNode("run/netns"));
    // What docs/install.md names.
    symlinkSync(path.join(ROOT, "deploy"), this.#at("deploy"));
    const capabilities = { [podAnnotations]: true };
    const primary = {
      type: "primary-aws",
      mtu: "9001",
      vethPrefix: "eni",
      addressDir: this.#at("addresses"),
      capabilities,
    };
    writeFileSync(
      this.#at("aws.conflist"),
      JSON.stringify({ cniVersion: "1.0.0", name: "aws-cni", disableCheck: true, plugins: [primary] }),
    );
    await applyCrds(admin);
    await this.#kubelets.join({ name: NODE, directory: this.#onNode() });
    const cniNodes = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
    await admin.create(cniNodes, {
      apiVersion: "vpcresources.k8s.aws/v1alpha1",
      kind: "CNINode",
      metadata: { name: NODE },
      // As aws-node asks with ENABLE_POD_ENI, and EKS's controller answers.
      spec: { features: [{ name: "SecurityGroupsForPods", value: "" }] },
    });
    const trunkInterface = {
      id: "eni-0123456789abcdef0",
      macAddress: vpc.trunk.mac,
      deviceIndex: 1,
      subnetID: "subnet-0123456789abcdef0",
    };
    await admin.patch(`${cniNodes}/${NODE}/status`, "merge", { status: { trunkInterface } });
    await admin.create("/api/v1/namespaces", { metadata: { name: "shop" } });
  }

  /** Writes values.yaml: those of docs/install.md, and what is of this node. */
  writeValues(text: string): void {
    const more = `cni:\n  primaryType: primary-aws\n`;
    writeFileSync(this.#at("values.yaml"), `${text}\n${more}`);
  }

  /** aws-node as a DaemonSet, with ENABLE_POD_ENI. */
  async installAwsNode(): Promise<void> {
    const labels = { "k8s-app": "aws-node" };
    await this.#server.admin.create("/apis/apps/v1/namespaces/kube-system/daemonsets", {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "aws-node" },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork: true,
            tolerations: [{ operator: "Exists" }],
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: "aws-node",
                image: "registry.example/aws-node",
                env: [{ name: "ENABLE_POD_ENI", value: "true" }],
                securityContext: { runAsUser: 0, capabilities: { add: ["NET_ADMIN"] } },
              },
            ],
          },
        },
      },
    });
  }

  /** Runs the commands of a step, as somebody types them who reads docs/install.md. */
  async type(commands: string): Promise<void> {
    const { stdout, stderr, status } = await run(["sh", "-exc", `cd '${this.#at()}'\n${commands}`], {
      timeout: 240_000,
      env: {
        PATH: `${kubernetesDirectory()}:${process.env["PATH"] ?? ""}`,
        KUBECONFIG: this.#server.adminKubeconfig,
        HOME: this.#at(),
      },
    });
    if (status !== 0) throw new Error(`status ${status}:\n${stdout}${stderr}\n${this.logs}`);
  }

  /** Our entry of the list that the runtime uses; undefined while that is another's. */
  get entry(): Readonly<Record<string, unknown>> | undefined {
    const { plugins } = JSON.parse(this.#list.text) as {
      plugins: readonly Readonly<Record<string, unknown>>[];
    };
    return plugins.find(({ type }) => type === "branchline");
  }

  /** The first by its name, as a runtime reads them. */
  get #list(): { readonly name: string; readonly text: string } {
    const directory = this.#onNode("etc/cni/net.d");
    const [name] = readdirSync(directory)
      .filter((file) => file.endsWith(".conflist"))
      .sort();
    if (name === undefined) throw new Error("there is no list");
    return { name, text: readFileSync(path.join(directory, name), "utf8") };
  }

  async branch(vlanId: number): Promise<Branch> {
    return this.vpc.attachBranch({ vlanId, ipv4: `10.0.0.${100 + vlanId}`, groups: ["pods"] });
  }

  /** A pod that asks for a branch and is given it; then kubelet's ADD. It pings until its end. */
  async start(name: string, branch: Branch): Promise<MigratingPod> {
    const { metadata } = await this.#server.admin.create(PODS, {
      metadata: { name, annotations: { [podEni]: branch.annotation } },
      spec: {
        nodeName: NODE,
        containers: [{ name: "c", image: "c", resources: { limits: { [podEni]: "1" } } }],
      },
    });
    const { vlanId, mac, ipv4 } = branch;
    // What aws-node's ipamd reads of the annotation, and the secondary address that it has for other pods.
    const device = ipLine(`x type vlan id ${vlanId}`).slice(2);
    writeFileSync(
      this.#at("addresses", `shop.${name}.branch`),
      `${vlanId} ${mac} ${ipv4} 10.0.0.1 eth1 ${device}\n`,
    );
    writeFileSync(this.#at("addresses", `shop.${name}`), `10.0.1.${vlanId}\n`);
    const netns = `shop-${name}`;
    await createNetns(netns);
    const configDir = this.#at(`runtime-${name}`);
    mkdirSync(configDir);
    const list = this.#list;
    writeFileSync(path.join(configDir, list.name), list.text);
    const call: CniCall = {
      network: {
        name: "aws-cni",
        primary: "aws",
        configDir,
        pluginPath: [this.#onNode("opt/cni/bin"), path.join(ROOT, "test/ground"), debianPlugins].join(
          path.delimiter,
        ),
        addressDir: this.#at("addresses"),
        conflist: {},
      },
      netns: netnsPath(netns),
      annotations: { [podEni]: branch.annotation },
      args: {
        IgnoreUnknown: "1",
        K8S_POD_NAMESPACE: "shop",
        K8S_POD_NAME: name,
        K8S_POD_INFRA_CONTAINER_ID: containerIdOf(netnsPath(netns)),
        K8S_POD_UID: metadata.uid ?? "",
      },
    };
    const { error } = await cnitool("add", call);
    if (error !== undefined) throw new Error(`ADD of ${name}: ${error}`);
    await this.#server.admin.patch(`${PODS}/${name}/status`, "merge", { status: { phase: "Running" } });
    return new MigratingPod(name, netns, branch, String(this.#shop?.ipv4), async () => {
      const del = await cnitool("del", call);
      await deleteNetns(netns);
      await this.#server.admin.delete(`${PODS}/${name}?gracePeriodSeconds=0`);
      rmSync(configDir, { recursive: true });
      if (del.error !== undefined) throw new Error(`DEL of ${name}: ${del.error}`);
    });
  }

  /** Events of pods that run without their branch. */
  async unprotected(): Promise<readonly string[]> {
    const events = await this.#server.admin.list<KubernetesObject & { reason: string; message: string }>(
      "/api/v1/namespaces/shop/events",
    );
    return events.filter(({ reason }) => reason === "PodUnprotected").map(({ message }) => message);
  }

  /** ENABLE_POD_ENI of aws-node's DaemonSet. */
  async podEni(): Promise<string | undefined> {
    const { spec } = await this.#server.admin.get(AWS_NODE);
    const { template } = spec as unknown as {
      template: { spec: { containers: [{ env: { name: string; value: string }[] }] } };
    };
    return template.spec.containers[0].env.find(({ name }) => name === "ENABLE_POD_ENI")?.value;
  }
}
