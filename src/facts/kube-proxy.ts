import type { Api } from "./api.ts";
import { readConfigMap } from "./config-maps.ts";
import { type Fact, mapFact } from "./fact.ts";

const SYSTEM = "kube-system";

/** kube-proxy's mode, "" for its default; undefined without its ConfigMap. On EKS kube-proxy-config, elsewhere as kubeadm calls it. */
export async function readProxyMode(api: Api): Promise<Fact<string | undefined>> {
  const ofEks = await readConfigMap(api, SYSTEM, "kube-proxy-config");
  const found =
    ofEks.known && ofEks.value === undefined ? await readConfigMap(api, SYSTEM, "kube-proxy") : ofEks;
  return mapFact(found, (data) => data && modeIn(data));
}

/** Of kube-proxy's configuration, which is YAML in one of two keys. */
export function modeIn(data: Readonly<Record<string, string>>): string {
  const text = data["config"] ?? data["config.conf"] ?? "";
  return /^mode:[ \t]*"?([a-z]*)"?[ \t]*$/m.exec(text)?.[1] ?? "";
}
