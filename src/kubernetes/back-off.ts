/** How long to wait before the API server is asked again. As client-go's reflector and kube-rs' watcher do. */

const FIRST_MS = 800;
const LONGEST_MS = 30_000;

/** After so many failures in a row (1 or more): doubled from 0.8 s to 30 s, the upper half at random. */
export function backOffMs(failures: number, random: () => number): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return most / 2 + (most / 2) * random();
}
