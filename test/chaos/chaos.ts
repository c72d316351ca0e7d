import { release } from "node:os";
import { Account } from "./account.ts";
import { chooseOperation } from "./generate.ts";
import { type Plant, plants } from "./kernel/plant.ts";
import { describe } from "./model/describe.ts";
import type { Operation } from "./model/operation.ts";
import type { Options } from "./options.ts";
import type { Round } from "./player.ts";
import { Random } from "./random.ts";
import { BrokenRun, type Failure, type Next, from, run } from "./run.ts";
import { readSequence, writeSequence } from "./sequence.ts";
import { shorten } from "./shorten.ts";

type Print = (line: string) => void;

/** Gives the exit status: 0 when all was as the model says, 1 when something was not. */
export async function chaos(options: Options, print: Print): Promise<0 | 1> {
  const plant = plantOf(options.plant);
  const given = options.replay === undefined ? undefined : readSequence(options.replay);
  const total = given?.length ?? options.rounds;
  print(given === undefined ? `seed ${options.seed}, ${total} rounds` : `replaying ${total} operations`);
  const account = new Account();
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const onRound = (round: Round) => {
    account.add(round);
    if (account.rounds % 10 === 0 || given !== undefined)
      print(`round ${account.rounds} of ${total}, ${seconds()} s: ${stateOf(round)}`);
  };
  const { played, failure } = await run(given === undefined ? generated(options) : from(given), {
    plant,
    onRound,
  }).catch((error: unknown) => {
    if (error instanceof BrokenRun && options.out !== undefined) {
      writeSequence(options.out, `${options.seed}-broken`, error.played, { seed: options.seed });
    }
    throw error;
  });
  account.lines().forEach(print);
  if (failure === undefined) {
    print(`${account.rounds} rounds in ${seconds()} s: all as it should be`);
    return 0;
  }
  print(`FAILED in round ${played.length}: ${failure.round}`);
  printDefect(failure, print);
  if (options.reduceSeconds > 0) await explain(options, played, failure, plant, print);
  return 1;
}

function stateOf({ operation, world: { attachments } }: Round): string {
  const loose = attachments.filter((attachment) => attachment.loose).length;
  return `${attachments.length} attached${loose === 0 ? "" : `, ${loose} of them loosely`}; ${describe(operation)}`;
}

function generated({ seed, rounds, executable, plant }: Options): Next {
  const random = new Random(seed);
  // A planted defect is not in the executable.
  const choice = { executable: executable && plant === undefined };
  let index = 0;
  return ({ world }) => (index++ < rounds ? chooseOperation(world, random, choice) : undefined);
}

/** Says the shortest sequence that fails, and how to see it again. */
async function explain(
  { seed, rounds, out, reduceSeconds, plant: plantName }: Options,
  played: readonly Operation[],
  first: Failure,
  plant: Plant | undefined,
  print: Print,
): Promise<void> {
  const keep = (name: string, sequence: readonly Operation[], { round, defect }: Failure) => {
    if (out === undefined) return;
    writeSequence(out, name, sequence, {
      seed,
      ...(plantName !== undefined && { plant: plantName }),
      round,
      defect,
    });
  };
  keep(`${seed}`, played, first);
  print(`making the sequence of ${played.length} operations shorter, for ${reduceSeconds} s at most`);
  const { sequence, failure, tries, whole } = await shorten(played, plant, reduceSeconds);
  keep(`${seed}-short`, sequence, failure ?? first);
  print(`${sequence.length} operations after ${tries} tries${whole ? "" : ", and the time was over"}:`);
  sequence.forEach((operation) => print(`  ${describe(operation)}`));
  sequence.forEach((operation) => print(`  ${JSON.stringify(operation)}`));
  if (failure === undefined) print("it did not fail when it was played once more, every round looked at");
  else printDefect(failure, print);
  const kernel = release().split(".").slice(0, 2).join(".");
  print(`all of it again: make chaos KERNEL=${kernel} SEED=${seed} ROUNDS=${rounds}`);
  if (out !== undefined)
    print(`this again: make chaos KERNEL=${kernel} REPLAY=.cache/chaos/${seed}-short.json`);
}

/** A difference may be of everything there is. */
const MAX_LINES = 40;

function printDefect({ defect: { lines } }: Failure, print: Print): void {
  lines.slice(0, MAX_LINES).forEach((line) => print(`  ${line}`));
  if (lines.length > MAX_LINES) print(`  and ${lines.length - MAX_LINES} more`);
}

function plantOf(name: string | undefined): Plant | undefined {
  if (name === undefined) return undefined;
  const plant = plants[name];
  if (plant === undefined)
    throw new TypeError(`--plant ${JSON.stringify(name)}: it is ${Object.keys(plants).join(" or ")}`);
  return plant;
}
