import {
  POD_ANNOTATIONS,
  POD_ENI_ANNOTATION,
  decodeBranch,
  podEniAnnotation,
} from "../../ipam/annotation.ts";
import type { PodIdentity } from "../../state/record.ts";
import { isAttachedByPrimary, leaveToPrimary } from "../already-attached.ts";
import { type PodArgs, isKubernetes } from "../args.ts";
import type { Call } from "../call.ts";
import { wantedDatapath } from "../choose-datapath.ts";
import type { DatapathName } from "../../datapath/datapath.ts";
import { type EntryConfig, forDatapath, mayBeStrict, readConfig, withoutAgent } from "../config.ts";
import { CniError, ErrorCode } from "../errors.ts";
import type { JsonObject } from "../../text/json.ts";
import { requirePrevResult } from "../prevresult.ts";
import { type CniResult, convertResult, wantedFamilies } from "../result.ts";

/** ADD (SPEC 1.1.0, section 2): attaches the pod's branch, or passes prevResult on as it came. */
export async function add(call: Call): Promise<JsonObject> {
  const { request, env } = call;
  const { config, warnings } = readConfig(request.config, env, { ifName: request.ifName });
  warnings.forEach((warning) => call.warnOnce(warning));
  const prevResult = requirePrevResult(request.config, request.cniVersion);
  if (!config.enablePodENI) {
    call.note({ outcome: "not enabled" });
    return convertResult(prevResult, request.cniVersion);
  }
  // If the result says so, the agent need not be asked: while a cluster migrates, such a pod must not wait.
  const found = isAttachedByPrimary(prevResult) ? passedBranch(config) : await findBranch(call, config);
  const branch =
    found === undefined
      ? undefined
      : decodeBranch(found.annotation, wantedFamilies(prevResult, request.ifName, config.families));
  if (isAttachedByPrimary(prevResult, branch)) {
    leaveToPrimary(call, config, prevResult, branch);
    return convertResult(prevResult, request.cniVersion);
  }
  if (found?.datapath === undefined || branch === undefined) {
    if (mayBeStrict(config)) await leaveNamesake(call, prevResult);
    call.note({ outcome: "no branch" });
    return convertResult(prevResult, request.cniVersion);
  }
  call.note({ vlan: branch.vlanId, eni: branch.eniId });
  const podConfig = forDatapath(config, found.datapath);
  // Most pods have no branch and should not pay for this.
  const { addBranch } = await import("./add-branch.ts");
  return addBranch(call, podConfig, prevResult, branch, found.podIsGone);
}

/**
 * Where pods may be strict: an earlier pod of the same name, whose DEL has not come yet, may have left rules and a
 * record that name this pod's veth.
 */
async function leaveNamesake({ request, node }: Call, { interfaces }: CniResult): Promise<void> {
  const veths = interfaces.filter(({ sandbox }) => sandbox === "").map(({ name }) => name);
  const records = node.store.mentioning(veths.map((name) => `"inputDevice":"${name}"`));
  if (records.every(({ containerId }) => containerId === request.containerId)) return;
  const { clearStrictRules } = await import("./add-branch.ts");
  clearStrictRules(node, veths);
}

interface FoundBranch {
  readonly annotation: string;
  /** Not needed if the pod is left to the primary plugin. */
  readonly datapath?: DatapathName;
  readonly podIsGone?: (pod: PodIdentity) => boolean;
}

/** The annotation that the runtime passed, only to be compared. */
function passedBranch(config: EntryConfig): FoundBranch | undefined {
  const annotation = podEniAnnotation(config.runtimeConfig);
  return annotation === undefined ? undefined : { annotation };
}

/** The pod's branch; undefined for none. The agent's answer counts, or the annotation where the agent is not asked. */
async function findBranch(call: Call, config: EntryConfig): Promise<FoundBranch | undefined> {
  const { pod } = call.request;
  const isExempt = pod.podNamespace !== undefined && config.exemptNamespaces.includes(pod.podNamespace);
  const isAsked = config.missingAnnotation === "ask" && isKubernetes(pod) && !isExempt;
  if (isAsked) {
    const passed = podEniAnnotation(config.runtimeConfig);
    const { askAgent } = await import("../ask.ts");
    return askAgent(call, config, passed);
  }
  if (!isExempt) requireAnnotations(config, pod);
  const annotation = podEniAnnotation(config.runtimeConfig);
  if (annotation === undefined) {
    if (config.missingAnnotation === "refuse" && !isExempt) throw withoutAnnotation(pod);
    return undefined;
  }
  return { annotation, datapath: withoutAgent(wantedDatapath(call, config)) };
}

/**
 * Without any annotations nobody knows which pods have a branch. For a Kubernetes pod that is an error: otherwise it
 * would run unnoticed with the node's groups.
 */
function requireAnnotations({ runtimeConfig }: EntryConfig, args: PodArgs): void {
  if (!isKubernetes(args) || Object.hasOwn(runtimeConfig, POD_ANNOTATIONS)) return;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `the runtime passed no annotations of pod ${args.podNamespace ?? "?"}/${args.podName ?? "?"}, so whether it has a branch is not known: the entry needs capabilities {"${POD_ANNOTATIONS}": true}, and the runtime must be containerd 1.5, CRI-O 1.29 or newer`,
  );
}

/** For missingAnnotation "refuse": the runtime will pass the annotation when kubelet asks for the sandbox again. */
function withoutAnnotation({ podNamespace, podName }: PodArgs): CniError {
  const who = podName === undefined ? "this pod" : `pod ${podNamespace ?? "?"}/${podName}`;
  return new CniError(
    ErrorCode.TryAgainLater,
    `${who} has no annotation ${POD_ENI_ANNOTATION} yet, and missingAnnotation is "refuse"`,
  );
}
