import { Kernel, type TransportFactory, isLinkOnNode } from "../datapath/kernel.ts";
import {
  type Namespace,
  NamespaceError,
  inNamespace,
  openNamespace,
  openOwnNamespace,
} from "../netns/namespace.ts";
import { findNamespace } from "../netns/find.ts";
import type { Clock } from "../sys/clock.ts";
import type { AttachmentRecord } from "../state/record.ts";
import type { AttachmentStore } from "../state/store.ts";

/** What attaching and detaching use of the machine; tests substitute a directory, a clock and a faulty kernel. */
export interface Node {
  readonly store: AttachmentStore;
  readonly clock: Clock;
  readonly openTransport?: TransportFactory;
}

export function kernelFor(node: Node, pod: Namespace | undefined): Kernel {
  return new Kernel(pod, node.openTransport, node.clock);
}

/**
 * The namespace of an attachment, or undefined when it no longer exists. The path may lead to another namespace by now
 * (its name was reused), a namespace may outlive its path (a process is in it), and a new namespace gets the inode
 * number of one that is gone (the kernel takes the lowest free one).
 */
export function reopen(node: Node, record: Attached): Namespace | undefined {
  using open = new DisposableStack();
  const found = open.use(openNumbered(record.namespace));
  if (found === undefined || !isWhereAttached(node, found, record)) return undefined;
  // The caller disposes of it.
  open.move();
  return found;
}

/** Whether a namespace is that of the attachment, and not a later one with the same inode number. */
export function isWhereAttached(node: Node, namespace: Namespace, record: Attached): boolean {
  return namespace.identity === record.namespace.identity && holds(node, namespace, record);
}

type Attached = Pick<AttachmentRecord, "namespace" | "vlanId" | "trunk">;

function openNumbered({ path, identity }: AttachmentRecord["namespace"]): Namespace | undefined {
  const atPath = openIfThere(path);
  if (atPath?.identity === identity) return atPath;
  atPath?.[Symbol.dispose]();
  return findNamespace(identity);
}

/** Whether the namespace still has the pod's veth or the branch's VLAN device. */
function holds(node: Node, namespace: Namespace, { namespace: { veth }, vlanId, trunk }: Attached): boolean {
  if (veth === undefined) return true;
  using kernel = kernelFor(node, namespace);
  return kernel
    .allLinks("pod")
    .some((link) =>
      link.kind === "veth"
        ? link.linkIndex === veth && isLinkOnNode("pod", link)
        : link.vlan?.id === vlanId && link.linkIndex === trunk.index && isLinkOnNode("pod", link),
    );
}

/**
 * The namespace at the path if it can be a pod's. Undefined when it is gone, of another kind, or the node's own.
 * Teardown ignores anything that cannot be a pod's network namespace.
 */
export function openPodNamespace(path: string): Namespace | undefined {
  using open = new DisposableStack();
  const found = open.use(openIfThere(path));
  using own = openOwnNamespace();
  if (found === undefined || found.identity === own.identity) return undefined;
  try {
    inNamespace(found, () => undefined);
  } catch (error) {
    if (error instanceof NamespaceError) return undefined;
    throw error;
  }
  open.move();
  return found;
}

/** The namespace at the path; undefined when the path is empty or the namespace is gone. */
function openIfThere(path: string): Namespace | undefined {
  if (path === "") return undefined;
  try {
    return openNamespace(path);
  } catch (error) {
    if (error instanceof NamespaceError && error.gone) return undefined;
    throw error;
  }
}
