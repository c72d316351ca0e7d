import { programsDirectory } from "./programs.ts";

/** What kubernetes.sh can make. */
export type Program =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kubelet"
  | "kube-proxy"
  | "kubectl"
  | "helm";

/** Where kubernetes.sh of this checkout puts programs of Kubernetes. */
export function kubernetesDirectory(cache?: string): string {
  return programsDirectory("kubernetes", "k8s.io/kubernetes", cache);
}
