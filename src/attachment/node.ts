import { Kernel, type TransportFactory } from "../datapath/kernel.ts";
import { type Namespace, NamespaceError, openNamespace } from "../netns/namespace.ts";
import { findNamespace } from "../netns/find.ts";
import type { Clock } from "../sys/clock.ts";
import { AttachmentStore } from "./store.ts";

/** What attaching and detaching need of the machine; tests put in a directory, a clock and a faulty kernel. */
export interface Node {
  readonly store: AttachmentStore;
  readonly clock: Clock;
  readonly openTransport?: TransportFactory;
}

export function kernelFor(node: Node, pod: Namespace | undefined): Kernel {
  return new Kernel(pod, node.openTransport, node.clock);
}

/**
 * The namespace that something was attached in, or undefined when it no longer exists. A path may lead to another
 * namespace by now (its name was given again), and a namespace may live on when its path is gone (a process is in it).
 */
export function reopen(wanted: { readonly path: string; readonly identity: string }): Namespace | undefined {
  const atPath = openIfThere(wanted.path);
  if (atPath?.identity === wanted.identity) return atPath;
  atPath?.[Symbol.dispose]();
  return findNamespace(wanted.identity);
}

/** The namespace at the path; undefined when there is no path, or nothing at it that is a namespace any more. */
export function openIfThere(path: string): Namespace | undefined {
  if (path === "") return undefined;
  try {
    return openNamespace(path);
  } catch (error) {
    if (error instanceof NamespaceError && error.gone) return undefined;
    throw error;
  }
}
