import { Random } from "./random.ts";
import { defaultSettings } from "./settings.ts";
import type { World } from "./types.ts";

export const REGION = "us-east-1";

/** A world with nothing in it but an account, a Region and its zones. */
export function emptyWorld(seed: number): World {
  return {
    random: new Random(seed),
    settings: defaultSettings(),
    region: REGION,
    zones: ["a", "b", "c"].map((letter) => `${REGION}${letter}`),
    account: "123456789012",
    keys: {},
    vpcs: new Map(),
    subnets: new Map(),
    groups: new Map(),
    prefixLists: new Map(),
    networkAcls: new Map(),
    routeTables: new Map(),
    interfaces: new Map(),
    instances: new Map(),
    associations: new Map(),
    permissions: new Map(),
    tokens: new Map(),
    stale: new Map(),
    due: [],
    macs: new Set(),
  };
}
