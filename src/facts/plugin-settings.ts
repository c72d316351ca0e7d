import { type Json, type JsonObject, isArray, isObject, parseJson } from "../text/json.ts";
import type { Api } from "./api.ts";
import { readConfigMap } from "./config-maps.ts";
import { type Fact, known, mapFact, unknown } from "./fact.ts";
import { flagOf, type WorkloadFact } from "./workloads.ts";

/** How pods get their branch, by what is configured: the agent's entry, or aws-node where that attaches branches itself. */

export interface PluginSettings {
  /** Such as `ConfigMap kube-system/branchline-agent`. */
  readonly from: string;
  readonly datapath: "direct" | "routed" | "auto";
  /** Of routed pods. */
  readonly mode: "standard" | "strict";
  /** A pod's own annotation counts. */
  readonly mayOverride: boolean;
  readonly managesEarlyDemux: boolean;
  /** Undefined: they are not said, or not valid. */
  readonly serviceCidrs: readonly string[] | undefined;
  /** Undefined: the plugin's own. */
  readonly hostRoutes: readonly string[] | undefined;
  /** The agent's --network-policies. */
  readonly networkPolicies: "auto" | "enforced" | "ignore";
}

/** A pod's own choice of its datapath. */
export const DATAPATH_ANNOTATION = "branchline.dev/datapath";

/** Undefined: neither an agent of ours nor an aws-node with ENABLE_POD_ENI is there. */
export async function readPluginSettings(
  api: Api,
  daemonSets: Fact<readonly WorkloadFact[]>,
): Promise<Fact<PluginSettings | undefined>> {
  if (!daemonSets.known) return daemonSets;
  const agent = daemonSets.value.find(isAgent);
  if (agent === undefined) return known(settingsOfAwsNode(daemonSets.value));
  const { namespace, name } = agent;
  const map = await readConfigMap(api, namespace, name);
  if (map.known && map.value === undefined) {
    return unknown({
      what: "the plugin's entry",
      reason: "absent",
      message: `there is no ConfigMap ${namespace}/${name}`,
    });
  }
  return mapFact(map, (data) => settingsIn(agent, data ?? {}));
}

/** By the chart's labels. */
export function isAgent({ labels }: Pick<WorkloadFact, "labels">): boolean {
  const { "app.kubernetes.io/name": name, "app.kubernetes.io/component": component } = labels;
  return name === "branchline" && (component === undefined || component === "agent");
}

/** `data`: of the agent's ConfigMap. What cannot be read there counts as not said, as the agent has refused it. */
export function settingsIn(agent: WorkloadFact, data: Readonly<Record<string, string>>): PluginSettings {
  const entry = entryIn(data["entry.json"] ?? "");
  const [container] = agent.containers;
  const policies = container && flagOf(container, "--network-policies");
  return {
    from: `ConfigMap ${agent.namespace}/${agent.name}`,
    datapath: oneOf(entry["datapath"], ["direct", "routed", "auto"]) ?? "direct",
    mode: oneOf(entry["podSGEnforcingMode"], ["standard", "strict"]) ?? "strict",
    mayOverride: isOn(entry["allowDatapathOverride"]),
    managesEarlyDemux: isOn(entry["manageEarlyDemux"]),
    serviceCidrs: textsOf(entry["serviceCIDRs"]),
    hostRoutes: textsOf(entry["hostRoutes"]),
    networkPolicies: oneOf(policies, ["auto", "enforced", "ignore"]) ?? "auto",
  };
}

/** With ENABLE_POD_ENI it attaches branches as our datapath `routed` does. */
function settingsOfAwsNode(daemonSets: readonly WorkloadFact[]): PluginSettings | undefined {
  const awsNode = daemonSets.find(({ name }) => name === "aws-node");
  const env = awsNode && envOf(awsNode);
  if (awsNode === undefined || env?.["ENABLE_POD_ENI"] !== "true") return undefined;
  return {
    from: `DaemonSet ${awsNode.namespace}/${awsNode.name}`,
    datapath: "routed",
    mode: oneOf(env["POD_SECURITY_GROUP_ENFORCING_MODE"], ["standard", "strict"]) ?? "strict",
    mayOverride: false,
    managesEarlyDemux: false,
    serviceCidrs: undefined,
    hostRoutes: undefined,
    networkPolicies: "auto",
  };
}

/** Of all containers. */
export function envOf({ containers }: WorkloadFact): Readonly<Record<string, string>> {
  return Object.assign({}, ...containers.map(({ env }) => env)) as Readonly<Record<string, string>>;
}

function entryIn(text: string): JsonObject {
  try {
    const entry = parseJson(text);
    return isObject(entry) ? entry : {};
  } catch {
    return {};
  }
}

function oneOf<const T extends string>(value: Json | undefined, words: readonly T[]): T | undefined {
  return words.find((word) => word === value);
}

function isOn(value: Json | undefined): boolean {
  return value === true || value === "true";
}

function textsOf(value: Json | undefined): readonly string[] | undefined {
  if (value === undefined || !isArray(value)) return undefined;
  return value.flatMap((one) => (typeof one === "string" ? [one] : []));
}
