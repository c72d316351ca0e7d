import type { Cache } from "../kubernetes/cache.ts";
import { keyOf } from "../kubernetes/metadata.ts";
import type { Pod } from "../kubernetes/objects.ts";
import { type Timer, pause } from "../sys/timer.ts";
import { messageOf } from "../text/error-words.ts";
import type { NetworkPolicies } from "./answer/decide.ts";
import { isFinished } from "./answer/pod-names.ts";
import { type KnownAttachments, isPodOf } from "./attachments/known.ts";
import type { Reporter } from "./reporter.ts";

/**
 * Says which living pods have the direct datapath although a NetworkPolicy selects them that is enforced on the veths: the
 * policy was made, or the pod's labels changed, after the pod got its branch.
 */

/** At most so often, however many events come. */
const LOOK_MS = 1_000;

interface Listenable {
  /** As a cache's, for whoever only wants to know that something changed. */
  listen(listener: () => void): () => void;
}

export interface UnenforcedOptions {
  readonly pods: Pick<Cache<Pod>, "values"> & Listenable;
  readonly policies: Listenable;
  readonly attachments: Pick<KnownAttachments, "all">;
  readonly networkPoliciesOf: (pod: Pod) => NetworkPolicies;
  readonly reporter: Pick<Reporter, "onPod" | "log">;
  readonly timer: Timer;
}

export class UnenforcedPolicies {
  private readonly options: UnenforcedOptions;
  /** UIDs of the pods of the last look. */
  private found: ReadonlySet<string> = new Set();

  constructor(options: UnenforcedOptions) {
    this.options = options;
  }

  /** Pods that were found at the last look. */
  get count(): number {
    return this.found.size;
  }

  /** Looks after each change of a pod of the node or of a NetworkPolicy, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { pods, policies, timer } = this.options;
    let hasChanged = true;
    const notice = () => {
      hasChanged = true;
    };
    using both = new DisposableStack();
    both.defer(pods.listen(notice));
    both.defer(policies.listen(notice));
    while (!signal.aborted) {
      if (hasChanged) {
        hasChanged = false;
        this.check();
      }
      await pause(timer, LOOK_MS, signal);
    }
  }

  check(): void {
    const { pods, attachments, networkPoliciesOf, reporter } = this.options;
    try {
      const selected = [...pods.values()].flatMap((pod) => {
        const said = isFinished(pod) ? undefined : networkPoliciesOf(pod);
        return said?.enforced === "some" ? [{ pod, policy: said.policy }] : [];
      });
      const direct =
        selected.length === 0 ? [] : attachments.all().filter(({ datapath }) => datapath === "direct");
      const found = new Set<string>();
      for (const { pod, policy } of selected) {
        if (!direct.some((one) => isPodOf(one, pod))) continue;
        const { uid } = pod.metadata;
        found.add(uid);
        const message = `NetworkPolicy ${policy} selects it and does not see what it sends by its branch, which is its own interface (datapath direct); delete the pod, and its successor gets the routed datapath if ours says "auto"`;
        reporter.onPod(pod, { type: "Warning", reason: "NetworkPolicyNotEnforced", message });
        if (!this.found.has(uid)) reporter.log("warn", `pod ${keyOf(pod.metadata)}: ${message}`);
      }
      this.found = found;
    } catch (error) {
      reporter.log("warn", `whether NetworkPolicies are enforced is not known: ${messageOf(error)}`);
    }
  }
}
