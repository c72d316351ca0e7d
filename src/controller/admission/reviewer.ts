import type { Cache } from "../../kubernetes/cache.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import type { KubernetesObject } from "../../kubernetes/metadata.ts";
import { SERVICE_ACCOUNTS, type SecurityGroupPolicyObject } from "../../kubernetes/objects.ts";
import type { Labels } from "../../policy/label-selector.ts";
import { type Mutation, mutate } from "./mutate.ts";
import { readPod } from "./reviewed-pod.ts";
import { type ReviewRequest, readReview, reviewAnswer } from "./review.ts";

/** What an answer was; `undecided` is `unchanged` with a warning. */
export type AnswerKind = "asks" | "unchanged" | "undecided";

export interface ReviewerOptions {
  readonly client: KubernetesClient;
  readonly policies: Pick<Cache<SecurityGroupPolicyObject>, "state" | "values">;
  readonly serviceAccounts: Cache<KubernetesObject>;
  readonly warn: (message: string) => void;
}

/** The policies are not known yet: whoever asks is to ask somebody else. */
export class NotReadyError extends Error {
  override name = "NotReadyError";
}

/** Answers reviews. Reads a ServiceAccount only if its labels decide. */
export class Reviewer {
  private readonly options: ReviewerOptions;

  constructor(options: ReviewerOptions) {
    this.options = options;
  }

  /** `text` is an AdmissionReview. Rejects with ReviewError, NotReadyError or the signal's reason. */
  async answer(
    text: string,
    signal: AbortSignal,
  ): Promise<{ readonly kind: AnswerKind; readonly text: string }> {
    const request = readReview(text);
    const { patch, undecided } = await this.decide(request, signal);
    const warnings = undecided.map(
      ({ policy, why }) => `branchline: SecurityGroupPolicy ${policy} may select this pod: ${why}`,
    );
    const unchanged = undecided.length === 0 ? "unchanged" : "undecided";
    return {
      kind: patch.length > 0 ? "asks" : unchanged,
      text: reviewAnswer(request.uid, patch, warnings),
    };
  }

  private async decide({ object, namespace, groups }: ReviewRequest, signal: AbortSignal): Promise<Mutation> {
    const pod = readPod(object, namespace, groups);
    const { isComplete, problem } = this.options.policies.state();
    if (!isComplete) {
      throw new NotReadyError(problem?.message ?? "the SecurityGroupPolicies have not been listed yet");
    }
    const policies = [...this.options.policies.values()]
      .map(({ policy }) => policy)
      .filter((policy) => policy.namespace === namespace);
    const first = mutate(pod, policies, undefined);
    if (first.undecided.length === 0) return first;
    const labels = await this.labelsOf(namespace, pod.serviceAccount, signal);
    return labels === undefined ? first : mutate(pod, policies, labels);
  }

  /** Of a ServiceAccount, undefined if they cannot be had. */
  private async labelsOf(namespace: string, name: string, signal: AbortSignal): Promise<Labels | undefined> {
    const { client, serviceAccounts, warn } = this.options;
    const { problem } = serviceAccounts.state();
    // One that was made a moment ago need not be in it yet.
    const known = problem === undefined ? serviceAccounts.get(name, namespace) : undefined;
    if (known !== undefined) return known.metadata.labels;
    try {
      return (await client.get(SERVICE_ACCOUNTS, { namespace, name }, signal)).metadata.labels;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      warn(`the labels of ServiceAccount ${namespace}/${name} cannot be read: ${error.message}`);
      return undefined;
    }
  }
}
