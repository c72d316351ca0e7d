/**
 * The chart on three nodes: installed, replaced, upgraded, uninstalled. API server, controllers and helm are real; scheduler,
 * kubelet and runtime are played (support/played-kubelet.ts). It has a server of its own, since the guard of an uninstalling
 * is for all pods of a cluster.
 */
import { spawn, type ChildProcess } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { AttachmentStore } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { startApiServer, type ApiServer } from "../ground/api-server.ts";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { applyCrds } from "../ground/kubernetes/crds.ts";
import { helm, kubectl } from "../ground/kubernetes/tools.ts";
import { eventually, run, sleep, type Outcome } from "../ground/run.ts";
import { CHART, valuesOf } from "./support/chart.ts";
import { EXECUTABLE, layOutImage } from "./support/image-root.ts";
import { PlayedKubelets } from "./support/played-kubelet.ts";

const NAMESPACE = "kube-system";
const NODES = ["node-1", "node-2", "node-3"] as const;
const LIST = "etc/cni/net.d/05-branchline.conflist";
const PLUGIN = "opt/cni/bin/branchline";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const DAEMON_SET = `/apis/apps/v1/namespaces/${NAMESPACE}/daemonsets/branchline-agent`;
const RIGHTS = path.resolve(import.meta.dirname, "../../deploy/rbac/uninstall.yaml");

const VALUES = {
  image: { repository: "registry.test/branchline" },
  entry: { serviceCIDRs: ["10.96.0.0/16"], branchTimeout: 60 },
  trunk: { interface: "lo" },
  uninstall: { timeoutSeconds: 8 },
  // All nodes without an agent at once.
  updateStrategy: { rollingUpdate: { maxUnavailable: "100%" } },
};

let directory: string;
let server: ApiServer;
let kubelets: PlayedKubelets;

const on = (node: string, ...parts: string[]) => path.join(directory, node, ...parts);
const asAdmin = {
  get kubeconfig() {
    return server.adminKubeconfig;
  },
  timeout: 120_000,
};
const listsAreThere = () => NODES.map((node) => existsSync(on(node, LIST)));

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "uninstall-"));
  server = await startApiServer({ controllerManager: true });
  await applyCrds(server.admin);
  const images = {
    "0.1.0": path.join(directory, "image-0.1.0"),
    "0.1.1": path.join(directory, "image-0.1.1"),
  };
  for (const image of Object.values(images)) await layOutImage(image);
  // Another version by its bytes alone: an ELF file may have more behind its end.
  const other = path.join(images["0.1.1"], EXECUTABLE);
  copyFileSync(other, `${other}.new`);
  rmSync(other);
  copyFileSync(`${other}.new`, other);
  rmSync(`${other}.new`);
  appendFileSync(other, "0.1.1");
  kubelets = new PlayedKubelets(
    server,
    NAMESPACE,
    Object.fromEntries(
      Object.entries(images).map(([tag, root]) => [`registry.test/branchline:${tag}`, root]),
    ),
  );
  const plugins = [{ type: "aws-cni" }, { type: "portmap", capabilities: { portMappings: true } }];
  for (const name of NODES) {
    mkdirSync(on(name, "etc/cni/net.d"), { recursive: true });
    writeFileSync(
      on(name, "etc/cni/net.d/10-aws.conflist"),
      JSON.stringify({ cniVersion: "1.0.0", name: "aws-cni", plugins }),
    );
    await kubelets.join({ name, directory: on(name) });
    await server.admin.create(CNI_NODES, {
      apiVersion: "vpcresources.k8s.aws/v1alpha1",
      kind: "CNINode",
      metadata: { name },
    });
  }
});

