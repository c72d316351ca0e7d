import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where downloads and builds are that are the same for every checkout: ~/.cache/branchline, below XDG_CACHE_HOME if that
 * is set. A guest's own environment has neither, so the harness passes the path.
 */
export const sharedCache =
  process.env["BRANCHLINE_CACHE"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "branchline");
