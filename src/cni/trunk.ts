import type { TrunkSelector } from "../datapath/trunk.ts";
import { canonicalMac } from "../values/mac.ts";
import type { TrunkSelector as ConfiguredTrunk } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { errorCode } from "../sys/errno.ts";
import { ForeignFileError, readOwn } from "../sys/files.ts";

/**
 * Which interface is the trunk: what the configuration says, else what the agent wrote into trunk.json of the state
 * directory (`{"eniId": …, "mac": …}`). Code 100 says which were tried.
 */
export function trunkSelector(configured: ConfiguredTrunk, stateDirectory: string): TrunkSelector {
  if (configured.interface !== undefined) return { interface: configured.interface };
  if (configured.mac !== undefined) return { mac: configured.mac };
  const path = `${stateDirectory}/trunk.json`;
  const mac = readTrunkFile(path);
  if (mac !== undefined) return { mac };
  throw new CniError(
    ErrorCode.TrunkNotFound,
    `trunk not known: the configuration has neither trunk.interface nor trunk.mac, and there is no ${path}`,
  );
}

/** Bytes; it has some sixty. */
const LARGEST_FILE = 64 * 1024;

/** ForeignFileError when the file is something else. */
function readTrunkFile(path: string): string | undefined {
  let text: string | undefined;
  try {
    text = readOwn(path, LARGEST_FILE);
  } catch (error) {
    if (error instanceof ForeignFileError) throw error;
    throw new CniError(
      ErrorCode.TrunkNotFound,
      `trunk not known: Cannot read ${path}: ${errorCode(error)}`,
      "",
      { cause: error },
    );
  }
  if (text === undefined) return undefined;
  const mac = macIn(text);
  if (mac === undefined) {
    throw new CniError(
      ErrorCode.TrunkNotFound,
      `trunk not known: ${path} gives no valid "mac"`,
      text.slice(0, 200),
    );
  }
  return mac;
}

function macIn(text: string): string | undefined {
  try {
    const { mac } = JSON.parse(text) as { mac?: unknown };
    return typeof mac === "string" ? canonicalMac(mac) : undefined;
  } catch {
    return undefined;
  }
}
