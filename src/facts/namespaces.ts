import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Labels } from "../policy/label-selector.ts";
import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";
import { type Api, getFact } from "./api.ts";
import { CannotLookError } from "./exit-status.ts";
import type { Fact } from "./fact.ts";

/** The labels of a namespace; undefined: there is none of that name. */
export function readNamespaceLabels(api: Api, name: string): Promise<Fact<Labels | undefined>> {
  return getFact(api, NAMESPACE_LABELS, { name });
}

/** UsageError when a namespace is given with `--local`. */
export function refuseNamespace(given: string | undefined): void {
  if (given !== undefined)
    throw new UsageError("-n names a namespace of the cluster, and --local is one node");
}

/**
 * For a namespace in which nothing was found. CannotLookError when it is not there; `hint` follows then. Gives what is to be
 * said when nobody may know: that is no failure, for rights in a namespace need none to the namespace itself.
 */
export async function requireNamespace(api: Api, name: string, hint = ""): Promise<string | undefined> {
  const labels = await readNamespaceLabels(api, name);
  if (labels.known && labels.value === undefined)
    throw new CannotLookError(`there is no namespace ${quote(name)}${hint}`);
  if (labels.known) return undefined;
  const { permission, message } = labels.gap;
  const why = permission === undefined ? message : `no permission for ${permission}`;
  return `whether there is a namespace ${quote(name)} is not known: ${why}`;
}

const NAMESPACE_LABELS: Resource<Labels> = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
  read: (object) => readMetadata(object).labels,
};
