import { backOffMs } from "../../ec2/budget.ts";
import { Ec2CallError } from "../../ec2/error.ts";
import type { CallOptions, Ec2Port } from "../../ec2/port.ts";
import type { Timer } from "../../sys/timer.ts";
import type { Item } from "./plan.ts";

/** Interfaces at the same time; EC2's buckets set the pace. */
const AT_ONCE = 20;
/** How often a refusal is met that may come from EC2 lagging behind its own answers, as "in use" after a disassociation. */
const LAG_TRIES = 6;
/** Between two looks at a trunk that is being detached. */
const DETACH_MS = 2_000;
const MAY_LAG = new Set(["InvalidParameterValue", "InvalidNetworkInterface.InUse"]);

export interface ExecuteOptions {
  readonly port: Ec2Port;
  readonly timer: Timer;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** The timer's time after which nothing is tried again. */
  readonly deadline: number;
  /** Hears of each interface that has gone. */
  readonly deleted: (item: Item) => void;
}

/** Deletes what is to be deleted, branches first, a trunk only without branches. Gives why what did not go has not. */
export async function execute(
  items: readonly Item[],
  options: ExecuteOptions,
): Promise<ReadonlyMap<string, string>> {
  const failures = new Map<string, string>();
  const wanted = items.filter(({ stays }) => stays === undefined);
  const run = (kind: Item["kind"], what: (item: Item, options: ExecuteOptions) => Promise<void>) =>
    each(
      wanted.filter((item) => item.kind === kind),
      async (item) => {
        try {
          await what(item, options);
          options.deleted(item);
        } catch (error) {
          if (options.signal.aborted || !(error instanceof Ec2CallError)) throw error;
          failures.set(item.id, error.message);
        }
      },
    );
  await run("branch", deleteBranch);
  await run("trunk", async (trunk, given) => {
    const left = wanted.find((item) => item.trunk === trunk.id && failures.has(item.id));
    if (left !== undefined)
      throw new Ec2CallError(
        "wait",
        "DeleteNetworkInterface",
        "Branches",
        `its branch ${left.id} is still there`,
      );
    await deleteTrunk(trunk, given);
  });
  return failures;
}

/** EC2 asks for the disassociation first; a branch whose association is not known can only be deleted outright. */
async function deleteBranch({ id, association }: Item, options: ExecuteOptions): Promise<void> {
  if (association !== undefined) {
    // The same after a crash, and of no use once the association has gone.
    const token = `branchline-cleanup-${association}`;
    await persist(options, (call) => options.port.disassociate(association, token, call));
  }
  await persist(options, (call) => options.port.deleteInterface(id, call));
}

async function deleteTrunk({ id, attachment }: Item, options: ExecuteOptions): Promise<void> {
  if (attachment !== undefined) {
    await persist(options, (call) => options.port.detach(attachment, call));
    await persist(options, (call) => detached(id, options, call));
  }
  await persist(options, (call) => options.port.deleteInterface(id, call));
}

async function detached(
  id: string,
  { port, timer, deadline, signal }: ExecuteOptions,
  call: CallOptions,
): Promise<void> {
  for (;;) {
    const [eni] = await port.interfaces({ "network-interface-id": [id] }, call);
    if (eni?.attachment === undefined) return;
    if (timer.now() >= deadline)
      throw new Ec2CallError(
        "wait",
        "DetachNetworkInterface",
        "Attachment",
        `it is still ${eni.attachment.status}`,
      );
    await timer.sleep(DETACH_MS, signal);
  }
}

/** Tries again what may work later, until the deadline. What is gone already is done. */
async function persist(
  { timer, random, signal, deadline }: ExecuteOptions,
  call: (options: CallOptions) => Promise<void>,
): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      await call({ signal, priority: "releasing" });
      return;
    } catch (error) {
      if (!(error instanceof Ec2CallError)) throw error;
      if (error.kind === "gone") return;
      const mayWork =
        error.kind === "throttled" ||
        error.kind === "retry" ||
        error.kind === "wait" ||
        (MAY_LAG.has(error.code) && failures < LAG_TRIES);
      if (!mayWork || timer.now() >= deadline) throw error;
    }
    await timer.sleep(backOffMs(failures, random), signal);
  }
}

/** All of them, some at a time. A rejection ends the rest. */
async function each<T>(all: readonly T[], what: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const work = async () => {
    for (const one of left) await what(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
