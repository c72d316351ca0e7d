import { type Defect, DefectError } from "./kernel/checker.ts";
import { describe } from "./model/describe.ts";
import type { Operation } from "./model/operation.ts";
import { Player, type PlayerOptions } from "./player.ts";

/** Gives the next operation, by what the player's world has come to; undefined when that was all. */
export type Next = (player: Player) => Operation | undefined;

export function from(operations: readonly Operation[]): Next {
  let index = 0;
  return () => operations[index++];
}

export interface Failure {
  /** The round in which it was seen, in words. */
  readonly round: string;
  readonly defect: Defect;
}

/** The ground itself failed: nothing is known of the plugin. */
export class BrokenRun extends Error {
  override name = "BrokenRun";
  readonly played: readonly Operation[];

  constructor(message: string, played: readonly Operation[], cause: unknown) {
    super(message, { cause });
    this.played = played;
  }
}

/** Plays operations on a fresh node until something is not as it should be, or until there are no more. */
export async function run(
  next: Next,
  options: PlayerOptions,
): Promise<{ readonly played: Operation[]; readonly failure: Failure | undefined }> {
  const played: Operation[] = [];
  await using player = await Player.open(options);
  let round = "";
  try {
    for (let operation = next(player); operation !== undefined; operation = next(player)) {
      round = describe(operation);
      played.push(operation);
      await player.play(operation);
    }
    // In the end nothing of a branch is left.
    for (const network of ["chaos", "second"] as const) {
      round = `GC of network ${network} in the end`;
      await player.play({ op: "gc", network, valid: [] });
    }
    round = "the end";
    await player.finish();
    return { played, failure: undefined };
  } catch (error) {
    if (error instanceof DefectError) return { played, failure: { round, defect: error.defect } };
    throw new BrokenRun(`in round ${played.length}, ${round}`, played, error);
  }
}
