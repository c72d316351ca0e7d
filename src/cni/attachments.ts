/** The attachments that GC must keep (SPEC 1.1.0, "GC"). */

import { CniError, ErrorCode } from "./errors.ts";
import { isArray, isObject, member, quote } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
import { interfaceNameDefect, isIdentifier } from "./names.ts";

export interface ValidAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

/** The second is from drafts of 1.1.0; libcni writes both. */
const KEYS = ["cni.dev/valid-attachments", "cni.dev/attachments"];

/**
 * The valid attachments, or undefined when the runtime does not say (null or absent): then nothing may be removed. An
 * attachment in either list is valid. A malformed entry is an error: with half a list GC would delete the other half.
 */
export function validAttachments(config: JsonObject): readonly ValidAttachment[] | undefined {
  const lists = KEYS.flatMap((key) => {
    const list = member(config, key);
    if (list === undefined) return [];
    if (!isArray(list)) throw new CniError(ErrorCode.InvalidConfig, `${key} ${quote(list)} is not a list`);
    return [list.map((entry, i) => readEntry(`${key}[${i}]`, entry))];
  });
  return lists.length === 0 ? undefined : unique(lists.flat());
}

function readEntry(name: string, entry: Json): ValidAttachment {
  if (!isObject(entry))
    throw new CniError(ErrorCode.InvalidConfig, `${name} ${quote(entry)} is not an object`);
  const containerId = member(entry, "containerID");
  if (typeof containerId !== "string" || !isIdentifier(containerId)) {
    throw new CniError(
      ErrorCode.InvalidConfig,
      `${name}.containerID ${quote(containerId)} is not a container id`,
    );
  }
  const ifName = member(entry, "ifname");
  const defect = typeof ifName === "string" ? interfaceNameDefect(ifName) : "is not a string";
  if (typeof ifName !== "string" || defect !== undefined) {
    throw new CniError(ErrorCode.InvalidConfig, `${name}.ifname ${quote(ifName)} ${defect}`);
  }
  return { containerId, ifName };
}

function unique(entries: readonly ValidAttachment[]): ValidAttachment[] {
  return [...new Map(entries.map((entry) => [`${entry.containerId} ${entry.ifName}`, entry])).values()];
}
