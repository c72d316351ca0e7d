// deploy/chart, rendered by helm: what it makes, that the API server takes it, and which values it refuses.
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { EntryError, readEntry } from "../../src/agent/install/entry.ts";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { applyCrds, operatorCrds } from "../ground/kubernetes/crds.ts";
import { helm } from "../ground/kubernetes/tools.ts";
import { run } from "../ground/run.ts";
import { CHART, LEAST, placeOf, render, valuesOf } from "./support/chart.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const DEPLOY = path.resolve(import.meta.dirname, "../../deploy");
const OURS = path.resolve(import.meta.dirname, "../../dist/branchline");
const DEFAULT = { name: "branchline", namespace: "kube-system" };

/** Of a file, or of all that a pattern fits. */
const documentsOf = (file: string) =>
  globSync(file, { cwd: DEPLOY })
    .flatMap((name) => parseAllDocuments(readFileSync(path.join(DEPLOY, name), "utf8")))
    .map((document) => document.toJS() as KubernetesObject);

const withoutMeta = ({
  metadata: { labels: _, annotations: __, ...metadata },
  ...rest
}: KubernetesObject) => ({
  ...rest,
  metadata,
});

const image = LEAST["image"];
const entryOf = (more: object) => ({ ...LEAST, entry: { serviceCIDRs: ["10.96.0.0/16"], ...more } });

const CONTROLLER = { enabled: true, clusterName: "blue", mode: "standalone" };

/** Defaults that somebody may not want. */
const TAKEN = {
  affinity: null,
  nodeSelector: null,
  resources: null,
  tolerations: null,
  priorityClassName: null,
  podAnnotations: null,
  podLabels: null,
};

/** Values that the chart takes. */
const GOOD: readonly (readonly [string, object])[] = [
  ["the least", LEAST],
  ["the closed mode", { ...LEAST, cni: { mode: "closed" } }],
  [
    "other directories",
    {
      ...LEAST,
      cni: {
        mode: "closed",
        binDir: "/usr/lib/cni",
        confDir: "/etc/cni/other",
        primaryConfDir: "/etc/primary",
      },
    },
  ],
  ["routed, without Service ranges", { image, entry: { datapath: "routed", podSGEnforcingMode: "strict" } }],
  ["no Service ranges", { image, entry: { serviceCIDRs: [] } }],
  [
    "an IPv6 cluster",
    {
      image,
      entry: { serviceCIDRs: ["fd30:1c53:5f8a::/108"], hostRoutes: ["fd00:ec2::23/128"] },
      metrics: { listen: "[::]:61681" },
      controller: CONTROLLER,
    },
  ],
  [
    "what can be taken away",
    {
      ...LEAST,
      ...TAKEN,
      image: { repository: "r", tag: null, digest: null },
      imagePullSecrets: null,
      updateStrategy: null,
      seLinuxOptions: null,
      controller: {
        ...CONTROLLER,
        ...TAKEN,
        region: null,
        rates: null,
        env: null,
        serviceAccountAnnotations: null,
      },
      monitoring: { dashboard: { enabled: true, labels: null, annotations: null } },
    },
  ],
  ["a part of another chart", { ...LEAST, enabled: true, global: { a: "b" } }],
  ["its own CRDs", { ...LEAST, crds: { install: true } }],
  ["a controller", { ...LEAST, controller: CONTROLLER }],
  [
    "all that watches it",
    {
      ...LEAST,
      metrics: { listen: ":61681" },
      monitoring: Object.fromEntries(
        ["podMonitor", "serviceMonitor", "prometheusRule", "dashboard"].map((flag) => [
          flag,
          { enabled: true },
        ]),
      ),
      controller: CONTROLLER,
    },
  ],
  ["a controller beside EKS's", { ...LEAST, controller: { ...CONTROLLER, mode: "eks" } }],
  [
    "everything else",
    {
      ...entryOf({
        datapath: "auto",
        hostRoutes: ["169.254.170.23/32"],
        missingAnnotation: "refuse",
        branchTimeout: 60,
        gatewayTimeout: 0,
        exemptNamespaces: ["kube-system"],
        alreadyAttached: "pass",
        families: ["4"],
        allowDatapathOverride: true,
        podSGEnforcingMode: "standard",
        mtu: 1500,
        hostInterfaceName: "host1",
        manageEarlyDemux: true,
        pluginLogFile: "/var/log/branchline/other.log",
        pluginLogLevel: "debug",
      }),
      image: { repository: "r", digest: `sha256:${"0".repeat(64)}`, pullPolicy: "Always" },
      imagePullSecrets: [{ name: "pull" }],
      unrequested: "allow",
      networkPolicies: "enforced",
      trunk: { interface: "eth1" },
      controller: {
        enabled: true,
        clusterName: "team@blue",
        mode: "eks",
        region: "eu-west-1",
        replicas: 3,
        cooldown: "2m",
        warm: { target: 4, share: 20, eniQuota: 10_000, recycle: "off" },
        refused: "report",
        escaped: "report",
        rates: ["AssociateTrunkInterface=50/5"],
        health: { port: 10_002 },
        metrics: { port: 10_003 },
        webhook: { port: 10_004 },
        serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/x" },
        env: [{ name: "AWS_ENDPOINT_URL_EC2", value: "http://127.0.0.1:1" }],
        resources: { limits: { memory: "1Gi" } },
        priorityClassName: "",
        tolerations: [],
        nodeSelector: { a: "b" },
        affinity: {},
        podAnnotations: { a: "b" },
        podLabels: { a: "b", "app.kubernetes.io/component": "other" },
      },
      health: { port: 10_000 },
      metrics: { listen: ":10001" },
      monitoring: {
        podMonitor: { enabled: true, interval: "1m", labels: { release: "prometheus" } },
        serviceMonitor: { enabled: true, interval: "15s", labels: { release: "prometheus" } },
        prometheusRule: { enabled: true, labels: { release: "prometheus" } },
        dashboard: {
          enabled: true,
          labels: { dashboards: "yes" },
          annotations: { grafana_folder: "Network" },
        },
      },
      uninstall: { timeoutSeconds: 30 },
      resources: { limits: { memory: "200Mi" } },
      seLinuxOptions: { type: "super_t" },
      priorityClassName: "",
      tolerations: [{ key: "a", operator: "Exists" }],
      nodeSelector: { a: "b" },
      affinity: {},
      updateStrategy: { type: "OnDelete", rollingUpdate: null },
      podAnnotations: { a: "b" },
      podLabels: { a: "b", "app.kubernetes.io/component": "other" },
    },
  ],
];

