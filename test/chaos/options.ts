import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

export interface Options {
  readonly seed: number;
  readonly rounds: number;
  readonly out: string | undefined;
  readonly replay: string | undefined;
  readonly executable: boolean;
  readonly reduceSeconds: number;
  readonly plant: string | undefined;
}

/** Throws TypeError for what makes no sense. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      rounds: { type: "string", default: "500" },
      out: { type: "string" },
      replay: { type: "string" },
      "no-executable": { type: "boolean", default: false },
      reduce: { type: "string", default: "600" },
      plant: { type: "string" },
    },
  });
  return {
    seed: values.seed === undefined ? randomInt(1, 1_000_000) : whole("seed", values.seed),
    rounds: whole("rounds", values.rounds),
    out: values.out,
    replay: values.replay,
    executable: !values["no-executable"],
    reduceSeconds: whole("reduce", values.reduce),
    plant: values.plant,
  };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new TypeError(`--${name} ${JSON.stringify(text)} is not a whole number`);
  }
  return value;
}
