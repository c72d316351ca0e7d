import type { Ec2Port } from "../../ec2/port.ts";
import { pause, type Timer } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";

/** Free addresses of a subnet change with every pod; a share of them is not meant to be exact. */
const AGAIN_MS = 60_000;
/** Subnets that are asked for are described together. */
const GATHER_MS = 500;
/** From a description to the next of one that has become wanted since; doubled by each that fails. */
const MISSING_MS = 2_000;
/** Values of a filter (EC2's limit is 200). */
const MOST_IDS = 100;

/** How many addresses the subnets have that branches are made in: EC2 DescribeSubnets, once a minute for all. */
export class FreeAddresses {
  private readonly port: Pick<Ec2Port, "subnets">;
  private readonly timer: Timer;
  private readonly known = new Map<string, number | undefined>();

  constructor(port: Pick<Ec2Port, "subnets">, timer: Timer) {
    this.port = port;
    this.timer = timer;
  }

  /** Undefined: not known yet; it will be soon. */
  of(subnet: string): number | undefined {
    // EC2 cannot be asked about none, as of an ENIConfig that names none.
    if (subnet !== "" && !this.known.has(subnet)) this.known.set(subnet, undefined);
    return this.known.get(subnet);
  }

  /** Until the signal ends it. */
  async keep(signal: AbortSignal, warn: (message: string) => void): Promise<void> {
    let askedAt = -AGAIN_MS;
    let failures = 0;
    while (!signal.aborted) {
      const isMissing = [...this.known.values()].includes(undefined);
      const wait = isMissing ? Math.min(AGAIN_MS, MISSING_MS * 2 ** failures) : AGAIN_MS;
      if (this.timer.now() - askedAt >= wait) {
        askedAt = this.timer.now();
        try {
          await this.ask(signal);
          failures = 0;
        } catch (error) {
          failures += 1;
          if (!signal.aborted) warn(`free addresses of subnets: ${messageOf(error)}`);
        }
      }
      await pause(this.timer, GATHER_MS, signal);
    }
  }

  private async ask(signal: AbortSignal): Promise<void> {
    const ids = [...this.known.keys()];
    for (let i = 0; i < ids.length; i += MOST_IDS) {
      const some = ids.slice(i, i + MOST_IDS);
      const found = await this.port.subnets({ "subnet-id": some }, { signal, priority: "warming" });
      const free = new Map(found.map((one) => [one.id, one.freeAddresses]));
      // One that is gone has none.
      for (const id of some) this.known.set(id, free.get(id) ?? 0);
    }
  }
}
