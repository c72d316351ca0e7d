import { kernelFor } from "../../attachment/node.ts";
import type { Kernel } from "../../datapath/kernel.ts";
import { findTrunk } from "../../attachment/trunk.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { EARLY_DEMUX_WARNING, isEarlyDemuxOn, localRulesMissing } from "../../datapath/local-rule.ts";
import { CniError, ErrorCode } from "../errors.ts";
import { toCniError } from "../failures.ts";

/**
 * STATUS (SPEC 1.1.0, section 2). A failure makes the whole node NotReady, so it fails only for what would break every
 * pod with a branch and does not mend by waiting: a wrong configuration, or a state directory or kernel that cannot be
 * used. A missing trunk is only a warning in the log: the node still serves all other pods.
 */
export function status(call: Call): undefined {
  const { request, env, node } = call;
  const { config, warnings } = readConfig(request.config, env);
  warnings.forEach((warning) => call.warnOnce(warning));
  if (!config.enablePodENI) {
    call.note({ outcome: "not enabled" });
    return;
  }
  try {
    node.store.prepare();
    using kernel = kernelFor(node, undefined);
    kernel.link("node", "lo");
    if (config.podSGEnforcingMode === "strict" && isEarlyDemuxOn(kernel) && !config.manageEarlyDemux) {
      call.warnOnce(EARLY_DEMUX_WARNING);
    }
    warnAboutLocalRule(call, kernel);
    warnAboutTrunk(call, () => findTrunk(kernel, config.trunk, node.store.stateDirectory));
  } catch (error) {
    const { message, details } = toCniError(error);
    throw new CniError(ErrorCode.NotAvailable, `no pod can be given a branch: ${message}`, details, {
      cause: error,
    });
  }
  call.note({ outcome: "ready" });
}

/**
 * Only a warning, although the node accepts no packets then: a runtime that is told "not ready" calls no ADD, and the
 * next strict pod's ADD would add the rule again.
 */
function warnAboutLocalRule(call: Call, kernel: Kernel): void {
  for (const { family } of localRulesMissing(kernel)) {
    call.warnOnce(
      `the node has no IPv${family} rule for table local, so it accepts no packets: add it with "ip -${family} rule add priority 0 table local protocol kernel", and keep systemd-networkd from removing it (ManageForeignRoutingPolicyRules=no)`,
    );
  }
}

function warnAboutTrunk(call: Call, find: () => unknown): void {
  try {
    find();
  } catch (error) {
    const failure = toCniError(error);
    if (failure.code !== ErrorCode.TrunkNotFound) throw error;
    call.warnOnce(failure.message);
  }
}
