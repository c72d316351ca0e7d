import { readConfig, type EntryConfig } from "../../src/cni/config.ts";
import type { BranchAnswer } from "../../src/state/answer.ts";
import { readQuestion } from "../../src/state/question.ts";
import { decodeIdentity } from "../../src/ipam/annotation.ts";
import type { JsonObject } from "../../src/text/json.ts";
import { type ModelNode, pluginsOf } from "./node.ts";

/** A pod as the runtime has it. */
export interface RuntimePod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** As kubelet knows it. */
  readonly annotation: string | undefined;
}

/** How an ADD ends: the pod is on its branch, or has the node's groups only, or is not started. */
export type Added =
  | { readonly network: "branch"; readonly eniId: string }
  | { readonly network: "ordinary"; readonly by: "another list" | "our plugin" }
  | { readonly network: "none"; readonly isRefused: boolean; readonly reason: string };

/** Of the primary plugin. */
const PRIMARY_MS = 300;
/** Between two tries to reach the agent, and the least time that a try gets (src/state/agent.ts). */
const PAUSE_MS = 1_000;
const MARGIN_MS = 250;

/**
 * The chain of one list, called once: what our plugin decides by its entry and by the agent's answer, as src/cni does it.
 * A list that is written meanwhile is for the next call.
 */
export function addByList(
  node: ModelNode,
  list: JsonObject,
  pod: RuntimePod,
  ended: (added: Added) => void,
): void {
  const { clock } = node;
  const entry = pluginsOf(list).find(({ type }) => type === "branchline");
  clock.after(PRIMARY_MS, () => {
    if (entry === undefined) {
      ended({ network: "ordinary", by: "another list" });
      return;
    }
    const { config } = readConfig({ cniVersion: "1.0.0", name: "aws-cni", ...entry }, {});
    if (!config.enablePodENI) ended({ network: "ordinary", by: "our plugin" });
    else if (config.missingAnnotation === "ask") new Asking(node, config, pod, ended).ask();
    else if (pod.annotation !== undefined) ended(attached(node, pod, pod.annotation));
    else if (config.missingAnnotation === "pass") ended({ network: "ordinary", by: "our plugin" });
    else ended(failed("it has no annotation yet"));
  });
}

/** Asks the agent until there is an answer or the time is up. */
class Asking {
  private readonly node: ModelNode;
  private readonly pod: RuntimePod;
  private readonly config: EntryConfig;
  private readonly deadline: number;
  private readonly ended: (added: Added) => void;
  private last = "nobody listens on agent.sock";

  constructor(node: ModelNode, config: EntryConfig, pod: RuntimePod, ended: (added: Added) => void) {
    this.node = node;
    this.pod = pod;
    this.config = config;
    this.deadline = node.clock.now + config.branchTimeout * 1000;
    this.ended = ended;
  }

  ask(): void {
    const { node, pod, config, deadline } = this;
    const { clock, socket } = node;
    const left = deadline - clock.now;
    if (left <= MARGIN_MS) {
      this.ended(failed(this.last));
      return;
    }
    const again = () => void clock.after(Math.min(PAUSE_MS, left), () => this.ask());
    if (socket === undefined) {
      again();
      return;
    }
    const { agent } = socket;
    const { namespace, name, uid, annotation = null } = pod;
    const line = {
      version: 1,
      ask: "branch",
      pod: { namespace, name, uid },
      annotation,
      datapath: config.datapath,
      timeoutMs: left - MARGIN_MS,
    };
    let isOpen = true;
    const closed = () => {
      if (!isOpen) return;
      isOpen = false;
      again();
    };
    agent.whenDead(closed);
    socket.answer(readQuestion(JSON.stringify(line))).then((answer) => {
      if (!isOpen || !agent.isAlive) return;
      isOpen = false;
      node.trace(() => `agent: ${name}: ${JSON.stringify(answer)}`);
      this.take(answer as BranchAnswer, again);
    }, closed);
  }

  private take(answer: BranchAnswer, again: () => void): void {
    const { node, pod } = this;
    switch (answer.answer) {
      case "none":
        this.ended(
          pod.annotation === undefined
            ? { network: "ordinary", by: "our plugin" }
            : { network: "none", isRefused: true, reason: "it has an annotation, and the agent says none" },
        );
        break;
      case "branch":
        this.ended(attached(node, pod, answer.annotation));
        break;
      case "refused":
        this.ended({ network: "none", isRefused: true, reason: answer.reason });
        break;
      case "wait":
        this.last = answer.reason;
        again();
    }
  }
}

function attached(node: ModelNode, { uid }: RuntimePod, annotation: string): Added {
  if (!node.hasUsableTrunk) return failed("the trunk is not known");
  const { eniId } = decodeIdentity(annotation);
  node.records.set(uid, eniId);
  return { network: "branch", eniId };
}

function failed(reason: string): Added {
  return { network: "none", isRefused: false, reason };
}
