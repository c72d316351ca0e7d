import type { Description } from "./description.ts";
import { isCertain } from "./pods/certain.ts";
import { areGroupsUncertain } from "./pods/group-change.ts";
import { Worker, type WorkerOptions } from "./worker.ts";

/** The workers of all instances: those of Nodes, and those that EC2 still has something of. */
export class Workers {
  private readonly workers = new Map<string, Worker>();
  private readonly make: (instance: string) => Omit<WorkerOptions, "instance">;
  /** What EC2 has described last, for workers that come later. */
  private last: { readonly askedAt: number; readonly all: ReadonlyMap<string, Description> } | undefined;

  constructor(make: (instance: string) => Omit<WorkerOptions, "instance">) {
    this.make = make;
  }

  of(instance: string): Worker {
    let worker = this.workers.get(instance);
    if (worker === undefined) {
      worker = new Worker({ ...this.make(instance), instance });
      this.workers.set(instance, worker);
      // A Node that comes between two descriptions need not wait for the next one.
      if (this.last !== undefined) worker.describe(this.lastOf(instance, this.last));
    }
    return worker;
  }

  /** Undefined: there is none yet. */
  find(instance: string): Worker | undefined {
    return this.workers.get(instance);
  }

  /** Forgets the worker of an instance that has no Node and nothing in EC2. */
  forget(instance: string): void {
    const worker = this.workers.get(instance);
    if (worker === undefined || !worker.isIdle || worker.ledger.branches.size > 0) return;
    if (this.last?.all.has(instance) !== true) this.workers.delete(instance);
  }

  describe(askedAt: number, all: ReadonlyMap<string, Description>): void {
    const before = [...this.workers];
    this.last = { askedAt, all };
    // One that is made now is told of it as it is made: twice would count as two descriptions.
    for (const instance of all.keys()) this.of(instance);
    for (const [instance, worker] of before) worker.describe(this.lastOf(instance, this.last));
  }

  all(): Iterable<Worker> {
    return this.workers.values();
  }

  /** Whether something waits for being described once more. */
  get areUncertain(): boolean {
    for (const { ledger } of this.workers.values()) {
      if (ledger.blocked.size > 0 || ledger.strayTrunks.size > 0) return true;
      for (const branch of ledger.branches.values()) {
        if (branch.state !== "assigned" && !isCertain(branch)) return true;
        if (areGroupsUncertain(branch, ledger.changes.get(branch.eni.id))) return true;
      }
    }
    return false;
  }

  async whenIdle(): Promise<void> {
    await Promise.all([...this.workers.values()].map((worker) => worker.whenIdle()));
  }

  private lastOf(
    instance: string,
    { askedAt, all }: { readonly askedAt: number; readonly all: ReadonlyMap<string, Description> },
  ): Description {
    return all.get(instance) ?? { askedAt, branches: [], trunks: [] };
  }
}
