import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Where downloads and builds are that are the same for every checkout: ~/.cache/branchline, below XDG_CACHE_HOME if that
 * is set. A guest's own environment has neither, so the harness passes the path.
 */
export const sharedCache = cacheOf(process.env, homedir());

/** An empty or relative XDG_CACHE_HOME counts as none, as in the scripts that fill the cache. */
export function cacheOf(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const { BRANCHLINE_CACHE: named, XDG_CACHE_HOME: caches = "" } = env;
  if (named !== undefined && named !== "") return named;
  return join(isAbsolute(caches) ? caches : join(home, ".cache"), "branchline");
}
