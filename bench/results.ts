import type { AtOnce } from "./guest/attach.ts";
import type { ScalePoint } from "./guest/scale.ts";
import type { Syscalls } from "./guest/syscalls.ts";
import type { TrafficPoint } from "./guest/traffic.ts";
import type { Measured } from "./measure.ts";
import type { Started } from "./startup.ts";
import type { Figures } from "./stats.ts";
import type { Together } from "./together.ts";

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

/** Pods without a branch that come while the agent runs. Processor time is the agent's, for each. */
export interface WithoutBranch {
  /** What it does when it hears of the pod, before anybody asks. */
  readonly aheadCpuMs: number;
  /** The first question about the pod. */
  readonly first: Answered;
  /** Questions after that, each of which asks the API server. */
  readonly again: Answered;
}

export interface Answered {
  readonly wallMs: Figures;
  readonly cpuMs: number;
}

/** The agent of a node with so many pods, in a cluster with so many policies; all times are wall time unless said. */
export interface AgentFigures {
  readonly pods: number;
  readonly policies: number;
  /** From its start to readiness. */
  readonly readyMs: Figures;
  /** In a namespace without policies. */
  readonly none: WithoutBranch;
  /** In namespaces with so many policies. */
  readonly noneAmong: WithoutBranch & { readonly policies: number };
  /** Pods that wait at once for their annotation. */
  readonly waiting: number;
  /** From the annotation's write to the answer. */
  readonly lateMs: Figures;
  readonly lateP99Ms: number;
  /** The same annotations, if the plugin refused and kubelet tried again, from the annotation's write to that try. */
  readonly retried: {
    /** As kubelet does: the annotation itself wakes it. */
    readonly wokenMs: Figures;
    /** If nothing but time did. */
    readonly byTimeMs: Figures;
    /** Sandboxes that fail before, for each pod. */
    readonly failed: number;
  };
  /** Of one core. */
  readonly idleCpuPercent: number;
  readonly residentMiB: number;
  readonly peakMiB: number;
}

/** All pods at once, on nodes with trunks and without a branch. */
export interface BurstFigures {
  readonly nodes: number;
  readonly pods: number;
  /** Until the API server had them all. */
  readonly createdS: number;
  /** From the first one's creation until the last one is annotated. */
  readonly seconds: number;
  /** What EC2's bucket of AssociateTrunkInterface allows. */
  readonly allowedS: number;
  readonly ratio: number;
  /** Processor time of the controller. */
  readonly cpuS: number;
  readonly peakMiB: number;
  readonly callsAPod: number;
  /** Calls that EC2 refused as too many. */
  readonly throttled: number;
}

/** From a pod's appearance in a watch to CreateNetworkInterface in EC2, one pod after the other: no call waits for a token. */
export interface ReactionFigures {
  readonly pods: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** Of it, on average: the API server is asked whether it would take the annotation. */
  readonly proofMs: number;
}

/** A new process after SIGKILL of the one before. */
export interface RestartFigures {
  readonly nodes: number;
  /** It holds the Lease, whose holder had ended. */
  readonly leadingS: number;
  readonly describedS: number;
  /** A fresh pod is annotated. */
  readonly seconds: number;
  /** To EC2, until then. */
  readonly calls: number;
}

export interface LargeFigures {
  readonly nodes: number;
  readonly pods: number;
  readonly branches: number;
  readonly workingS: number;
  readonly calls: number;
  /** Processor time until it works. */
  readonly startCpuS: number;
  /** Of one core. */
  readonly idleCpuPercent: number;
  readonly residentMiB: number;
  readonly peakMiB: number;
}

/** Until all pods are annotated, and in a rolling restart until the last old one is deleted. */
export interface WarmRun {
  readonly seconds: number;
  /** EC2's, by API. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of those that change something. */
  readonly callsAPod: number;
  readonly cpuS: number;
  readonly peakMiB: number;
}

export interface WarmFigures {
  readonly nodes: number;
  readonly pods: number;
  /** From the start of a process until it has found all warm branches of the one before, and they have cooled. */
  readonly foundS: number;
  readonly burst: { readonly cold: WarmRun; readonly warm: WarmRun };
  readonly restart: { readonly cold: WarmRun; readonly warm: WarmRun };
}

export interface ControllerFigures {
  /** Absent until it has been measured once. */
  readonly warm?: WarmFigures;

  readonly reaction: ReactionFigures;
  readonly burst: BurstFigures;
  readonly restart: RestartFigures;
  readonly large: LargeFigures;
}

/** Whole processes of one command. */
export interface StatusRun {
  /** `status -A`. */
  readonly command: string;
  readonly outputBytes: number;
  readonly wallMs: Figures;
  readonly cpuMs: Figures;
  readonly peakMiB: Figures;
}

export interface StatusFigures {
  readonly nodes: number;
  readonly pods: number;
  readonly branches: number;
  /** Of a pod's JSON, on average. */
  readonly podBytes: number;
  readonly runs: readonly StatusRun[];
}

/** bench/results/latest.json. What was measured in the guest is not to be compared with what was measured outside. */
export interface Results {
  readonly native: Setting & {
    readonly startup: readonly Started[];
    readonly branch: readonly Measured[];
    readonly together: readonly Together[];
    readonly netlink: { readonly oursUs: Figures; readonly ipBatchUs: Figures };
  };
  readonly simulator: Setting & Simulated;
  /** Absent until it has been measured once. */
  readonly agent?: (Setting & AgentFigures) | undefined;
  /** Absent until it has been measured once. */
  readonly controller?: (Setting & ControllerFigures) | undefined;
  /** Absent until it has been measured once. */
  readonly status?: (Setting & StatusFigures) | undefined;
  readonly guest: Setting & {
    readonly kernel: string;
    readonly attached: readonly Measured[];
    readonly together: readonly AtOnce[];
    readonly traced: readonly Syscalls[];
    readonly scaled: readonly ScalePoint[];
    readonly moved: readonly TrafficPoint[];
  };
}
