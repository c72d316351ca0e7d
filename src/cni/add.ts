import { POD_ANNOTATIONS, decodeBranch, podEniAnnotation } from "../ipam/annotation.ts";
import type { PodArgs } from "./args.ts";
import type { Call } from "./call.ts";
import { type PluginConfig, readConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { wantedFamilies } from "./families.ts";
import type { JsonObject } from "./json.ts";
import { requirePrevResult } from "./prevresult.ts";
import { convertResult } from "./result.ts";

/** ADD (SPEC 1.1.0, section 2): the pod's branch becomes its interface, or prevResult goes out as it came. */
export async function add(call: Call): Promise<JsonObject> {
  const { request, env } = call;
  const { config, warnings } = readConfig(request.config, env, { ifName: request.ifName });
  warnings.forEach((warning) => call.warnOnce(warning));
  const prevResult = requirePrevResult(request.config, request.cniVersion);
  const annotation = config.enablePodENI ? branchAnnotation(config, request.pod) : undefined;
  if (annotation === undefined) {
    call.note({ outcome: config.enablePodENI ? "no branch" : "not enabled" });
    return convertResult(prevResult, request.cniVersion);
  }
  const branch = decodeBranch(annotation, wantedFamilies(prevResult, request.ifName, config.families));
  call.note({ vlan: branch.vlanId, eni: branch.eniId });
  // Most pods have no branch, and pay for nothing of this.
  const { addBranch } = await import("./add-branch.ts");
  return addBranch(call, config, prevResult, branch);
}

/**
 * The annotation's text; undefined when the pod has no branch. A runtime that passes no annotations at all cannot say
 * which pods have one: for a Kubernetes pod that is an error, or it would run with the node's groups unnoticed.
 */
function branchAnnotation(config: PluginConfig, args: PodArgs): string | undefined {
  const isKubernetes = args.podName !== undefined;
  if (isKubernetes && !Object.hasOwn(config.runtimeConfig, POD_ANNOTATIONS)) {
    throw new CniError(
      ErrorCode.InvalidConfig,
      `the runtime passed no annotations of pod ${args.podNamespace ?? "?"}/${args.podName}, so whether it has a branch is not known: the entry needs capabilities {"${POD_ANNOTATIONS}": true}, the runtime containerd 1.5 or CRI-O 1.29`,
    );
  }
  return podEniAnnotation(config.runtimeConfig);
}