afterAll(async () => {
  for (const child of sandboxes) child.kill("SIGKILL");
  await kubelets[Symbol.asyncDispose]();
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** helm's command with the chart's release, which has to succeed. */
async function mustHelm(command: string, ...args: readonly string[]): Promise<Outcome> {
  const chart = command === "rollback" || command === "uninstall" ? [] : [CHART];
  const outcome = await helm([command, "branchline", ...chart, "--namespace", NAMESPACE, ...args], asAdmin);
  if (outcome.status !== 0) throw new Error(outcome.stderr);
  return outcome;
}

const uninstallLog = () =>
  [...kubelets.logs].filter(([pod]) => pod.startsWith("branchline-uninstall-")).flatMap(([, lines]) => lines);

/** Every node has the list and an agent that is ready, which is what a DaemonSet's rollout waits for. */
async function isInstalled(): Promise<void> {
  await eventually(
    "three ready agents",
    async () => {
      const { status } = await server.admin.get(DAEMON_SET);
      return status?.["numberReady"] === 3 && status["updatedNumberScheduled"] === 3 ? true : undefined;
    },
    60_000,
  );
  expect(listsAreThere()).toEqual([true, true, true]);
}

it("is installed: list, plugin and feature on each node, with the rights and capabilities of the chart", async () => {
  await mustHelm("install", ...valuesOf(VALUES), "--wait", "--timeout", "100s");
  await isInstalled();
  for (const node of NODES) {
    expect(statSync(on(node, PLUGIN)).mode & 0o777).toBe(0o755);
    await eventually("the feature", async () => {
      const { spec } = await server.admin.get(`${CNI_NODES}/${node}`);
      return JSON.stringify(spec)?.includes("SecurityGroupsForPods") ? true : undefined;
    });
  }
  const list = JSON.parse(readFileSync(on("node-1", LIST), "utf8")) as { plugins: { type: string }[] };
  expect(list.plugins.map(({ type }) => type)).toEqual(["aws-cni", "branchline", "portmap"]);
  expect([...kubelets.logs.values()].flat().join("\n")).not.toContain("(403)");
});

describe("what an agent has installed stays", () => {
  it("through an upgrade and back: ADDs go on, and none is let through that has to be refused", async () => {
    const watched = watchLists();
    const adds = new Adds("node-1");
    const store = new AttachmentStore(on("node-1", "run/branchline"), systemClock);
    const kept = attach(store, 200);
    const sizes = () => NODES.map((node) => statSync(on(node, PLUGIN)).size);
    const first = sizes();
    await mustHelm("upgrade", ...valuesOf({ ...VALUES, image: { ...VALUES.image, tag: "0.1.1" } }), "--wait");
    await isInstalled();
    expect(sizes()).toEqual(first.map((size) => size + "0.1.1".length));
    await mustHelm("rollback", "1", "--wait");
    await isInstalled();
    expect(sizes()).toEqual(first);
    const { passed, failed } = await adds.end();
    expect(failed).toEqual([]);
    // Both kinds, again and again.
    expect(Math.min(passed.none, passed.refused)).toBeGreaterThan(3);
    expect(await watched.end()).toEqual([]);
    expect(store.find(kept)).toBeDefined();
    await detach("node-1", kept);
  });

  it("when the DaemonSet is replaced by force: the lists are there all the while, untouched", async () => {
    const before = await server.admin.get(DAEMON_SET);
    const inodes = NODES.map((node) => statSync(on(node, LIST)).ino);
    const watched = watchLists();
    const { apiVersion, kind, spec, metadata } = before;
    const labels = metadata.labels ?? {};
    const file = path.join(directory, "daemon-set.json");
    const annotations = metadata.annotations ?? {};
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion,
        kind,
        spec,
        metadata: { name: metadata.name, namespace: metadata.namespace, labels, annotations },
      }),
    );
    const outcome = await kubectl(["replace", "--force", "-f", file], asAdmin);
    expect(outcome).toMatchObject({ status: 0 });
    expect((await server.admin.get(DAEMON_SET)).metadata.uid).not.toBe(before.metadata.uid);
    await isInstalled();
    expect(await watched.end()).toEqual([]);
    expect(NODES.map((node) => statSync(on(node, LIST)).ino)).toEqual(inodes);
  });
});