describe("the API server takes every object, and knows every field", () => {
  let namespace: string;

  beforeAll(async () => {
    namespace = await makeNamespace("chart");
    await applyCrds(shared.admin, operatorCrds());
  });

  it.each(GOOD)("%s", async (_what, values) => {
    const objects = await render(values, { name: `of-${namespace}`, namespace });
    for (const object of objects) {
      const query = "dryRun=All&fieldValidation=Strict&fieldManager=branchline-test&force=true";
      await shared.admin.patch(`${placeOf(object)}?${query}`, "apply", object);
    }
    expect(objects.length).toBeGreaterThanOrEqual(13);
  });
});

it.each(GOOD)("helm lint finds nothing to say, but that it has no icon: %s", async (_what, values) => {
  const { status, stdout } = await helm(["lint", CHART, "--strict", ...valuesOf(values)]);
  expect(stdout.split("\n").filter((line) => line.startsWith("["))).toEqual([
    "[INFO] Chart.yaml: icon is recommended",
  ]);
  expect(status).toBe(0);
});

interface Container {
  readonly args: readonly string[];
  readonly image: string;
  readonly securityContext: object;
  readonly volumeMounts: readonly Mount[];
  readonly env: readonly object[];
}

interface Mount {
  readonly name: string;
  readonly mountPath: string;
  readonly mountPropagation?: string;
}

interface PodSpec {
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string; readonly hostPath?: { path: string; type: string } }[];
  readonly [field: string]: unknown;
}

function podOf(objects: readonly KubernetesObject[], kind: string): PodSpec {
  const template = objects.find((object) => object.kind === kind)?.spec?.["template"];
  if (template === undefined) throw new Error(`there is no ${kind} with a template`);
  return (template as { spec: PodSpec }).spec;
}

