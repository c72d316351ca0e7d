import type { Datapath, DatapathName } from "./datapath.ts";
import { direct } from "./direct/index.ts";
import { routed } from "./routed/index.ts";

/** What ADD needs of each datapath. No other verb loads it. */
export const SETUPS: Readonly<Record<DatapathName, Datapath>> = { direct, routed };
