import type { KubernetesClient } from "../kubernetes/client.ts";
import { SEEN_PODS } from "./objects.ts";

type Claimed = ReadonlySet<string>;

/**
 * ENIs that annotations of the cluster's pods name, those of finished ones aside. Of a node that has gone each branch is
 * asked for, and a list of all pods is long: who asks while one is under way waits for the next one, all together.
 */
export class ClaimedBranches {
  private readonly client: KubernetesClient;
  private running: Promise<Claimed> | undefined;
  private next: Promise<Claimed> | undefined;

  constructor(client: KubernetesClient) {
    this.client = client;
  }

  /** By a list that begins after this call. */
  async everywhere(signal: AbortSignal): Promise<Claimed> {
    this.next ??= this.afterRunning(signal);
    return this.next;
  }

  async on(node: string, signal: AbortSignal): Promise<Claimed> {
    return this.list({ fieldSelector: `spec.nodeName=${node}` }, signal);
  }

  private async afterRunning(signal: AbortSignal): Promise<Claimed> {
    await this.running?.catch(() => undefined);
    this.running = this.next;
    this.next = undefined;
    return this.list({}, signal);
  }

  private async list(scope: { readonly fieldSelector?: string }, signal: AbortSignal): Promise<Claimed> {
    const { items } = await this.client.list(SEEN_PODS, scope, signal);
    return new Set(
      items.flatMap(({ claim, isFinished }) =>
        !isFinished && typeof claim === "object" ? [claim.eniId] : [],
      ),
    );
  }
}
