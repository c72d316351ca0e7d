import { expect, it } from "vitest";
import { cacheOf } from "./cache.ts";

it.each<{ env: Readonly<Record<string, string>>; path: string }>([
  { env: {}, path: "/home/a/.cache/branchline" },
  { env: { XDG_CACHE_HOME: "/var/b" }, path: "/var/b/branchline" },
  { env: { XDG_CACHE_HOME: "" }, path: "/home/a/.cache/branchline" },
  { env: { XDG_CACHE_HOME: "caches" }, path: "/home/a/.cache/branchline" },
  { env: { XDG_CACHE_HOME: "/var/b", BRANCHLINE_CACHE: "/c" }, path: "/c" },
  { env: { BRANCHLINE_CACHE: "" }, path: "/home/a/.cache/branchline" },
])("is $path with $env", ({ env, path }) => {
  expect(cacheOf(env, "/home/a")).toBe(path);
});
