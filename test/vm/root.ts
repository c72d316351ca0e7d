import { realpathSync } from "node:fs";
import { join } from "node:path";
import { sharedCache } from "../setup/cache.ts";
import type { Architecture } from "./kernel.ts";
import { repository } from "./repository.ts";

/** What a guest finds of the host. */
export interface Root {
  /** The host's directory that is its root. */
  readonly root: string;
  /** Over the guest's usual environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Directories that are not in that root, by the tags that the guest mounts them by. */
  readonly mounts: ReadonlyMap<string, string>;
}

/**
 * The host's own root for its own architecture; for another one, what test/setup/root.sh has made, in which the host's
 * directories `needed` are mounted. Throws when that was not made.
 */
export function findRoot(architecture: Architecture, needed: readonly string[]): Root {
  if (architecture === "amd64") return { root: "/", env: {}, mounts: new Map() };
  const link = join(sharedCache, "roots", architecture);
  const node = join(repository, `parts/${architecture}/node_modules/node-linux-${architecture}/bin`);
  try {
    return {
      root: realpathSync(link),
      env: { PATH: `${node}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` },
      mounts: new Map(needed.map((path, index) => [`mount${index}`, path])),
    };
  } catch (cause) {
    throw new Error(`No root in ${link}: run test/setup/root.sh ${architecture}`, { cause });
  }
}
