import type { PatchStep } from "../../kubernetes/client.ts";
import type { Metadata } from "../../kubernetes/metadata.ts";

/**
 * The label of the agent's DaemonSet by which agents learn that branchline is to go. A label, because a watch can be
 * limited to it: each agent of a cluster watches, and hears nothing of the DaemonSet's many other changes. The value is
 * the time at which it was set, so that a report names the uninstalling that it is about.
 */
export const MARK = "branchline.dev/uninstall";

/** ISO 8601 in UTC, as a label's value may be. Whoever writes "false" does not want to lose every list of the cluster. */
const TIME = /^\d{8}T\d{6}Z$/;

/** The mark; undefined without one, or when its value is no time. */
export function markOf({ labels }: Pick<Metadata, "labels">): string | undefined {
  const value = labels[MARK];
  return value !== undefined && TIME.test(value) ? value : undefined;
}

/** The mark of this moment, in milliseconds since 1970. */
export function markAt(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replaceAll(/[-:]|\.\d+/g, "");
}

/** The patch that sets a label or an annotation, for this version of the object only. */
export function settingPatch(
  metadata: Metadata,
  kind: "labels" | "annotations",
  name: string,
  value: string,
): readonly PatchStep[] {
  return [
    testOf(metadata),
    Object.keys(metadata[kind]).length === 0
      ? { op: "add", path: `/metadata/${kind}`, value: { [name]: value } }
      : { op: "add", path: pathOf(kind, name), value },
  ];
}

/** The patch that takes an annotation away, which has to be there. */
export function withoutAnnotationPatch(metadata: Metadata, name: string): readonly PatchStep[] {
  return [testOf(metadata), { op: "remove", path: pathOf("annotations", name) }];
}

function testOf({ resourceVersion }: Metadata): PatchStep {
  return { op: "test", path: "/metadata/resourceVersion", value: resourceVersion };
}

/** As a JSON pointer (RFC 6901). */
function pathOf(kind: string, name: string): string {
  return `/metadata/${kind}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
