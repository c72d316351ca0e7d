import { programsDirectory } from "./programs.ts";

/** Where containerd.sh of this checkout puts containerd 2.x, its shim and ctr. */
export function containerdDirectory(cache?: string): string {
  return programsDirectory("containerd", "github.com/containerd/containerd/v2", cache);
}
