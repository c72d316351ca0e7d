import type { Json, JsonObject } from "../text/json.ts";
import type { EntryFact, PodFact } from "./facts.ts";

/** What the plugin's entry means for pods (docs/configuration.md). */

export interface Settings {
  readonly datapath: string;
  /** Of routed pods. */
  readonly mode: string;
  readonly mayOverride: boolean;
  readonly managesEarlyDemux: boolean;
}

export function settingsOf(entry: JsonObject): Settings {
  return {
    datapath: textOf(entry["datapath"]) ?? "direct",
    mode: textOf(entry["podSGEnforcingMode"]) ?? "strict",
    mayOverride: isOn(entry["allowDatapathOverride"]),
    managesEarlyDemux: isOn(entry["manageEarlyDemux"]),
  };
}

/** `direct`, `routed`, or `auto` when only the agent knows. */
export function datapathOf({ datapath }: Pick<PodFact, "datapath">, settings: Settings): string {
  const isChoice = datapath === "direct" || datapath === "routed";
  return settings.mayOverride && isChoice ? datapath : settings.datapath;
}

/** Living pods with a branch in strict mode. With `auto`, those that may have it. */
export function strictPods(pods: readonly PodFact[], { entry }: EntryFact): readonly PodFact[] {
  const settings = settingsOf(entry);
  if (settings.mode !== "strict" || settings.datapath === "auto") return [];
  return pods.filter((pod) => pod.branch !== undefined && datapathOf(pod, settings) === "routed");
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isOn(value: Json | undefined): boolean {
  return value === true || value === "true";
}
