import {
  type BranchQuestion,
  AgentError,
  type Found,
  askForBranch,
  askOver,
  podIsGone,
} from "../state/agent.ts";
import { POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import type { PodIdentity } from "../state/record.ts";
import type { PodArgs } from "./args.ts";
import type { Call } from "./call.ts";
import type { DatapathName } from "../datapath/datapath.ts";
import type { EntryConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { wantedDatapath } from "./choose-datapath.ts";

/** A pod's branch by the agent's answer. */
export interface AnsweredBranch {
  readonly annotation: string;
  readonly datapath: DatapathName;
  /** Whether the API server says that another pod is gone. */
  readonly podIsGone: (pod: PodIdentity) => boolean;
}

/**
 * Asks the agent what branch a Kubernetes pod has; undefined when it has none. The agent's branch counts, not the
 * annotation that the runtime passed, which may be missing or older than the API server's. Code 106 when one was passed
 * for a pod that has no branch.
 */
export function askAgent(
  call: Call,
  config: EntryConfig,
  passed: string | undefined,
): AnsweredBranch | undefined {
  const { request } = call;
  const datapath = wantedDatapath(call, config);
  const { podName, podNamespace, podUid } = request.pod;
  const question: BranchQuestion = {
    pod: {
      ...(podNamespace !== undefined && { namespace: podNamespace }),
      ...(podName !== undefined && { name: podName }),
      ...(podUid !== undefined && { uid: podUid }),
    },
    containerId: request.containerId,
    interface: request.ifName,
    annotation: passed ?? null,
    datapath,
  };
  const found = askNoting(call, config, question);
  if (found.answer === "none") {
    if (passed === undefined) return undefined;
    throw new CniError(
      ErrorCode.Refused,
      `the runtime passed the annotation ${POD_ENI_ANNOTATION} ${shortened(passed)} for ${nameOf(request.pod)}, but the agent says that the pod has no branch`,
    );
  }
  if (passed !== undefined && passed !== found.annotation) {
    call.warn(
      `the runtime passed another annotation than the agent has: ${shortened(passed)}; the agent has ${shortened(found.annotation)}`,
    );
  }
  if (datapath !== "auto" && found.datapath !== datapath) {
    throw new CniError(
      ErrorCode.Refused,
      `the agent answers datapath "${found.datapath}" for ${nameOf(request.pod)}, which must get "${datapath}"`,
    );
  }
  const { store, clock } = call.node;
  return { ...found, podIsGone: (pod) => podIsGone(store.stateDirectory, clock, pod) };
}

/**
 * The answer, or the error for the runtime. Either way the log line of the call has the outcome and the time it took.
 */
function askNoting({ node, note, request }: Call, config: EntryConfig, question: BranchQuestion): Found {
  const started = node.clock.now();
  let agent = "failed";
  try {
    const ask = askOver(node.store.stateDirectory, node.clock);
    const found = askForBranch(ask, question, config.branchTimeout * 1000, node.clock);
    agent = found.answer;
    return found;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    agent = error.kind;
    throw asCniError(error, request.pod, config);
  } finally {
    note({ agent, askedMs: Math.round((node.clock.now() - started) * 10) / 10 });
  }
}

function asCniError(error: AgentError, pod: PodArgs, config: EntryConfig): CniError {
  const { kind, message, isThere } = error;
  const { branchTimeout: seconds, listFile } = config;
  const options = { cause: error };
  if (kind === "refused") {
    return new CniError(ErrorCode.Refused, `refused by the agent: ${message}`, "", options);
  }
  const name = nameOf(pod);
  if (kind === "wait") {
    const late = `the agent has let ${name} wait for ${seconds} s: ${message}`;
    return new CniError(ErrorCode.TryAgainLater, late, "", options);
  }
  const unknown = `whether ${name} has a branch is not known after ${seconds} s: ${message}`;
  const byHand = '; if there is to be no agent, set "missingAnnotation" in the list by hand';
  // Without a list of the agent's, the one that there is may be the node's only one.
  const remedy = listFile === undefined ? byHand : `${byHand}, or remove ${listFile}`;
  return new CniError(ErrorCode.TryAgainLater, isThere ? unknown : unknown + remedy, "", options);
}

function nameOf({ podNamespace, podName }: PodArgs): string {
  return `pod ${podNamespace ?? "?"}/${podName ?? "?"}`;
}

/** Characters. An annotation has about 230, and a message may have two of them. */
const MAX_TEXT = 1_000;

function shortened(annotation: string): string {
  const whole = JSON.stringify(annotation);
  return whole.length > MAX_TEXT ? `${whole.slice(0, MAX_TEXT)}…` : whole;
}
