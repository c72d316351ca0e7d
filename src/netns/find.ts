import { readdirSync, readlinkSync } from "node:fs";
import { type Namespace, NamespaceError, openNamespace } from "./namespace.ts";

/** Where to look for paths to namespaces. */
export interface Places {
  /** Where programs mount namespaces to keep them alive. */
  readonly mountDirectories: readonly string[];
  readonly proc: string;
}

/** iproute2 and the container runtimes, then Docker. */
export const PLACES: Places = { mountDirectories: ["/run/netns", "/run/docker/netns"], proc: "/proc" };

/**
 * Every network namespace that has a path: those mounted in the usual directories and those of running processes. Slow
 * (it walks /proc), so only for the unexpected.
 */
export function* allNamespaces(places: Places = PLACES): Generator<Namespace> {
  const seen = new Set<string>();
  const links = new Set<string>();
  for (const { path, link } of candidates(places)) {
    // Most processes share a namespace: each link is opened once.
    if (link !== undefined && links.has(link)) continue;
    let namespace: Namespace;
    try {
      namespace = openNamespace(path);
    } catch (error) {
      // Processes end and mounts disappear while we look.
      if (error instanceof NamespaceError) continue;
      throw error;
    }
    // Only now: had this process ended before it was opened, another one with the same link would still lead there.
    if (link !== undefined) links.add(link);
    if (seen.has(namespace.identity)) namespace[Symbol.dispose]();
    else {
      seen.add(namespace.identity);
      yield namespace;
    }
  }
}

/** The namespace of that identity, by any path; undefined when there is none. The caller disposes of it. */
export function findNamespace(identity: string): Namespace | undefined {
  for (const namespace of allNamespaces()) {
    if (namespace.identity === identity) return namespace;
    namespace[Symbol.dispose]();
  }
  return undefined;
}

/** Paths to try; those of processes come with the link's text. */
function* candidates({ mountDirectories, proc }: Places): Generator<{ path: string; link?: string }> {
  for (const directory of mountDirectories) {
    for (const entry of entriesOf(directory)) yield { path: `${directory}/${entry}` };
  }
  for (const entry of entriesOf(proc)) {
    if (!/^\d+$/.test(entry)) continue;
    const path = `${proc}/${entry}/ns/net`;
    const link = readLink(path);
    if (link !== undefined) yield { path, link };
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
