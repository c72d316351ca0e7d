// What may be asked of the demo: a datapath, and the mode it enforces groups in.
import { parseArgs } from "node:util";

export const profiles = ["direct standard", "routed strict", "routed standard"] as const;

/** A datapath and its mode, the way outcomes are told apart. */
export type Profile = (typeof profiles)[number];

export interface Options {
  readonly profile: Profile;
  readonly datapath: "direct" | "routed";
  readonly mode: "strict" | "standard";
  /** Say what would be shown, and end. */
  readonly plan: boolean;
  /** Sabotage: the database's group lets everybody in, so that the demo has to fail. */
  readonly openDatabase: boolean;
}

/** One line says what was wrong with the arguments. */
export class UsageError extends Error {
  override name = "UsageError";
}

const modes = { direct: ["standard"], routed: ["strict", "standard"] } as const;

export function parseOptions(argv: readonly string[]): Options {
  const { datapath, mode: asked, plan, "open-database": openDatabase } = parse(argv);
  if (!isOneOf(datapath, ["direct", "routed"] as const))
    throw new UsageError(`--datapath ${datapath}: there are direct and routed`);
  const known: readonly string[] = modes[datapath];
  const mode = asked ?? modes[datapath][0];
  if (!isOneOf(mode, ["strict", "standard"] as const))
    throw new UsageError(`--mode ${mode}: there are strict and standard`);
  const profile = `${datapath} ${mode}`;
  if (!isOneOf(profile, profiles))
    throw new UsageError(`--mode ${mode}: the ${datapath} datapath has ${known.join(" and ")} only`);
  return { profile, datapath, mode, plan, openDatabase };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        datapath: { type: "string", default: "direct" },
        mode: { type: "string" },
        plan: { type: "boolean", default: false },
        "open-database": { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isOneOf<T extends string>(value: string, known: readonly T[]): value is T {
  return known.some((one) => one === value);
}
