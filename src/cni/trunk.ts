import type { TrunkSelector } from "../datapath/trunk.ts";
import type { TrunkSelector as ConfiguredTrunk } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { readTrunkMac, trunkFile } from "../state/trunk.ts";

/**
 * Which interface is the trunk: what the configuration says, else what the agent wrote into trunk.json of the state
 * directory (`{"eniId": …, "mac": …}`). Code 100 says which were tried.
 */
export function trunkSelector(configured: ConfiguredTrunk, stateDirectory: string): TrunkSelector {
  if (configured.interface !== undefined) return { interface: configured.interface };
  if (configured.mac !== undefined) return { mac: configured.mac };
  const mac = readTrunkMac(stateDirectory);
  if (mac !== undefined) return { mac };
  throw new CniError(
    ErrorCode.TrunkNotFound,
    `trunk not known: the configuration has neither trunk.interface nor trunk.mac, and there is no ${trunkFile(stateDirectory)}`,
  );
}
