import { lstatSync, readdirSync } from "node:fs";
import type { Pod } from "../../kubernetes/objects.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import { isAskedPod } from "../answer/pod-names.ts";
import { type AttachmentKey, type AttachmentStore, StateError } from "../../state/store.ts";

/** What is attached on this node, as far as it can be told without the kernel's routes. */

/** A record without its steps, of which there may be megabytes. */
export type Known = Omit<AttachmentRecord, "steps">;

interface Entry {
  readonly stamp: string;
  /** Undefined when it cannot be read. */
  readonly known: Known | undefined;
}

/** The records, each read once for as long as its file is the same. */
export class KnownAttachments {
  private readonly store: AttachmentStore;
  private entries = new Map<string, Entry>();

  constructor(store: AttachmentStore) {
    this.store = store;
  }

  /** Those that can be read. StateError when the directory cannot be listed. */
  all(): readonly Known[] {
    return this.look().flatMap(({ known }) => known ?? []);
  }

  /** As many as there are files. */
  get count(): number {
    return this.store.keys().length;
  }

  /** UIDs of those of the pods that have a record. StateError when one cannot be read: it may be of any of the others. */
  uidsOf(pods: readonly Pod[]): ReadonlySet<string> {
    const entries = this.look();
    const unreadable = entries.filter(({ known }) => known === undefined).length;
    if (unreadable > 0) {
      throw new StateError(`${unreadable} of ${entries.length} attachment records cannot be read`);
    }
    const attached = pods.filter((pod) =>
      entries.some(({ known }) => known !== undefined && isPodOf(known, pod)),
    );
    return new Set(attached.map(({ metadata }) => metadata.uid));
  }

  private look(): readonly Entry[] {
    const entries = new Map<string, Entry>();
    for (const { vlanId, containerId, ifName } of this.files()) {
      const name = `${vlanId}:${containerId}:${ifName}.json`;
      const stamp = stampOf(`${this.store.stateDirectory}/attachments/${name}`);
      const before = this.entries.get(name);
      const isSame = before?.known !== undefined && before.stamp === stamp;
      const known = isSame ? before.known : this.read({ containerId, ifName });
      // It has gone meanwhile.
      if (known !== "gone") entries.set(name, { stamp, known });
    }
    this.entries = entries;
    return [...entries.values()];
  }

  private files() {
    const files: (AttachmentKey & { readonly vlanId: number })[] = [];
    this.store.keys((file) => files.push(file) > 0);
    return files;
  }

  private read(key: AttachmentKey): Known | "gone" | undefined {
    try {
      const record = this.store.find(key);
      if (record === undefined) return "gone";
      const { steps: _, ...known } = record;
      return known;
    } catch (error) {
      if (error instanceof StateError) return undefined;
      throw error;
    }
  }
}

/** Whether the attachment is that pod's; of a static pod, the mirror's. Without a name and a UID nobody knows. */
export function isPodOf({ pod: { namespace, name, uid } }: Pick<AttachmentRecord, "pod">, pod: Pod): boolean {
  if (namespace === undefined || name === undefined) return uid !== undefined && uid === pod.metadata.uid;
  return isAskedPod(pod, { namespace, name, uid: uid ?? "" });
}

/** Another once the file has been written again; "" when it is gone. */
function stampOf(file: string): string {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.ctimeMs} ${found.size}`;
}

/** VLAN ids of devices with the name that aws-cni gives them. */
export function vlanIdsOnNode(): ReadonlySet<number> {
  const names = readdirSync("/sys/class/net");
  return new Set(
    names.flatMap((name) => Number(/^vlan\.eth\.(\d+)$/.exec(name)?.[1] ?? Number.NaN)).filter(Boolean),
  );
}
