import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Labels } from "../policy/label-selector.ts";
import { type Api, getFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** The labels of a namespace; undefined: there is none of that name. */
export function readNamespaceLabels(api: Api, name: string): Promise<Fact<Labels | undefined>> {
  return getFact(api, NAMESPACE_LABELS, { name });
}

const NAMESPACE_LABELS: Resource<Labels> = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  isNamespaced: false,
  read: (object) => readMetadata(object).labels,
};
