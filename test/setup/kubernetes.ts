import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedCache } from "./cache.ts";

const SOURCE = join(import.meta.dirname, "kubernetes");

/** What kubernetes.sh can make. */
export type Program =
  "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubectl" | "helm";

/** Where kubernetes.sh of this checkout puts programs of Kubernetes: by version, and by what else they are built from. */
export function kubernetesDirectory(cache = sharedCache): string {
  const [mod, sum] = ["go.mod", "go.sum"].map((name) => readFileSync(join(SOURCE, name), "utf8"));
  const version = /^require k8s\.io\/kubernetes v(\S+)$/m.exec(mod ?? "")?.[1];
  if (version === undefined) throw new Error(`${SOURCE}/go.mod requires no k8s.io/kubernetes`);
  const hash = createHash("sha256").update(`${mod}${sum}`).digest("hex").slice(0, 16);
  return join(cache, "kubernetes", `${version}-${hash}`);
}