describe("the agent's pod", () => {
  it("has what it needs of the node, and no more", async () => {
    const pod = podOf(await render(LEAST, DEFAULT), "DaemonSet");
    expect(pod).toMatchObject({
      hostNetwork: true,
      hostPID: true,
      priorityClassName: "system-node-critical",
      tolerations: [{ operator: "Exists" }],
      serviceAccountName: "branchline-agent",
      containers: [
        {
          image: "registry.test/branchline:0.1.0",
          env: [{ name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
          livenessProbe: { httpGet: { host: "127.0.0.1", port: 61_680, path: "/healthz" } },
          readinessProbe: { httpGet: { host: "127.0.0.1", port: 61_680, path: "/readyz" } },
        },
      ],
    });
    // All of it: none may be added unnoticed.
    expect(pod.containers).toHaveLength(1);
    expect(pod.containers[0].securityContext).toEqual({
      runAsUser: 0,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"] },
      appArmorProfile: { type: "Unconfined" },
    });
    const hostPaths = pod.volumes.flatMap(({ hostPath }) => hostPath ?? []);
    expect(hostPaths.map((each) => each.path).sort()).toEqual([
      "/etc/cni/net.d",
      "/opt/cni/bin",
      "/run/branchline",
      "/run/netns",
      "/var/log/branchline",
    ]);
    expect(hostPaths.map(({ type }) => type)).toEqual(hostPaths.map(() => "DirectoryOrCreate"));
    // By the paths of the node, and only namespaces have to come later.
    const places = new Map(pod.volumes.map(({ name, hostPath }) => [name, hostPath?.path]));
    for (const { name, mountPath, mountPropagation } of pod.containers[0].volumeMounts) {
      expect(mountPath).toBe(places.get(name) ?? "/etc/branchline");
      expect(mountPropagation).toBe(mountPath === "/run/netns" ? "HostToContainer" : undefined);
    }
  });

  it("is replaced node by node, and when the entry changes", async () => {
    const template = async (values: object) => {
      const spec = (await render(values, DEFAULT)).find(({ kind }) => kind === "DaemonSet")?.spec;
      return JSON.stringify(spec?.["template"]);
    };
    expect(await template(LEAST)).toBe(await template({ ...LEAST, uninstall: { timeoutSeconds: 100 } }));
    expect(await template(LEAST)).not.toBe(await template(entryOf({ mtu: 1500 })));
    const spec = (await render(LEAST, DEFAULT)).find(({ kind }) => kind === "DaemonSet")?.spec;
    expect(spec?.["updateStrategy"]).toEqual({
      type: "RollingUpdate",
      rollingUpdate: { maxUnavailable: "10%" },
    });
  });

  it("in the closed mode has the primary's directory too, which is made for it", async () => {
    const pod = podOf(await render({ ...LEAST, cni: { mode: "closed" } }, DEFAULT), "DaemonSet");
    expect(pod.containers[0].args).toContain("--primary-conf-dir=/etc/cni/net.d/aws-node");
    expect(pod.volumes).toContainEqual({
      name: "primary-conf",
      hostPath: { path: "/etc/cni/net.d/aws-node", type: "DirectoryOrCreate" },
    });
    const open = podOf(await render(LEAST, DEFAULT), "DaemonSet");
    expect(open.containers[0].args.join()).not.toContain("primary-conf-dir");
  });

  it.each([...GOOD.slice(1, 2), ...GOOD.slice(-1)])(
    "has flags that its command takes, and the hook's and the controller's too: %s",
    async (_what, values) => {
      const objects = await render({ controller: CONTROLLER, ...values }, DEFAULT);
      for (const kind of ["DaemonSet", "Job", "Deployment"]) {
        const { args } = podOf(objects, kind).containers[0];
        // Flags come before the kubeconfig.
        const { status, stderr } = await run([OURS, ...args, "--kubeconfig", "/none"], {
          env: { NODE_NAME: "node" },
        });
        expect(stderr).toContain("no kubeconfig: ENOENT");
        expect(status).toBe(2);
      }
    },
  );

  it.each(GOOD)("has an entry that the agent takes: %s", async (_what, values) => {
    const config = (await render(values, DEFAULT)).find(({ kind }) => kind === "ConfigMap") as unknown as {
      data: { "entry.json": string };
    };
    const { entry } = values as { entry: object };
    expect(readEntry(config.data["entry.json"])).toMatchObject(entry);
  });
});

describe("the controller", () => {
  const objectsOf = (more: object = {}, release = DEFAULT) =>
    render({ ...LEAST, controller: { ...CONTROLLER, ...more } }, release);
  const labelsOf = (object: KubernetesObject | undefined) =>
    (object?.spec?.["template"] as KubernetesObject | undefined)?.metadata.labels ?? {};

  it("is there only when it is asked for", async () => {
    const without = new Set((await render(LEAST, DEFAULT)).map(placeOf));
    const kindsOf = (objects: readonly KubernetesObject[]) =>
      objects.flatMap((object) => (without.has(placeOf(object)) ? [] : object.kind)).sort();
    expect([...without].filter((place) => /controller|webhook|admission/.test(place))).toEqual([]);
    const eks = await objectsOf({ mode: "eks" });
    const guards = eks.filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"));
    expect(kindsOf(guards)).toHaveLength(10);
    expect(kindsOf(eks.filter((object) => !guards.includes(object)))).toEqual([
      "ClusterRole",
      "ClusterRoleBinding",
      "Deployment",
      "Lease",
      "PodDisruptionBudget",
      "Role",
      "Role",
      "RoleBinding",
      "RoleBinding",
      "Service",
      "ServiceAccount",
    ]);
    // What sets the limit, which EKS's own webhook does there.
    const known = new Set(eks.map(placeOf));
    expect(kindsOf((await objectsOf()).filter((object) => !known.has(placeOf(object))))).toEqual([
      "ClusterRole",
      "ClusterRoleBinding",
      "MutatingAdmissionPolicy",
      "MutatingAdmissionPolicyBinding",
      "MutatingWebhookConfiguration",
      "Role",
      "RoleBinding",
      "Secret",
    ]);
  });

  it("runs twice, on the node's network, and before any agent is ready", async () => {
    const objects = await objectsOf();
    const deployment = objects.find(({ kind }) => kind === "Deployment");
    expect(deployment?.spec).toMatchObject({
      replicas: 2,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    });
    const { containers, volumes, ...pod } = podOf(objects, "Deployment");
    expect(pod).toMatchObject({
      hostNetwork: true,
      serviceAccountName: "branchline-controller",
      priorityClassName: "system-cluster-critical",
      topologySpreadConstraints: [
        { topologyKey: "kubernetes.io/hostname", maxSkew: 1 },
        { topologyKey: "topology.kubernetes.io/zone", maxSkew: 1 },
      ],
    });
    expect(pod["tolerations"]).toContainEqual({ key: "branchline.dev/agent-not-ready", operator: "Exists" });
    expect(volumes).toBeUndefined();
    expect(containers[0].args).toEqual([
      "controller",
      "--mode=standalone",
      "--cluster-name=blue",
      "--cooldown=60s",
      "--live-groups=true",
      "--groups-per-interface=5",
      "--refused=evict",
      "--escaped=evict",
      "--warm-target=2",
      "--warm-share=10",
      "--eni-quota=5000",
      "--recycle=same-groups",
      "--webhook-listen=:61684",
      "--health-listen=127.0.0.1:61682",
      "--metrics-listen=:61683",
    ]);
    // The port by which the registration has it, as any Service has it that names none.
    const service = objects.find(({ kind }) => kind === "Service");
    expect(service?.spec?.["clusterIP"]).toBeUndefined();
    expect(service?.spec?.["ports"]).toContainEqual({ name: "webhook", port: 443, targetPort: "webhook" });
    expect(containers[0]).toMatchObject({
      ports: [
        { name: "health", containerPort: 61_682 },
        { name: "metrics", containerPort: 61_683 },
        { name: "webhook", containerPort: 61_684 },
      ],
    });
    // People may look at registrations.
    const eks = JSON.stringify(await objectsOf({ mode: "eks" })).replaceAll(
      "mutatingwebhookconfigurations",
      "",
    );
    expect(eks).not.toContain("webhook");
    expect(containers[0].securityContext).toMatchObject({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
  });

  it("has pods that its Service and its budget select, and the agents' DaemonSet does not", async () => {
    const objects = await render(GOOD.at(-1)?.[1] ?? {}, DEFAULT);
    const of = (kind: string) => objects.find((object) => object.kind === kind);
    const selectorOf = (kind: string) => of(kind)?.spec?.["selector"] as Record<string, unknown>;
    const labels = labelsOf(of("Deployment"));
    expect(labels).toMatchObject(selectorOf("Service"));
    for (const kind of ["Deployment", "PodDisruptionBudget"])
      expect(labels).toMatchObject(selectorOf(kind)["matchLabels"] as object);
    expect(labels).not.toMatchObject(selectorOf("DaemonSet")["matchLabels"] as object);
    expect(labelsOf(of("DaemonSet"))).not.toMatchObject(selectorOf("Deployment")["matchLabels"] as object);
  });

  it("has an account for which EC2's role can be named", async () => {
    const annotations = { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/x" };
    const objects = await objectsOf({ serviceAccountAnnotations: annotations });
    const found = objects.filter(({ metadata }) => metadata.annotations?.["eks.amazonaws.com/role-arn"]);
    expect(found.map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
      ["ServiceAccount", "branchline-controller"],
    ]);
  });

  it("has its rights as deploy has them; of another release its settings stay in kube-system", async () => {
    const rendered = (await objectsOf()).map(withoutMeta);
    for (const source of [...documentsOf("rbac/controller.yaml"), ...documentsOf("rbac/webhook.yaml")])
      expect(rendered).toContainEqual(source);
    const others = (await objectsOf({}, { name: "other", namespace: "elsewhere" })).filter(({ metadata }) =>
      metadata.name.startsWith("other-controller"),
    );
    const places = others.flatMap(({ kind, metadata: { name, namespace } }) =>
      namespace === "kube-system" ? `${kind} ${name}` : [],
    );
    expect(places.sort()).toEqual([
      "Role other-controller-settings",
      "RoleBinding other-controller-settings",
    ]);
    const settings = others.find(
      ({ kind, metadata }) => kind === "RoleBinding" && metadata.namespace === "kube-system",
    );
    expect(settings).toMatchObject({
      roleRef: { name: "other-controller-settings" },
      subjects: [{ name: "other-controller", namespace: "elsewhere" }],
    });
    expect(JSON.stringify(others.map(withoutMeta)).replaceAll('["branchline-controller"]', "")).not.toContain(
      "branchline-controller",
    );
  });
});

describe("what watches it", () => {
  const flagsOf = (...flags: readonly string[]) => ({
    metrics: { listen: ":61681" },
    monitoring: Object.fromEntries(flags.map((flag) => [flag, { enabled: true }])),
  });
  const objectsOf = async (more: object) => {
    const objects = await render({ ...LEAST, ...more }, DEFAULT);
    return (kind: string) => objects.find((object) => object.kind === kind);
  };
  const labelsOf = (object: KubernetesObject | undefined) =>
    (object?.spec?.["template"] as KubernetesObject | undefined)?.metadata.labels;
  const selectorOf = (object: KubernetesObject | undefined) =>
    (object?.spec?.["selector"] as { matchLabels: object } | undefined)?.matchLabels ?? {};
  const portsOf = (object: KubernetesObject | undefined) =>
    (object?.spec?.["template"] as { spec: PodSpec } | undefined)?.spec.containers[0];

  it("finds the agents by a port of that name, which they have only where others reach it", async () => {
    const of = await objectsOf(flagsOf("podMonitor"));
    expect(labelsOf(of("DaemonSet"))).toMatchObject(selectorOf(of("PodMonitor")));
    expect(of("PodMonitor")?.spec?.["podMetricsEndpoints"]).toMatchObject([
      { port: "metrics", relabelings: [{ targetLabel: "job", replacement: "branchline-agent" }, {}] },
    ]);
    expect(portsOf(of("DaemonSet"))).toMatchObject({ ports: [{ name: "metrics", containerPort: 61_681 }] });
    expect(portsOf((await objectsOf({}))("DaemonSet"))).not.toHaveProperty("ports");
    const six = await objectsOf({ metrics: { listen: "[::]:61681" } });
    expect(portsOf(six("DaemonSet"))).toMatchObject({ ports: [{ name: "metrics", containerPort: 61_681 }] });
  });

  it("finds the controller's Service, also under another instance's label", async () => {
    const of = await objectsOf({ ...flagsOf("serviceMonitor"), controller: CONTROLLER });
    const selector = selectorOf(of("ServiceMonitor"));
    expect(of("Service")?.metadata.labels).toMatchObject(selector);
    expect(Object.keys(selector)).not.toContain("app.kubernetes.io/instance");
    expect(of("ServiceMonitor")?.spec?.["endpoints"]).toMatchObject([
      { port: "metrics", relabelings: [{ targetLabel: "job", replacement: "branchline-controller" }, {}] },
    ]);
    expect(of("Service")?.spec?.["ports"]).toContainEqual(expect.objectContaining({ name: "metrics" }));
  });

  it.each<[string, object, readonly string[]]>([
    ["no controller", {}, ["agent"]],
    ["a controller beside EKS's", { controller: { ...CONTROLLER, mode: "eks" } }, ["agent", "controller"]],
    ["a controller", { controller: CONTROLLER }, ["agent", "controller", "standalone"]],
  ])("has the alerts of deploy, and none about what is not there: %s", async (_what, more, files) => {
    const of = await objectsOf({ ...flagsOf("prometheusRule"), ...more });
    const sources = files.flatMap((file) => documentsOf(`monitoring/alerts/${file}.yaml`)) as unknown as {
      groups: readonly object[];
    }[];
    expect(of("PrometheusRule")?.spec).toEqual({ groups: sources.flatMap(({ groups }) => groups) });
  });

  it("has the dashboard of deploy, as it is there", async () => {
    const objects = await render({ ...LEAST, ...flagsOf("dashboard") }, DEFAULT);
    const found = objects.find(({ metadata }) => metadata.name === "branchline-dashboard") as unknown as {
      metadata: { labels: object };
      data: Record<string, string>;
    };
    expect(found.metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    expect(found.data["branchline.json"]).toBe(
      readFileSync(path.join(DEPLOY, "monitoring/dashboard.json"), "utf8"),
    );
  });

  it("is not there unless it is asked for", async () => {
    const kinds = (await render({ ...LEAST, controller: CONTROLLER }, DEFAULT)).map(
      ({ kind, metadata }) => `${kind} ${metadata.name}`,
    );
    expect(kinds.filter((kind) => /Monitor|PrometheusRule|dashboard/.test(kind))).toEqual([]);
  });
});

describe("the same source as deploy has", () => {
  const RBAC = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];

  it("rights", async () => {
    const rendered = (await render(LEAST, DEFAULT)).filter(({ kind }) => RBAC.includes(kind));
    const sources = ["agent", "uninstall", "people"].flatMap((name) => documentsOf(`rbac/${name}.yaml`));
    expect(rendered).toHaveLength(sources.length);
    for (const source of sources) expect(rendered.map(withoutMeta)).toContainEqual(source);
  });

  it("of another release they have its names and namespace, and only the guard keeps its own", async () => {
    const objects = await render(LEAST, { name: "other", namespace: "elsewhere" });
    const rights = JSON.stringify(objects.filter(({ kind }) => RBAC.includes(kind)).map(withoutMeta));
    expect(rights).not.toMatch(/branchline-agent|kube-system/);
    expect(rights.match(/branchline-uninstall/g)).toEqual(["branchline-uninstall"]);
    expect(rights).toContain("other-agent");
    const names = objects.flatMap(({ metadata }) => metadata.namespace ?? []);
    expect(new Set(names)).toEqual(new Set(["elsewhere"]));
  });

  const admissionOf = (objects: readonly KubernetesObject[]) =>
    objects
      .filter(({ apiVersion, kind }) => apiVersion.startsWith("admissionregistration") || kind === "Secret")
      .map(withoutMeta);
  const fileOf = (name: string) => documentsOf(`admission/${name}.yaml`);
  const GUARDS = ["guard-annotations", "guard-cninodes", "guard-exempt-namespaces", "guard-selected-pods"];
  const sorted = (objects: readonly KubernetesObject[]) =>
    objects.toSorted((one, other) => placeOf(one).localeCompare(placeOf(other)));

  it("admission, and in eks mode the guards alone", async () => {
    const all = documentsOf("admission/*.yaml");
    const guards = GUARDS.flatMap(fileOf);
    const standalone = await render({ ...LEAST, controller: CONTROLLER }, DEFAULT);
    expect(sorted(admissionOf(standalone))).toEqual(sorted(all));
    const eks = await render({ ...LEAST, controller: { ...CONTROLLER, mode: "eks" } }, DEFAULT);
    expect(sorted(admissionOf(eks))).toEqual(sorted(guards));
  });

  it("before Kubernetes 1.36 no mutating policy, and all the rest", async () => {
    const argv = ["template", "branchline", CHART, "--namespace", "kube-system"];
    const { stdout } = await helm([...argv, ...valuesOf({ ...LEAST, controller: CONTROLLER })]);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
    expect(sorted(admissionOf(objects))).toEqual(sorted([...GUARDS.flatMap(fileOf), ...fileOf("webhook")]));
  });

  it("admission of another release has its accounts and its namespace, and its own names", async () => {
    const other = { name: "other", namespace: "elsewhere" };
    const entry = { serviceCIDRs: [], exemptNamespaces: ["one", "elsewhere", "two"] };
    const objects = admissionOf(await render({ ...LEAST, entry, controller: CONTROLLER }, other));
    const ours = admissionOf(await render({ ...LEAST, controller: CONTROLLER }, DEFAULT));
    const text = JSON.stringify(sorted(objects))
      .replaceAll("serviceaccount:elsewhere:other-", "serviceaccount:kube-system:branchline-")
      .replace('"values":["elsewhere","one","two"]', '"values":["kube-system"]')
      .replace('"values":["elsewhere"]', '"values":["kube-system"]')
      .replaceAll('"namespace":"elsewhere"', '"namespace":"kube-system"');
    expect(JSON.parse(text)).toEqual(sorted(ours));
    expect(text).not.toContain("elsewhere");
  });

  it("CRDs, which stay when the chart goes, and are there only when asked for", async () => {
    const rendered = await render({ ...LEAST, crds: { install: true } }, DEFAULT);
    const crds = rendered.filter(({ kind }) => kind === "CustomResourceDefinition");
    const sources = [...documentsOf("crds/cninodes.yaml"), ...documentsOf("crds/securitygrouppolicies.yaml")];
    expect(crds.map(({ spec }) => spec)).toEqual(sources.map(({ spec }) => spec));
    for (const { metadata } of crds) {
      expect(metadata.annotations?.["helm.sh/resource-policy"]).toBe("keep");
      const source = sources.find((one) => one.metadata.name === metadata.name);
      expect(metadata.annotations).toMatchObject(source?.metadata.annotations ?? {});
    }
    expect((await render(LEAST, DEFAULT)).map(({ kind }) => kind)).not.toContain("CustomResourceDefinition");
  });
});

it("all of the uninstalling is there before anything is deleted, the rights first", async () => {
  const hooks = (await render(LEAST, DEFAULT)).filter(({ metadata }) =>
    metadata.annotations?.["helm.sh/hook"]?.includes("pre-delete"),
  );
  const weights = hooks.map(
    ({ kind, metadata }) => [kind, Number(metadata.annotations?.["helm.sh/hook-weight"] ?? 0)] as const,
  );
  expect(weights).toHaveLength(6);
  expect(weights.filter(([, weight]) => weight === 0)).toEqual([["Job", 0]]);
  const { containers, ...pod } = podOf(hooks, "Job");
  expect(pod).toMatchObject({
    hostNetwork: true,
    restartPolicy: "Never",
    serviceAccountName: "branchline-uninstall",
  });
  expect(containers[0].args).toEqual([
    "uninstall",
    "--daemon-set=kube-system/branchline-agent",
    "--timeout=240",
    "--list=/etc/cni/net.d/05-branchline.conflist",
    "--executable=/opt/cni/bin/branchline",
  ]);
  expect(containers[0].securityContext).toMatchObject({
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
  });
});

it("every value of values.yaml is one that the schema knows, and has a use", () => {
  const schema = JSON.parse(readFileSync(path.join(CHART, "values.schema.json"), "utf8")) as Schema;
  const values = parse(readFileSync(path.join(CHART, "values.yaml"), "utf8")) as object;
  const { global: _, enabled: __, ...properties } = schema.properties ?? {};
  expect(Object.keys(values).sort()).toEqual(Object.keys(properties).sort());
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

describe("values that are refused, with a line that says which", () => {
  it.each<[object, string]>([
    [{}, "image.repository is missing: there is no published image"],
    [{ image }, 'entry.serviceCIDRs is missing: datapath "auto" needs the ranges of the cluster\'s Services'],
    [{ image, entry: { datapath: "direct" } }, 'entry.serviceCIDRs is missing: datapath "direct"'],
    [{ ...LEAST, entry: null }, "at '': missing property 'entry'"],
    [{ image, entry: { datapath: null } }, "at '/entry': missing property 'datapath'"],
    [{ ...LEAST, cni: { mode: null } }, "at '/cni': missing property 'mode'"],
    [{ ...LEAST, unrequested: null }, "at '': missing property 'unrequested'"],
    [
      { ...LEAST, controller: { webhook: { port: null } } },
      "at '/controller/webhook': missing property 'port'",
    ],
    [{ ...LEAST, metrics: { listen: ":0" } }, "metrics.listen has port 0, which is none from 1 to 65535"],
    [{ ...LEAST, metrics: { listen: ":65536" } }, "metrics.listen has port 65536"],
    [{ ...LEAST, health: { port: 61_681 } }, "health.port and metrics.listen have the same port, 61681"],
    [
      { ...LEAST, controller: { ...CONTROLLER, health: { port: 61_680 } } },
      "controller.health.port and health.port have the same port, 61680: both are of the node",
    ],
    [{ ...LEAST, cni: { mode: "ajar" } }, "at '/cni/mode': value must be one of 'open', 'closed'"],
    [{ ...LEAST, cni: { confDir: "etc/cni" } }, "at '/cni/confDir'"],
    [{ ...LEAST, cni: { listName: "05-x.conf" } }, "at '/cni/listName'"],
    [{ ...LEAST, health: { port: 0 } }, "at '/health/port'"],
    [{ ...LEAST, nodeSelector: { a: 1 } }, "at '/nodeSelector/a': got number, want string"],
    [{ ...LEAST, controller: { enabled: true } }, "at '/controller/clusterName': '' does not match pattern"],
    [{ ...LEAST, controller: { ...CONTROLLER, clusterName: "*" } }, "at '/controller/clusterName': '*'"],
    // No mode is what one could mean who says nothing.
    [
      { ...LEAST, controller: { enabled: true, clusterName: "blue" } },
      "at '/controller/mode': value must be one of 'standalone', 'eks'",
    ],
    [
      { ...LEAST, controller: { ...CONTROLLER, mode: "both" } },
      "at '/controller/mode': value must be one of 'standalone', 'eks'",
    ],
    [{ ...LEAST, controller: { ...CONTROLLER, replicas: 0 } }, "at '/controller/replicas'"],
    [
      { ...LEAST, controller: { ...CONTROLLER, mode: "eks" }, crds: { install: true } },
      'crds.install is true, but controller.mode is "eks": AWS\'s controller has SecurityGroupPolicy and CNINode',
    ],
    [
      { ...LEAST, controller: { mode: "eks" }, crds: { install: true } },
      'crds.install is true, but controller.mode is "eks"',
    ],
    [
      { ...LEAST, monitoring: { podMonitor: { enabled: true } } },
      'metrics.listen is "127.0.0.1:61681", where no Prometheus reaches the agents: use ":61681"',
    ],
    [
      { ...LEAST, monitoring: { podMonitor: { enabled: true } }, metrics: { listen: "[::1]:61681" } },
      'metrics.listen is "[::1]:61681"',
    ],
    [
      { ...LEAST, monitoring: { serviceMonitor: { enabled: true } } },
      "monitoring.serviceMonitor.enabled is true, but there is no controller",
    ],
    [{ ...LEAST, monitoring: { podmonitor: {} } }, "additional properties 'podmonitor' not allowed"],
    [
      { ...LEAST, updateStrategy: { rollingUpdate: { maxSurge: 1 } } },
      "at '/updateStrategy/rollingUpdate': additional properties 'maxSurge' not allowed",
    ],
    [{ ...LEAST, resources: { limit: {} } }, "at '/resources': additional properties 'limit' not allowed"],
    [{ ...LEAST, affinity: { nodeAfinity: {} } }, "additional properties 'nodeAfinity' not allowed"],
    [{ ...LEAST, tolerations: [{ keys: "a" }] }, "at '/tolerations/0': additional properties 'keys'"],
    [
      { ...LEAST, controller: { ...CONTROLLER, env: [{ name: "A", values: "b" }] } },
      "at '/controller/env/0'",
    ],
    [{ ...LEAST, agent: {} }, "additional properties 'agent' not allowed"],
  ])("%j", async (values, words) => {
    await expect(render(values, DEFAULT)).rejects.toThrow(words);
  });

  it.each<[object, string]>([
    [{ mising: 1 }, "at '/entry': additional properties 'mising' not allowed"],
    [{ datapath: "sideways" }, "at '/entry/datapath': value must be one of 'direct', 'routed', 'auto'"],
    [{ serviceCIDRs: "10.96.0.0/16" }, "at '/entry/serviceCIDRs': got string, want array"],
    [{ serviceCIDRs: ["10.96.0.0"] }, "at '/entry/serviceCIDRs/0': '10.96.0.0' does not match"],
    [{ serviceCIDRs: ["10.96.0.0/33"] }, "at '/entry/serviceCIDRs/0': '10.96.0.0/33' does not match"],
    [{ serviceCIDRs: ["10.0.0.0/7"] }, "at '/entry/serviceCIDRs/0': '10.0.0.0/7' does not match"],
    [{ serviceCIDRs: ["10.96.300.0/24"] }, "at '/entry/serviceCIDRs/0': '10.96.300.0/24' does not match"],
    [{ serviceCIDRs: ["fd00::/16"] }, "at '/entry/serviceCIDRs/0': 'fd00::/16' does not match"],
    [
      { serviceCIDRs: ["fd00::/108", "172.20.0.1/16"] },
      'entry.serviceCIDRs has "172.20.0.1/16", whose address is not the first of its network',
    ],
    [{ hostRoutes: ["169.254.170.23/31"] }, 'entry.hostRoutes has "169.254.170.23/31"'],
    [{ missingAnnotation: "pass" }, "at '/entry/missingAnnotation': value must be one of 'ask', 'refuse'"],
    [{ branchTimeout: 0 }, "at '/entry/branchTimeout'"],
    [{ gatewayTimeout: 101 }, "at '/entry/gatewayTimeout'"],
    [{ exemptNamespaces: ["*"] }, "at '/entry/exemptNamespaces/0'"],
    [{ families: ["5"] }, "at '/entry/families/0'"],
    [
      { podSGEnforcingMode: "strict" },
      'entry.podSGEnforcingMode "strict" is not possible with datapath "auto"',
    ],
    [{ mtu: 20 }, "at '/entry/mtu'"],
    [{ pluginLogFile: "log" }, "at '/entry/pluginLogFile'"],
    [{ pluginLogLevel: "loud" }, "at '/entry/pluginLogLevel'"],
    [{ alreadyAttached: "maybe" }, "at '/entry/alreadyAttached'"],
    [{ enablePodENI: false }, "additional properties 'enablePodENI' not allowed"],
  ])("an entry that the agent refuses as well: %j", async (more, words) => {
    const values = entryOf(more);
    await expect(render(values, DEFAULT)).rejects.toThrow(words);
    expect(() => readEntry(JSON.stringify(values.entry))).toThrow(EntryError);
  });
});
