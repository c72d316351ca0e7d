import { type Json, type JsonObject, isArray, member } from "../../text/json.ts";

/**
 * Plugins that put themselves into the list that a runtime looks at first, which is ours: they stay, or their installer and
 * we would overwrite each other for ever. Pure.
 */

/**
 * A key of our list: the types of the primary's plugins when it was written. A plugin of another type was appended by
 * somebody. Runtimes ignore keys of a list that they do not know (libcni, ConfListFromBytes), and installers keep them.
 */
export const TAKEN = "branchline.dev/taken";

/** Installers of these edit the first list in place, and again whenever it is not as they left it. */
const APPEND_THEMSELVES = new Set<Json | undefined>(["istio-cni", "linkerd-cni"]);

/**
 * The plugins of our list but ours: the primary's, then those that others appended to ours. `existing` are the plugins of
 * our list as it is, `taken` the value of its key; undefined when nothing is known of it.
 */
export function withAppended(
  primary: readonly JsonObject[],
  existing: readonly JsonObject[],
  taken: ReadonlySet<Json> | undefined,
): readonly JsonObject[] {
  if (taken === undefined) return primary;
  const inPrimary = new Set(primary.map(({ type }) => type));
  const kept = primary.flatMap((plugin) => {
    const { type } = plugin;
    if (type === undefined || !APPEND_THEMSELVES.has(type)) return [plugin];
    // The primary's list has what its installer wrote before ours was there, and no longer looks after.
    const newer = existing.find((other) => other["type"] === type);
    if (newer !== undefined) return [newer];
    return taken.has(type) ? [] : [plugin];
  });
  const appended = existing.filter(
    ({ type }) =>
      type !== undefined && !inPrimary.has(type) && (!taken.has(type) || APPEND_THEMSELVES.has(type)),
  );
  return [...kept, ...appended];
}

/** The value of the key; undefined if the list is not ours, or of a version that had none. */
export function takenBy(list: JsonObject | undefined): ReadonlySet<Json> | undefined {
  const types = list === undefined ? undefined : member(list, TAKEN);
  return isArray(types) ? new Set(types) : undefined;
}
