import { podName } from "../../state/record.ts";
import type { AttachmentStore } from "../../state/store.ts";
import type { AttachmentFact } from "../facts.ts";

/** The node's records. Throws StateError when the directory cannot be used. */
export function readAttachments(store: AttachmentStore): readonly AttachmentFact[] {
  return store.keys().flatMap((key) =>
    store.vlanIdsOf(key).map((vlan) => {
      const file = `${vlan}:${key.containerId}:${key.ifName}.json`;
      const record = recordOf(store, key);
      return record === undefined
        ? { file, vlan, pod: undefined, eni: undefined, mode: undefined }
        : { file, vlan, pod: podName(record.pod), eni: record.eniId, mode: record.mode };
    }),
  );
}

function recordOf(store: AttachmentStore, key: Parameters<AttachmentStore["find"]>[0]) {
  try {
    return store.find(key);
  } catch {
    return undefined;
  }
}
