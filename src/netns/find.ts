import { readdirSync, readlinkSync } from "node:fs";
import { type Namespace, NamespaceError, openNamespace } from "./namespace.ts";

/** Where programs mount namespaces to keep them: iproute2 and the container runtimes, then Docker. */
const MOUNT_DIRECTORIES = ["/run/netns", "/run/docker/netns"];

/**
 * Every network namespace that a path leads to: those mounted in the usual places and those of running processes.
 * Slow (it walks /proc), so for what is not expected only.
 */
export function* allNamespaces(): Generator<Namespace> {
  const seen = new Set<string>();
  for (const path of candidates()) {
    let namespace: Namespace;
    try {
      namespace = openNamespace(path);
    } catch (error) {
      // Processes end and mounts go while we look.
      if (error instanceof NamespaceError) continue;
      throw error;
    }
    if (seen.has(namespace.identity)) namespace[Symbol.dispose]();
    else {
      seen.add(namespace.identity);
      yield namespace;
    }
  }
}

/** The namespace of that identity under whatever path; undefined when none leads to it. The caller disposes of it. */
export function findNamespace(identity: string): Namespace | undefined {
  for (const namespace of allNamespaces()) {
    if (namespace.identity === identity) return namespace;
    namespace[Symbol.dispose]();
  }
  return undefined;
}

function* candidates(): Generator<string> {
  for (const directory of MOUNT_DIRECTORIES) {
    for (const entry of entriesOf(directory)) yield `${directory}/${entry}`;
  }
  const links = new Set<string>();
  for (const entry of entriesOf("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const path = `/proc/${entry}/ns/net`;
    const link = readLink(path);
    // Most processes share a namespace: one of each is opened.
    if (link === undefined || links.has(link)) continue;
    links.add(link);
    yield path;
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
