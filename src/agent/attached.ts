import { readdirSync } from "node:fs";
import { StateError, type AttachmentStore } from "../state/store.ts";

/** What is attached on this node, as far as it can be told without the kernel's routes. */

/** UIDs of the pods of all records. StateError when one cannot be read: nothing can then be said of what is missing. */
export function attachedUids(store: AttachmentStore): ReadonlySet<string> {
  const records = store.mentioning([""]);
  const files = store.keys().length;
  // A record may go between the two looks, but none that stays may be skipped.
  if (records.length < files) {
    throw new StateError(`${files - records.length} of ${files} attachment records cannot be read`);
  }
  return new Set(records.flatMap(({ pod }) => pod.uid ?? []));
}

/** VLAN ids of devices with the name that aws-cni gives them. */
export function vlanIdsOnNode(): ReadonlySet<number> {
  const names = readdirSync("/sys/class/net");
  return new Set(
    names.flatMap((name) => Number(/^vlan\.eth\.(\d+)$/.exec(name)?.[1] ?? Number.NaN)).filter(Boolean),
  );
}
