import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { sharedCache } from "../setup/cache.ts";

/** By Debian's names. */
export type Architecture = "amd64" | "arm64";

/** A kernel that a guest can boot, as test/setup/kernels.sh unpacks it. */
export interface Kernel {
  readonly series: string;
  readonly architecture: Architecture;
  /** What uname -r says in the guest. */
  readonly release: string;
  /** Path of the compressed kernel. */
  readonly image: string;
  /** Directory that holds lib/modules, what modprobe calls a base directory. */
  readonly base: string;
}

/** Finds the kernel of a series such as "6.1", or "6.12-arm64", in the shared cache; throws when it was not fetched. */
export function findKernel(series: string): Kernel {
  const kernels = join(sharedCache, "kernels");
  let base: string;
  let release: string;
  try {
    // The guest's init sees no links out of what is mounted for it.
    base = realpathSync(join(kernels, series));
    release = readFileSync(join(base, "release"), "utf8").trim();
  } catch (cause) {
    throw new Error(`No kernel "${series}" in ${kernels}: run test/setup/kernels.sh ${series}`, {
      cause,
    });
  }
  const architecture = release.endsWith("-arm64") ? "arm64" : "amd64";
  return { series, architecture, release, image: join(base, "vmlinuz"), base };
}
