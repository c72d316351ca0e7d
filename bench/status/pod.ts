import { POD_ENI } from "../../test/api/support/controlled-cluster.ts";

/** Pods as Deployments of a larger company have them: with managedFields some 8 kB of JSON. */

export interface PodPlace {
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly node: string;
  readonly wantsBranch: boolean;
}

export function podOf({ name, namespace, app, node, wantsBranch }: PodPlace): object {
  const branch = wantsBranch ? { [POD_ENI]: "1" } : {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels: {
        app,
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": `${app}-production`,
        "app.kubernetes.io/part-of": "storefront",
        "pod-template-hash": "6d4cf56db6",
      },
      annotations: {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9090",
        "kubectl.kubernetes.io/restartedAt": "2026-11-20T08:15:30Z",
        "checksum/config": "3b5d5c3712955042212316173ccf37be800f5e4b1f0f7a4e1b4f2f6f0a9d9f0a",
      },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: `${app}-6d4cf56db6`,
          uid: "4a1f6f0e-9d3c-4f0f-8f2e-6f2a5f1f0c11",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      nodeName: node,
      serviceAccountName: app,
      terminationGracePeriodSeconds: 0,
      containers: [
        containerOf({ ...branch, cpu: "500m", memory: "512Mi" }),
        {
          name: "proxy",
          image: "registry.example/shop/proxy:2026.11.20-1",
          args: ["--listen=0.0.0.0:15000", "--upstream=127.0.0.1:8080"],
        },
      ],
      volumes: [
        { name: "config", configMap: { name: `${app}-config` } },
        {
          name: "token",
          projected: {
            sources: [
              { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
              {
                configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] },
              },
            ],
          },
        },
      ],
    },
  };
}

/** Of the chart's DaemonSet. */
export function agentOf(node: string): object {
  const { metadata, spec } = podOf({
    name: `branchline-agent-${node}`,
    namespace: "kube-system",
    app: "branchline",
    node,
    wantsBranch: false,
  }) as { metadata: { labels: object }; spec: object };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, labels: { ...metadata.labels, "app.kubernetes.io/component": "agent" } },
    spec: { ...spec, hostNetwork: true },
  };
}

function containerOf(limits: Readonly<Record<string, string>>): object {
  return {
    name: "main",
    image: "registry.example/shop/main:2026.11.20-1",
    args: ["--listen=0.0.0.0:8080", "--log-format=json"],
    env: [
      { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
      ...Array.from({ length: 5 }, (_, i) => ({
        name: `URL_OF_SERVICE_${i}`,
        value: `https://service-${i}.internal.example:8443/api`,
      })),
    ],
    ports: [{ containerPort: 8080, name: "http" }],
    readinessProbe: { httpGet: { path: "/readyz", port: 8080 }, periodSeconds: 5 },
    resources: { limits, requests: limits },
    volumeMounts: [
      { name: "config", mountPath: "/etc/app" },
      { name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
    ],
  };
}

/** As its kubelet reports it: started so many seconds after it was bound. */
export function statusOf(address: string, boundAt: number, seconds: number): object {
  const at = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const started = at(boundAt + seconds * 1000);
  const condition = (type: string, when: string) => ({ type, status: "True", lastTransitionTime: when });
  return {
    phase: "Running",
    startTime: at(boundAt),
    hostIP: "10.0.0.4",
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: [
      condition("PodScheduled", at(boundAt)),
      condition("PodReadyToStartContainers", started),
      condition("Initialized", started),
      condition("ContainersReady", started),
      condition("Ready", started),
    ],
    containerStatuses: ["main", "proxy"].map((name) => ({
      name,
      ready: true,
      started: true,
      restartCount: 0,
      image: `registry.example/shop/${name}:2026.11.20-1`,
      imageID: `registry.example/shop/${name}@sha256:${"ab".repeat(32)}`,
      containerID: `containerd://${"cd".repeat(32)}`,
      state: { running: { startedAt: started } },
    })),
  };
}
