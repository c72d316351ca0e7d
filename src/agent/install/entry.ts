import { readConfig } from "../../cni/config.ts";
import { CniError } from "../../cni/errors.ts";
import { POD_ANNOTATIONS } from "../../ipam/annotation.ts";
import { type Json, type JsonObject, isObject, parseJson, quote } from "../../text/json.ts";

/** Our plugin's entry in the list. */

/** The entry that was given cannot be used. */
export class EntryError extends Error {
  override name = "EntryError";
}

/** Without these, a pod's branch would not be asked for. */
const REQUIRED: JsonObject = { enablePodENI: true, capabilities: { [POD_ANNOTATIONS]: true } };

/**
 * The entry from the text that was given, or the least that works. EntryError if the text is no JSON object, names
 * another plugin, or would let pods start without their branch.
 */
export function readEntry(text: string | undefined): JsonObject {
  let given: Json;
  try {
    given = parseJson(text ?? "{}");
  } catch (cause) {
    throw new EntryError(`the entry ${quote(text ?? "")} is not JSON`, { cause });
  }
  if (!isObject(given)) throw new EntryError(`the entry ${quote(given)} is not a JSON object`);
  const { type, enablePodENI, capabilities, ...others } = given;
  if ("listFile" in others) {
    throw new EntryError(
      `the entry has listFile ${quote(others["listFile"])}: the agent writes that key itself`,
    );
  }
  if (type !== undefined && type !== "branchline") {
    throw new EntryError(`the entry's type is ${quote(type)} instead of "branchline"`);
  }
  if (enablePodENI !== undefined && enablePodENI !== true && enablePodENI !== "true") {
    throw new EntryError(
      `the entry has enablePodENI ${quote(enablePodENI)}: pods would start without their branch`,
    );
  }
  if (capabilities !== undefined && !isObject(capabilities)) {
    throw new EntryError(`the entry's capabilities ${quote(capabilities)} are not a JSON object`);
  }
  if (capabilities !== undefined && capabilities[POD_ANNOTATIONS] === false) {
    throw new EntryError(
      `the entry's capabilities switch ${POD_ANNOTATIONS} off, by which the runtime passes annotations`,
    );
  }
  const entry = { ...others, ...REQUIRED, capabilities: { ...capabilities, [POD_ANNOTATIONS]: true } };
  check(entry);
  return entry;
}

/** The plugin reads the entry as it will at each ADD: what it refuses there would fail every pod of the node. */
function check(entry: JsonObject): void {
  let warnings: readonly string[];
  try {
    const read = readConfig({ cniVersion: "1.0.0", name: "check", type: "branchline", ...entry }, {});
    if (read.config.missingAnnotation === "pass") {
      throw new EntryError(
        'the entry has missingAnnotation "pass": a pod whose annotation is late would start without its branch',
      );
    }
    ({ warnings } = read);
  } catch (error) {
    if (error instanceof CniError)
      throw new EntryError(`the plugin refuses the entry: ${error.message}`, { cause: error });
    throw error;
  }
  // A misspelt key would be ignored, each time.
  if (warnings.length > 0) throw new EntryError(`the entry: ${warnings.join("; ")}`);
}
