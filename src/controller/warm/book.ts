import type { Ledger } from "../ledger.ts";
import { isWarm } from "./pool.ts";

/** For so long none are warm once EC2 has refused an interface that is needed now: others of the account need them too. */
const USED_UP_MS = 600_000;

export interface WarmBounds {
  /** Of the account's interfaces and of a subnet's free addresses: from 0 to 1. */
  readonly share: number;
  /** Interfaces that the account may have in the Region. */
  readonly quota: number;
  /** Of a subnet, as EC2 has said lately; undefined: it has not yet. */
  readonly freeAddresses: (subnet: string) => number | undefined;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

/** The warm branches of all instances, and how many more there may be. */
export class WarmBook {
  private readonly bounds: WarmBounds;
  /** By instance: how many in which subnet. */
  private readonly instances = new Map<string, ReadonlyMap<string, number>>();
  private readonly subnets = new Map<string, number>();
  private total = 0;
  private usedUpUntil = -Infinity;

  constructor(bounds: WarmBounds) {
    this.bounds = bounds;
  }

  get count(): number {
    return this.total;
  }

  /** What an instance has by now. */
  note({ instance, branches, warm, trunk }: Ledger): void {
    const now = new Map<string, number>();
    const add = (subnet: string, count: number) => now.set(subnet, (now.get(subnet) ?? 0) + count);
    for (const branch of branches.values()) if (isWarm(branch)) add(branch.eni.subnet.id, 1);
    // With custom networking they are made elsewhere: it is known where as soon as they are made.
    if (warm.making.size > 0) add("subnet" in trunk ? trunk.subnet : "", warm.making.size);
    for (const [subnet, count] of this.instances.get(instance) ?? []) this.change(subnet, -count);
    for (const [subnet, count] of now) this.change(subnet, count);
    if (now.size === 0) this.instances.delete(instance);
    else this.instances.set(instance, now);
  }

  /** EC2 has refused an interface for the account's quota. Whether that is news. */
  quotaUsedUp(): boolean {
    const now = this.bounds.now();
    const isNews = now >= this.usedUpUntil;
    this.usedUpUntil = now + USED_UP_MS;
    return isNews;
  }

  /** Those that have any. */
  withWarm(): Iterable<string> {
    return this.instances.keys();
  }

  /** How many more there may be in a subnet; below 0: so many less. Undefined: its free addresses are not known. */
  room(subnet: string): number | undefined {
    const { share, quota, freeAddresses, now } = this.bounds;
    const here = this.subnets.get(subnet) ?? 0;
    if (now() < this.usedUpUntil) return -here;
    const free = freeAddresses(subnet);
    if (free === undefined) return undefined;
    // What is warm is not free: it counts as if it were.
    return Math.min(Math.floor(share * quota) - this.total, Math.floor(share * (free + here)) - here);
  }

  private change(subnet: string, by: number): void {
    this.total += by;
    const count = (this.subnets.get(subnet) ?? 0) + by;
    if (count === 0) this.subnets.delete(subnet);
    else this.subnets.set(subnet, count);
  }
}
