// The command lines of Kubernetes' own programs.
import path from "node:path";
import type { Program } from "../../setup/kubernetes.ts";
import type { Certificate } from "./certificates.ts";

/** What may run. */
export type Part = Extract<Program, "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler">;

export interface Setting {
  /** Where programs write what nobody reads. */
  readonly directory: string;
  readonly etcdPort: number;
  readonly port: number;
  readonly authority: Certificate;
  readonly server: Certificate;
  /** Of service accounts' tokens: the public key and the private one. */
  readonly tokens: Certificate;
  readonly audit: { readonly policy: string; readonly log: string } | undefined;
  readonly withControllerManager: boolean;
  /** Kubeconfigs of these two. */
  readonly controllerManager: string;
  readonly scheduler: string;
  /** Nodes with kubelets, if there are any. */
  readonly nodes: NodesSetting | undefined;
}

export interface NodesSetting {
  /** By which nodes reach the API server. */
  readonly address: string;
  /** By which the API server asks kubelets, for logs and exec. */
  readonly kubeletClient: Certificate;
}

const SERVICE_RANGE = "10.96.0.0/16";

/** Names that a server's certificate is for; the second is the first address of services. */
export const SERVER_NAMES = [
  "IP:127.0.0.1",
  "IP:10.96.0.1",
  "DNS:localhost",
  "DNS:kubernetes.default",
  "DNS:kubernetes.default.svc",
];

/**
 * A node without a kubelet has nobody who renews its lease: what would call it unready for that, and evict its pods, stays
 * away.
 */
const CONTROLLERS_WITHOUT_KUBELETS = ["*", "-node-lifecycle-controller", "-taint-eviction-controller"];

/** Where etcd keeps its data. */
export const etcdDataIn = (directory: string) => path.join(directory, "etcd");

export function flagsOf(part: Part, setting: Setting): string[] {
  switch (part) {
    case "etcd":
      return etcd(setting);
    case "kube-apiserver":
      return apiServer(setting);
    case "kube-controller-manager":
      return controllerManager(setting);
    case "kube-scheduler":
      return scheduler(setting);
  }
}

function etcd({ directory, etcdPort }: Setting): string[] {
  const url = `http://127.0.0.1:${etcdPort}`;
  return [
    `--data-dir=${etcdDataIn(directory)}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    // A killed etcd keeps what the kernel has: only a power cut would lose it.
    "--unsafe-no-fsync",
  ];
}

function apiServer(setting: Setting): string[] {
  const { authority, server, tokens, audit, nodes } = setting;
  return [
    `--etcd-servers=http://127.0.0.1:${setting.etcdPort}`,
    `--bind-address=${nodes === undefined ? "127.0.0.1" : "0.0.0.0"}`,
    `--secure-port=${setting.port}`,
    // The endpoint of the Service `kubernetes`, which must not be loopback. Without nodes nobody uses it.
    `--advertise-address=${nodes?.address ?? "192.0.2.1"}`,
    ...(nodes === undefined ? [] : kubeletFlags(nodes.kubeletClient)),
    `--cert-dir=${setting.directory}`,
    `--tls-cert-file=${server.certificate}`,
    `--tls-private-key-file=${server.key}`,
    `--client-ca-file=${authority.certificate}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    // Only a controller manager makes the service account that each pod must have.
    ...(setting.withControllerManager ? [] : ["--disable-admission-plugins=ServiceAccount"]),
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${tokens.certificate}`,
    `--service-account-signing-key-file=${tokens.key}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    "--allow-privileged",
    "--etcd-compaction-interval=0",
    "--profiling=false",
    ...(audit === undefined ? [] : [`--audit-policy-file=${audit.policy}`, `--audit-log-path=${audit.log}`]),
  ];
}

function kubeletFlags({ certificate, key }: Certificate): string[] {
  return [
    `--kubelet-client-certificate=${certificate}`,
    `--kubelet-client-key=${key}`,
    // Nobody resolves their names.
    "--kubelet-preferred-address-types=InternalIP",
  ];
}

function scheduler({ scheduler: kubeconfig }: Setting): string[] {
  return [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"];
}

function controllerManager(setting: Setting): string[] {
  const { authority, tokens, controllerManager: kubeconfig, nodes } = setting;
  return [
    `--kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    "--secure-port=0",
    // Its own 20 requests a second make its start take 5 s.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--use-service-account-credentials",
    ...(nodes === undefined ? [`--controllers=${CONTROLLERS_WITHOUT_KUBELETS.join(",")}`] : []),
    `--service-account-private-key-file=${tokens.key}`,
    `--root-ca-file=${authority.certificate}`,
    `--cluster-signing-cert-file=${authority.certificate}`,
    `--cluster-signing-key-file=${authority.key}`,
  ];
}
