import { DatapathError } from "../datapath/error.ts";
import { errorCode } from "../sys/errno.ts";
import { ForeignFileError, readOwn } from "../sys/files.ts";
import { canonicalMac } from "../values/mac.ts";

/** `trunk.json`, in which the agent names the node's trunk ENI: `{"eniId": …, "mac": …}`. */

export function trunkFile(stateDirectory: string): string {
  return `${stateDirectory}/trunk.json`;
}

/** Bytes; it usually has about sixty. */
const MAX_FILE = 64 * 1024;

/**
 * The trunk's MAC in lower case; undefined if there is no file. DatapathError `trunk` if the file has no valid MAC,
 * ForeignFileError if it is not a file of ours.
 */
export function readTrunkMac(stateDirectory: string): string | undefined {
  const path = trunkFile(stateDirectory);
  let text: string | undefined;
  try {
    text = readOwn(path, MAX_FILE);
  } catch (error) {
    if (error instanceof ForeignFileError) throw error;
    throw new DatapathError("trunk", `trunk not known: Cannot read ${path}: ${errorCode(error)}`, {
      cause: error,
    });
  }
  if (text === undefined) return undefined;
  const mac = macIn(text);
  if (mac !== undefined) return mac;
  throw new DatapathError("trunk", `trunk not known: ${path} gives no valid "mac"`, {
    details: [text.slice(0, 200)],
  });
}

function macIn(text: string): string | undefined {
  try {
    const { mac } = JSON.parse(text) as { mac?: unknown };
    return typeof mac === "string" ? canonicalMac(mac) : undefined;
  } catch {
    return undefined;
  }
}
