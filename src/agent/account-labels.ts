import type { KubernetesClient } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import { type KubernetesObject, keyOf } from "../kubernetes/metadata.ts";
import { type Pod, SERVICE_ACCOUNTS } from "../kubernetes/objects.ts";
import type { Labels } from "../policy/label-selector.ts";
import { type Timer, pause } from "../sys/timer.ts";

/** After a failure. Whoever needs the labels is told no later than that after the API server is there again. */
const AGAIN_MS = 2_000;

/**
 * Labels of pods' ServiceAccounts, read once for each pod: the first reading is the one that is nearest to the pod's
 * creation.
 */
export class AccountLabels {
  private readonly client: Pick<KubernetesClient, "get">;
  private readonly timer: Timer;
  private readonly signal: AbortSignal;
  private readonly labels = new Map<string, Labels | undefined>();
  private isReading = false;

  constructor(client: Pick<KubernetesClient, "get">, timer: Timer, signal: AbortSignal) {
    this.client = client;
    this.timer = timer;
    this.signal = signal;
  }

  /** By UID of the pod; undefined for a ServiceAccount that is no more. */
  get known(): ReadonlyMap<string, Labels | undefined> {
    return this.labels;
  }

  /** Forgets pods that are not among these. */
  keep(uids: ReadonlySet<string>): void {
    for (const uid of this.labels.keys()) if (!uids.has(uid)) this.labels.delete(uid);
  }

  /**
   * Reads those of these pods; `ended` is called when there is more to know, or when to ask again, with the reason why it
   * failed. One reading at a time: pods that come meanwhile have to be asked for again.
   */
  read(pods: readonly Pod[], ended: (problem?: KubernetesError) => void): void {
    if (this.isReading || pods.length === 0) return;
    this.isReading = true;
    const done = (problem?: KubernetesError) => {
      this.isReading = false;
      if (!this.signal.aborted) ended(problem);
    };
    this.readAll(pods).then(
      () => done(),
      async (error: unknown) => {
        await pause(this.timer, AGAIN_MS, this.signal);
        // What is no KubernetesError is a defect of ours, or the end.
        done(
          error instanceof KubernetesError ? error : new KubernetesError("retry", "labels", String(error)),
        );
      },
    );
  }

  private async readAll(pods: readonly Pod[]): Promise<void> {
    const byAccount = Map.groupBy(pods, ({ metadata: { namespace }, serviceAccount }) =>
      keyOf({ namespace, name: serviceAccount }),
    );
    for (const its of byAccount.values()) {
      const [
        {
          metadata: { namespace },
          serviceAccount: name,
        },
      ] = its as [Pod];
      const found = await this.find(namespace, name);
      for (const { metadata } of its) this.labels.set(metadata.uid, found?.metadata.labels);
    }
  }

  private async find(namespace: string, name: string): Promise<KubernetesObject | undefined> {
    try {
      return await this.client.get(SERVICE_ACCOUNTS, { namespace, name }, this.signal);
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "missing") return undefined;
      throw error;
    }
  }
}
