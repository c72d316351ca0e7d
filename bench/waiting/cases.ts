/** What is measured: how long pods without a branch wait while others wait for their annotations. */
export interface Case {
  readonly name: string;
  /** Pods that ask for a branch and have no annotation. */
  readonly waiting: number;
  /** Whether the primary's list is written anew each second. */
  readonly rewritten: boolean;
  /** Whether the primary's list lies where the runtime looks (open mode), or elsewhere (closed mode). */
  readonly open: boolean;
}

export const CASES: readonly Case[] = [
  { name: "nobody waits, list rewritten", waiting: 0, rewritten: true, open: true },
  { name: "20 wait", waiting: 20, rewritten: false, open: true },
  { name: "20 wait, list rewritten", waiting: 20, rewritten: true, open: true },
  { name: "20 wait, list rewritten, closed mode", waiting: 20, rewritten: true, open: false },
];

/** Milliseconds. */
export interface Spread {
  readonly count: number;
  readonly median: number;
  readonly p90: number;
  readonly max: number;
}

export interface Waited {
  readonly case: string;
  /** As `containerd --version` says it. */
  readonly containerd: string;
  /** RunPodSandbox of a pod without a branch. */
  readonly ordinary: Spread;
  /** Status, by which kubelet knows whether the node is ready. */
  readonly status: Spread;
  /** How often one of those that wait gave up, to be tried again. */
  readonly gaveUp: number;
}
