import { runtime } from "#runtime";

/**
 * For the whole process, from now on: the space for new objects stays as small as it is. What is really in use may grow as
 * ever, so a large cluster ends no agent.
 */
export function keepHeapSmall(): void {
  runtime.keepHeapSmall();
}

/**
 * For the whole process, from now on: garbage in the old space is collected once it is half of what was in use, and not only
 * when it is several times that. It takes a tenth more processor time, so it is for commands that read much and end.
 */
export function collectGarbageSoon(): void {
  runtime.collectGarbageSoon();
}
