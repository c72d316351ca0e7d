import type { AtOnce } from "./guest/attach.ts";
import type { ScalePoint } from "./guest/scale.ts";
import type { Syscalls } from "./guest/syscalls.ts";
import type { TrafficPoint } from "./guest/traffic.ts";
import type { Measured } from "./measure.ts";
import type { Started } from "./startup.ts";
import type { Figures } from "./stats.ts";

/** Where and when a part was measured, and in how many rounds. */
export interface Setting {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly date: string;
  readonly rounds: number;
}

/** Requests of one kind to the simulated EC2. */
export interface Load {
  readonly name: string;
  readonly requests: number;
  /** As its client measures it. */
  readonly aSecond: number;
  /** Processor time of the simulator for one. */
  readonly cpuMs: number;
}

/** The simulated EC2 with so many interfaces in it. */
export interface Simulated {
  readonly interfaces: number;
  readonly loads: readonly Load[];
  readonly peakMiB: number;
}

/** bench/results/latest.json. What was measured in the guest is not to be compared with what was measured outside. */
export interface Results {
  readonly native: Setting & {
    readonly startup: readonly Started[];
    readonly branch: readonly Measured[];
    readonly netlink: { readonly oursUs: Figures; readonly ipBatchUs: Figures };
  };
  readonly simulator: Setting & Simulated;
  readonly guest: Setting & {
    readonly kernel: string;
    readonly attached: readonly Measured[];
    readonly together: readonly AtOnce[];
    readonly traced: readonly Syscalls[];
    readonly scaled: readonly ScalePoint[];
    readonly moved: readonly TrafficPoint[];
  };
}
