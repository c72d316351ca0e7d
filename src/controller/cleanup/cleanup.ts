import type { CallOptions, Ec2Port } from "../../ec2/port.ts";
import type { Timer } from "../../sys/timer.ts";
import { execute } from "./execute.ts";
import { type Look, look } from "./look.ts";
import { type Item, plan } from "./plan.ts";
import { rowsOf, table } from "./table.ts";

/** Looks and deletions in turn: what one round has left, as EC2 lags, the next one finds. */
const ROUNDS = 3;

export interface CleanupOptions {
  readonly port: Ec2Port;
  readonly cluster: string;
  readonly vpc: string | undefined;
  /** Otherwise nothing is done. */
  readonly yes: boolean;
  readonly includeRunning: boolean;
  readonly includeYoung: boolean;
  /** Between the first two looks. */
  readonly pauseMs: number;
  readonly timeoutMs: number;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

/**
 * Finds all trunks and branches of a cluster that is no more, by their tags, and deletes them. May be cut off at any time
 * and run again. Gives whether nothing of the cluster is left, or nothing was to be done. Rejects with an Ec2CallError when
 * EC2 cannot be asked.
 */
export async function cleanUp(options: CleanupOptions, signal: AbortSignal): Promise<boolean> {
  const { port, cluster, vpc, timer, wallClock, say, pauseMs, yes } = options;
  const call: CallOptions = { signal, priority: "releasing" };
  const see = () => look(port, { cluster, vpc, now: wallClock() }, call);
  const touched = new Set<string>();
  const first = await see();
  const planned = plan(first, undefined, { ...options, touched });
  for (const line of table(rowsOf(planned, new Map()))) say(line);
  say(summary(cluster, planned));
  if (!yes) {
    if (planned.length > 0) say("nothing is done without --yes");
    return true;
  }
  if (planned.length === 0) return true;
  say(`looking again in ${pauseMs / 1000} s: what changes until then is left alone`);
  await timer.sleep(pauseMs, signal);
  return remove(first, see, touched, options, signal);
}

async function remove(
  first: Look,
  see: () => Promise<Look>,
  touched: Set<string>,
  options: CleanupOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { port, timer, random, say, timeoutMs } = options;
  const deadline = timer.now() + timeoutMs;
  const deleted = new Set<string>();
  let before = 0;
  let failures: ReadonlyMap<string, string> = new Map();
  let items: readonly Item[] = [];
  // One look more than deletions, for what is left.
  for (let round = 0; ; round++) {
    const seen = await see();
    // EC2 may show for a while what has gone.
    const rest = { ...seen, interfaces: seen.interfaces.filter(({ id }) => !deleted.has(id)) };
    items = plan(rest, first, { ...options, touched });
    const wanted = items.filter(({ stays }) => stays === undefined);
    const isVain = round > 0 && deleted.size === before;
    if (wanted.length === 0 || isVain || round === ROUNDS || timer.now() >= deadline) break;
    before = deleted.size;
    for (const { id } of wanted) touched.add(id);
    const note = ({ id, kind }: Item) => {
      deleted.add(id);
      say(`deleted ${kind} ${id}`);
    };
    failures = await execute(items, { port, timer, random, signal, deadline, deleted: note });
  }
  say(`${deleted.size} deleted, ${items.length} left`);
  for (const line of table(rowsOf(items, failures))) say(line);
  return items.length === 0;
}

function summary(cluster: string, items: readonly Item[]): string {
  if (items.length === 0) return `EC2 has no trunks and no branches of the cluster ${cluster}`;
  const staying = items.filter(({ stays }) => stays !== undefined).length;
  return `${items.length - staying} to delete, ${staying} to leave`;
}
