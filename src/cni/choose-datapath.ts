import { isDatapath, notADatapath } from "../datapath/datapath.ts";
import { POD_ANNOTATIONS } from "../ipam/annotation.ts";
import type { Call } from "./call.ts";
import { type DatapathChoice, type EntryConfig, forDatapath } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { isObject, member, quote } from "../text/json.ts";

export const DATAPATH_ANNOTATION = "branchline.dev/datapath";

/**
 * The datapath for a pod: the entry's, or the one in the pod's own annotation if the entry allows that. Code 7 when the
 * entry lacks what the pod's choice needs.
 */
export function wantedDatapath({ warnOnce }: Pick<Call, "warnOnce">, config: EntryConfig): DatapathChoice {
  const annotations = member(config.runtimeConfig, POD_ANNOTATIONS);
  const value = isObject(annotations) ? member(annotations, DATAPATH_ANNOTATION) : undefined;
  if (value === undefined) return config.datapath;
  const said = `annotation ${DATAPATH_ANNOTATION} ${quote(value)}`;
  if (!config.allowDatapathOverride) {
    warnOnce(`${said} is ignored: the entry does not have "allowDatapathOverride": true`);
    return config.datapath;
  }
  if (!isDatapath(value)) throw new CniError(ErrorCode.InvalidConfig, `${said} ${notADatapath()}`);
  try {
    forDatapath(config, value);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(error.code, `${said}: ${error.message}`, error.details, { cause: error });
  }
  return value;
}