describe("uninstalling", () => {
  it("by hand, and the mark taken away again: the lists come back, and the reports go", async () => {
    const ours = path.resolve(import.meta.dirname, "../../dist/branchline");
    const outcome = await run([ours, "uninstall", "--kubeconfig", server.adminKubeconfig], {
      timeout: 60_000,
    });
    expect(outcome).toMatchObject({ status: 0, stderr: "" });
    expect(outcome.stdout).toContain("the list is removed from 3 of 3 nodes");
    expect(listsAreThere()).toEqual([false, false, false]);
    await server.admin.patch(DAEMON_SET, "merge", {
      metadata: { labels: { "branchline.dev/uninstall": null } },
    });
    await isInstalled();
    await eventually("no reports", async () => {
      const nodes = await server.admin.list(CNI_NODES);
      const reports = nodes.filter(({ metadata }) => metadata.annotations?.["branchline.dev/uninstalled"]);
      return reports.length === 0 ? true : undefined;
    });
  });

  let attached: Attached[];

  it("names the node whose agent is dead, and deletes nothing", async () => {
    const stores = ["node-1", "node-2"].map(
      (node) => new AttachmentStore(on(node, "run/branchline"), systemClock),
    );
    attached = Array.from({ length: 10 }, (_, i) => attach(stores[i % 2] as AttachmentStore, i + 1));
    kubelets.die("node-3");
    const outcome = await helm(["uninstall", "branchline", "--namespace", NAMESPACE], asAdmin);
    expect(outcome.status).not.toBe(0);
    expect(outcome.stderr).toContain("Job/kube-system/branchline-uninstall");
    const log = uninstallLog();
    expect(log.join("\n")).toContain(
      "after 8 s, the list is not known to be removed from these nodes:\n  node-3: no report;",
    );
    expect(log.join("\n")).toContain(
      "remove /etc/cni/net.d/05-branchline.conflist and then /opt/cni/bin/branchline by hand",
    );
    expect(log.filter((line) => line.startsWith("  node-"))).toHaveLength(1);
    expect(listsAreThere()).toEqual([false, false, true]);
    // The DaemonSet is there, marked, and the plugin where pods need its DEL.
    const { metadata } = await server.admin.get(DAEMON_SET);
    expect(metadata.labels?.["branchline.dev/uninstall"]).toMatch(/^\d{8}T\d{6}Z$/);
    expect(NODES.map((node) => existsSync(on(node, PLUGIN)))).toEqual([true, true, true]);
  });

  it("denies pods that ask for a branch from then on, with the way out, and no others", async () => {
    const make = (limits: object, init = false) => {
      const container = { name: "c", image: "c", resources: { limits } };
      const containers = init ? [{ name: "m", image: "c" }] : [container];
      const spec = { containers, ...(init && { initContainers: [container] }) };
      return server.admin.request("POST", "/api/v1/namespaces/default/pods?dryRun=All", {
        metadata: { name: "p" },
        spec,
      });
    };
    const asking = { "vpc.amazonaws.com/pod-eni": "1" };
    for (const init of [false, true]) {
      const { status, body } = await make(asking, init);
      expect(status).toBe(403);
      expect((body as { message: string }).message).toContain(
        "branchline has been uninstalled, and a pod that asks for vpc.amazonaws.com/pod-eni would start with its node's security groups: delete the SecurityGroupPolicies",
      );
    }
    expect((await make({ cpu: "1" })).status).toBe(201);
    expect((await make({}, true)).status).toBe(201);
  });

  it("keeps the plugin until the last DEL of a node, and then removes it", async () => {
    const ofNode = attached.filter((_, i) => i % 2 === 0);
    for (const pod of ofNode) {
      expect(existsSync(on("node-1", PLUGIN))).toBe(true);
      await detach("node-1", pod);
    }
    await eventually("the plugin is gone", () => (existsSync(on("node-1", PLUGIN)) ? undefined : true));
    expect(readdirSync(on("node-1", "opt/cni/bin"))).toEqual([]);
    expect(existsSync(on("node-2", PLUGIN))).toBe(true);
  });

  it("is done when the dead agent is back: helm deletes everything, and what is left is what the page says", async () => {
    kubelets.revive("node-3");
    await mustHelm("uninstall", "--timeout", "100s");
    expect(listsAreThere()).toEqual([false, false, false]);
    await eventually(
      "no pods",
      async () =>
        (await server.admin.list(`/api/v1/namespaces/${NAMESPACE}/pods`)).length === 0 ? true : undefined,
      30_000,
    );
    expect(NODES.map((node) => existsSync(on(node, PLUGIN)))).toEqual([false, true, false]);
    const kinds = "daemonsets,jobs,serviceaccounts,roles,rolebindings,configmaps";
    const found = await kubectl(["get", kinds, "-n", NAMESPACE, "-o", "name"], asAdmin);
    expect(found.stdout).toContain("serviceaccount/default");
    expect(found.stdout).not.toContain("branchline");
    const cluster = await kubectl(
      ["get", "clusterroles,clusterrolebindings,validatingadmissionpolicies,crds", "-o", "name"],
      asAdmin,
    );
    expect(
      cluster.stdout
        .split("\n")
        .filter((line) => /branchline|vpcresources/.test(line))
        .sort(),
    ).toEqual([
      "customresourcedefinition.apiextensions.k8s.io/cninodes.vpcresources.k8s.aws",
      "customresourcedefinition.apiextensions.k8s.io/securitygrouppolicies.vpcresources.k8s.aws",
      "validatingadmissionpolicy.admissionregistration.k8s.io/branchline-uninstall",
    ]);
    // Pods that live on end as ever.
    for (const [i, pod] of attached.entries()) if (i % 2 === 1) await detach("node-2", pod);
    expect(readdirSync(on("node-2", "run/branchline/attachments"))).toEqual([]);
  });

  it("did what it may, and may what it did", () => {
    const rules = parseAllDocuments(readFileSync(RIGHTS, "utf8")).flatMap(
      (document) => (document.toJS() as { rules?: readonly Rule[] }).rules ?? [],
    );
    const granted = rules.flatMap(({ apiGroups, resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${apiGroups[0]}/${resource}`)),
    );
    const asked = server
      .audited(`system:serviceaccount:${NAMESPACE}:branchline-uninstall`)
      .filter(({ objectRef }) => objectRef !== undefined);
    expect(asked.filter(({ responseStatus }) => responseStatus?.code === 403)).toEqual([]);
    const used = asked.map(
      ({ verb, objectRef }) => `${verb} ${objectRef?.apiGroup ?? ""}/${objectRef?.resource ?? ""}`,
    );
    expect([...new Set(used)].sort()).toEqual([...new Set(granted)].sort());
  });

  it("is mentioned when the chart is installed again: its guard is still there", async () => {
    const { stdout } = await mustHelm("install", ...valuesOf(VALUES), "--dry-run=server");
    expect(stdout).toContain(
      "kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy branchline-uninstall",
    );
  });
});

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Looks all the while whether each node's list is there; at the end tells which was not. */
function watchLists() {
  const missed = new Set<string>();
  const timer = setInterval(() => {
    listsAreThere().forEach((isThere, i) => isThere || missed.add(NODES[i] ?? ""));
  }, 5);
  return {
    async end(): Promise<string[]> {
      clearInterval(timer);
      return [...missed];
    },
  };
}

/** Living network namespaces, each kept by a process. */
const sandboxes: ChildProcess[] = [];

interface Attached {
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
}

/** A record of a living pod, of whose network nothing needs undoing. */
function attach(store: AttachmentStore, vlanId: number): Attached {
  const sandbox = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", "sleep", "600"], {
    stdio: "ignore",
  });
  sandboxes.push(sandbox);
  const netns = `/proc/${sandbox.pid}/ns/net`;
  const own = statSync("/proc/self/ns/net").ino;
  // Until unshare has done it.
  while (statSync(netns).ino === own) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  const { dev, ino } = statSync(netns);
  const key = { containerId: `container-${vlanId}`, ifName: "eth0" };
  store.write({
    version: 1,
    ...key,
    network: "aws-cni",
    pod: { uid: `uid-${vlanId}`, namespace: "shop", name: `web-${vlanId}` },
    eniId: `eni-${String(vlanId).padStart(17, "0")}`,
    mac: "02:b1:00:00:00:07",
    vlanId,
    addresses: [],
    namespace: { path: netns, identity: `${dev}:${ino}` },
    datapath: "direct",
    mode: "standard",
    trunk: { name: "lo", index: 1, mac: "00:00:00:00:00:00" },
    hostInterfaceName: "host0",
    steps: [],
  });
  return { ...key, netns };
}

/** The plugin as a runtime of the node calls it, by the list that it has. */
function callPlugin(node: string, env: Readonly<Record<string, string>>, input: object): Promise<Outcome> {
  // What is the node's has to be at its usual path.
  const script = `
    mount --bind '${on(node, "run/branchline")}' /run/branchline
    exec '${on(node, PLUGIN)}'`;
  return run(
    [
      "unshare",
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-ec",
      `mount -t tmpfs tmpfs /run; mkdir /run/branchline; ${script}`,
    ],
    {
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        CNI_PATH: "/opt/cni/bin",
        CNI_IFNAME: "eth0",
        ...env,
      },
      input: JSON.stringify({
        cniVersion: "1.0.0",
        name: "aws-cni",
        type: "branchline",
        enablePodENI: true,
        branchTimeout: 60,
        serviceCIDRs: ["10.96.0.0/16"],
        capabilities: { "io.kubernetes.cri.pod-annotations": true },
        pluginLogFile: on(node, "plugin.log"),
        ...input,
      }),
      timeout: 90_000,
    },
  );
}

async function detach(node: string, { containerId, netns }: Attached): Promise<void> {
  const env = { CNI_COMMAND: "DEL", CNI_CONTAINERID: containerId, CNI_NETNS: netns };
  expect(await callPlugin(node, env, {})).toMatchObject({ status: 0, stdout: "" });
}

/** Calls ADD again and again for two pods of a node: one without a branch, and one that has to be refused. */
class Adds {
  readonly passed = { none: 0, refused: 0 };
  readonly failed: string[] = [];
  private isOver = false;
  private readonly loops: Promise<void>;

  constructor(node: string) {
    this.loops = this.begin(node);
  }

  async end() {
    this.isOver = true;
    await this.loops;
    return { passed: this.passed, failed: this.failed };
  }

  private async begin(node: string): Promise<void> {
    const namespace = "shop";
    await server.admin.create("/api/v1/namespaces", { metadata: { name: namespace } });
    await eventually("the default service account", async () =>
      (await server.admin.request("GET", `/api/v1/namespaces/${namespace}/serviceaccounts/default`))
        .status === 200
        ? true
        : undefined,
    );
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const make = (name: string) =>
      server.admin.create(pods, {
        metadata: { name, labels: { app: name } },
        spec: { nodeName: node, containers: [{ name: "c", image: "c" }] },
      });
    await server.admin.create(
      `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`,
      {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name: "db" },
        spec: {
          podSelector: { matchLabels: { app: "selected" } },
          securityGroups: { groupIds: ["sg-0123456789abcdef0"] },
        },
      },
    );
    const [ordinary, selected] = await Promise.all([make("ordinary"), make("selected")]);
    await Promise.all([
      this.loop(node, ordinary, "none", ({ status }) => status === 0),
      this.loop(node, selected, "refused", ({ stdout }) =>
        stdout.includes("SecurityGroupPolicy shop/db selects"),
      ),
    ]);
  }

  private async loop(
    node: string,
    { metadata: { namespace = "", name, uid = "" } }: KubernetesObject,
    kind: "none" | "refused",
    isRight: (outcome: Outcome) => boolean,
  ): Promise<void> {
    const args = [
      `K8S_POD_NAMESPACE=${namespace}`,
      `K8S_POD_NAME=${name}`,
      `K8S_POD_UID=${uid}`,
      "IgnoreUnknown=1",
    ];
    while (!this.isOver) {
      const outcome = await callPlugin(
        node,
        {
          CNI_COMMAND: "ADD",
          CNI_CONTAINERID: `add-${name}`,
          CNI_NETNS: "/proc/self/ns/net",
          CNI_ARGS: args.join(";"),
        },
        {
          runtimeConfig: { "io.kubernetes.cri.pod-annotations": null },
          prevResult: {
            cniVersion: "1.0.0",
            interfaces: [{ name: "eth0", sandbox: "/proc/self/ns/net" }],
            ips: [{ address: "10.0.0.50/32", interface: 0 }],
          },
        },
      );
      if (isRight(outcome)) this.passed[kind] += 1;
      else this.failed.push(`${kind}: ${outcome.status} ${outcome.stdout}${outcome.stderr}`);
      await sleep(100);
    }
  }
}
