import { eventually } from "../../ground/run.ts";
import type { ControlledCluster } from "./controlled-cluster.ts";
import type { RunningPart } from "./running-part.ts";

/** On a busy machine none keeps the Lease at first. */
const LEADS_MS = 180_000;

/** A Deployment of two: one that has ended is replaced. */
export class Replicas {
  /** Of all that there ever were. */
  readonly all: RunningPart[] = [];
  private readonly cluster: ControlledCluster;
  private readonly args: readonly string[];

  constructor(cluster: ControlledCluster, args: readonly string[]) {
    this.cluster = cluster;
    this.args = args;
    this.replace();
  }

  replace(): void {
    while (this.running().length < 2) this.all.push(this.cluster.controller(this.args));
  }

  running(): readonly RunningPart[] {
    return this.all.filter(({ hasEnded }) => !hasEnded);
  }

  /** Waits for one that leads, and replaces who ends meanwhile. */
  async leader(): Promise<RunningPart> {
    return eventually(
      "a controller that leads",
      () => {
        this.replace();
        return this.running().find(({ lines }) =>
          lines.some(({ condition, message }) => condition === "Leading" && message === "holds the Lease"),
        );
      },
      LEADS_MS,
    );
  }
}
