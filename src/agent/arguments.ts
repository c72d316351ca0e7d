import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";
import { readObjectName } from "./uninstall/daemon-set.ts";

/** The value of --daemon-set. UsageError. */
export function readDaemonSet(text: string): { readonly namespace: string; readonly name: string } {
  const found = readObjectName(text);
  if (found !== undefined) return found;
  throw new UsageError(`--daemon-set ${quote(text)} is no NAMESPACE/NAME`);
}
