import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf } from "../text/error-words.ts";
import { quote } from "../text/json.ts";
import { readObjectName } from "./uninstall/daemon-set.ts";

/** What the commands of this folder do alike: flags and signals. */

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
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/** The value of --daemon-set. UsageError. */
export function readDaemonSet(text: string): { readonly namespace: string; readonly name: string } {
  const found = readObjectName(text);
  if (found !== undefined) return found;
  throw new UsageError(`--daemon-set ${quote(text)} is no NAMESPACE/NAME`);
}

/** Aborted by SIGTERM and SIGINT. */
export function endedBySignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));
  }
  return stop.signal;
}
