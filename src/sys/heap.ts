import { setFlagsFromString } from "node:v8";

/**
 * For the whole process, from now on: the space for new objects stays as small as it is. V8 would let it grow to 32 MiB
 * while lists are read, and the garbage in the old space with it, which on a busy processor was 100 MiB and stayed
 * (docs/performance.md). What is really in use may grow as ever, so a large cluster ends no agent.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * For the whole process, from now on: garbage in the old space is collected once it is half of what was in use, and not only
 * when it is several times that. It takes a tenth more processor time, so it is for commands that read much and end.
 */
export function collectGarbageSoon(): void {
  setFlagsFromString("--heap-growing-percent=50");
}
