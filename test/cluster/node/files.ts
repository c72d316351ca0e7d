// What a node's administrator has written on its disk.
import { stringify } from "yaml";
import { sandboxImage } from "../images/images.ts";
import { NODE_TYPE, ZONE } from "../world.ts";

/** Of Services; test/ground/kubernetes/flags.ts has it. */
export const SERVICE_CIDR = "10.96.0.0/16";
/** Of the Service kube-dns. */
export const DNS_ADDRESS = "10.96.0.10";
/** Keeps pods away until the controller has seen the node's agent ready. */
const TAINT = { key: "branchline.dev/agent-not-ready", effect: "NoSchedule" };

export interface NodeConfiguration {
  readonly name: string;
  readonly address: string;
  readonly instance: string;
  /** PEM of who signs clients' certificates. */
  readonly ca: string;
  /** Kubeconfigs, as text. */
  readonly kubelet: string;
  readonly kubeProxy: string;
  /** Whether the machine has its cgroups in hierarchies of version 1. */
  readonly cgroupV1: boolean;
  /** More of kubelet's configuration. */
  readonly more?: object;
}

/** Snapshotters and others that cost time and that nothing here needs. */
const DISABLED = [
  "internal.v1.opt",
  "snapshotter.v1.aufs",
  "snapshotter.v1.btrfs",
  "snapshotter.v1.devmapper",
  "snapshotter.v1.zfs",
];

const CONTAINERD = `version = 2
disabled_plugins = [${DISABLED.map((name) => `"io.containerd.${name}"`).join(", ")}]

# Of two seconds; a busy machine takes longer.
[timeouts]
"io.containerd.timeout.task.state" = "2m"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${sandboxImage}"
# Lowering a score takes CAP_SYS_RESOURCE, which not every root has.
restrict_oom_score_adj = true
disable_apparmor = true
enable_selinux = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"
`;

/** By their paths on the node. */
export function nodeFiles(node: NodeConfiguration): Record<string, string> {
  const { name, address, instance } = node;
  return {
    "/etc/containerd/config.toml": CONTAINERD,
    "/etc/kubernetes/ca.crt": node.ca,
    "/etc/kubernetes/kubelet.kubeconfig": node.kubelet,
    "/etc/kubernetes/kube-proxy.kubeconfig": node.kubeProxy,
    // Beside the file there are things that only flags say.
    "/etc/kubernetes/kubelet.flags": `--node-ip=${address} --node-labels=${[
      `node.kubernetes.io/instance-type=${NODE_TYPE}`,
      `topology.kubernetes.io/zone=${ZONE}`,
    ].join(",")}\n`,
    "/etc/kubernetes/kubelet.yaml": stringify({
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
      providerID: `aws:///${ZONE}/${instance}`,
      registerWithTaints: [TAINT],
      clusterDNS: [DNS_ADDRESS],
      clusterDomain: "cluster.local",
      staticPodPath: "/etc/kubernetes/manifests",
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: "/etc/kubernetes/ca.crt" },
      },
      authorization: { mode: "Webhook" },
      cgroupDriver: "cgroupfs",
      ...(node.cgroupV1 && { failCgroupV1: false }),
      failSwapOn: false,
      enforceNodeAllocatable: [],
      localStorageCapacityIsolation: false,
      // The disk is this machine's memory: nothing is evicted or collected for want of it.
      evictionHard: Object.fromEntries(
        ["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"].map((signal) => [
          signal,
          "0%",
        ]),
      ),
      imageGCHighThresholdPercent: 100,
      // Ours are many and short.
      registryPullQPS: 0,
      eventRecordQPS: 0,
      runtimeRequestTimeout: "10m",
      volumeStatsAggPeriod: "-1s",
      ...node.more,
    }),
    "/etc/kubernetes/kube-proxy.yaml": stringify({
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      hostnameOverride: name,
      clientConnection: { kubeconfig: "/etc/kubernetes/kube-proxy.kubeconfig" },
      mode: "nftables",
      // The kernel's own: a namespace of the network may not set them.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    }),
  };
}
