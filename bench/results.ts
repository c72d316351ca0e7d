import type { AtOnce } from "./guest/attach.ts";
import type { ScalePoint } from "./guest/scale.ts";
import type { Syscalls } from "./guest/syscalls.ts";
import type { TrafficPoint } from "./guest/traffic.ts";
import type { Measured } from "./measure.ts";
import type { Started } from "./startup.ts";
import type { Figures } from "./stats.ts";

/** When a part was measured, in how many rounds. */
export interface When {
  readonly date: string;
  readonly rounds: number;
}

/** bench/results/latest.json. What was measured in the guest is not to be compared with what was measured outside. */
export interface Results {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly native: When & {
    readonly startup: readonly Started[];
    readonly branch: readonly Measured[];
    readonly netlink: { readonly oursUs: Figures; readonly ipBatchUs: Figures };
  };
  readonly guest: When & {
    readonly kernel: string;
    readonly attached: readonly Measured[];
    readonly together: readonly AtOnce[];
    readonly traced: readonly Syscalls[];
    readonly scaled: readonly ScalePoint[];
    readonly moved: readonly TrafficPoint[];
  };
}
