import type { DatapathName, Recovery } from "./datapath.ts";
import { direct } from "./direct/recovery.ts";
import { routed } from "./routed/recovery.ts";

/** What a DEL without a record needs of each datapath. No other verb loads it. */
export const RECOVERIES: Readonly<Record<DatapathName, Recovery>> = { direct, routed };
