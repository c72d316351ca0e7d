import { backOff } from "../sys/back-off.ts";

/** Before the API server is asked again: 0.8 to 30 s, as client-go's reflector and kube-rs' watcher wait. */
export function backOffMs(failures: number, random: () => number): number {
  return backOff({ firstMs: 800, longestMs: 30_000 }, failures, random);
}
