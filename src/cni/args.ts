/**
 * CNI_ARGS, `K=V;K=V`: the pod's identity. Deprecated by the specification, but still the only way for runtimes to pass
 * it.
 */

import { CniError, ErrorCode } from "./errors.ts";
import { quote } from "../text/json.ts";

export interface PodArgs {
  readonly podNamespace: string | undefined;
  readonly podName: string | undefined;
  readonly podUid: string | undefined;
  readonly infraContainerId: string | undefined;
}

const KNOWN = new Set([
  "IgnoreUnknown",
  "K8S_POD_NAMESPACE",
  "K8S_POD_NAME",
  "K8S_POD_INFRA_CONTAINER_ID",
  "K8S_POD_UID",
]);

/**
 * For ADD: unknown keys are an error unless IgnoreUnknown says otherwise, wherever it stands. The reference plugins
 * that read CNI_ARGS (tuning) answer 999 for all of this; we say 4, the code for environment variables.
 */
export function parsePodArgs(text: string): PodArgs {
  const { args, unknown, defect } = split(text);
  if (defect !== undefined) throw new CniError(ErrorCode.InvalidEnvironment, `CNI_ARGS: ${defect}`);
  const ignore = (args.get("IgnoreUnknown") ?? "false").toLowerCase();
  if (!["1", "true", "0", "false"].includes(ignore)) {
    throw new CniError(
      ErrorCode.InvalidEnvironment,
      `CNI_ARGS: IgnoreUnknown is ${quote(args.get("IgnoreUnknown"))}, not 1, true, 0 or false`,
    );
  }
  if (unknown.length > 0 && ignore !== "1" && ignore !== "true") {
    const names = unknown.slice(0, 10).map((pair) => quote(pair));
    const more = unknown.length > 10 ? ` and ${unknown.length - 10} more` : "";
    throw new CniError(
      ErrorCode.InvalidEnvironment,
      `CNI_ARGS: unknown without IgnoreUnknown=1: ${names.join(", ")}${more}`,
    );
  }
  return podArgs(args);
}

/** For the other verbs: whatever can be read. A DEL never fails because of its CNI_ARGS. */
export function readPodArgs(text: string): PodArgs {
  return podArgs(split(text).args);
}

function split(text: string): { args: Map<string, string>; unknown: string[]; defect: string | undefined } {
  const args = new Map<string, string>();
  const unknown: string[] = [];
  let defect: string | undefined;
  for (const pair of text === "" ? [] : text.split(";")) {
    const [key = "", value, ...more] = pair.split("=");
    if (value === undefined || more.length > 0) defect ??= `${quote(pair)} is not of the form KEY=VALUE`;
    else if (KNOWN.has(key)) args.set(key, value);
    else unknown.push(pair);
  }
  return { args, unknown, defect };
}

function podArgs(args: ReadonlyMap<string, string>): PodArgs {
  const value = (key: string) => args.get(key) || undefined;
  return {
    podNamespace: value("K8S_POD_NAMESPACE"),
    podName: value("K8S_POD_NAME"),
    podUid: value("K8S_POD_UID"),
    infraContainerId: value("K8S_POD_INFRA_CONTAINER_ID"),
  };
}

/** Whether the call comes from a Kubernetes runtime: any of its keys shows that. */
export function isKubernetes({ podNamespace, podName, podUid, infraContainerId }: PodArgs): boolean {
  return (podNamespace ?? podName ?? podUid ?? infraContainerId) !== undefined;
}
