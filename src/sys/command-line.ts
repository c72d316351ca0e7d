import { parseArgs, type ParseArgsConfig } from "node:util";

/** What commands do alike: flags and signals. */

/** The arguments cannot be used; the message says which. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The flags of a command line that has nothing else. UsageError. */
export function readFlags<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Aborted by SIGTERM and SIGINT. */
export function endedBySignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));
  }
  return stop.signal;
}
