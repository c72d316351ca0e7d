import { fieldsOf, textOf, textsByKey } from "./fields.ts";

/** What every object has (metav1.ObjectMeta), without what nobody reads. */
export interface Metadata {
  /** Empty for objects of the cluster. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, to the second. */
  readonly creationTimestamp: string;
  /** Set once the object is being deleted. */
  readonly deletionTimestamp: string | undefined;
}

/** An object of the API, as kept by a cache. */
export interface KubernetesObject {
  readonly metadata: Metadata;
}

export function readMetadata(object: unknown): Metadata {
  const metadata = fieldsOf(fieldsOf(object)["metadata"]);
  return {
    namespace: textOf(metadata["namespace"]) ?? "",
    name: textOf(metadata["name"]) ?? "",
    uid: textOf(metadata["uid"]) ?? "",
    resourceVersion: textOf(metadata["resourceVersion"]) ?? "",
    labels: textsByKey(metadata["labels"]),
    annotations: textsByKey(metadata["annotations"]),
    creationTimestamp: textOf(metadata["creationTimestamp"]) ?? "",
    deletionTimestamp: textOf(metadata["deletionTimestamp"]),
  };
}

/** NAMESPACE/NAME, or NAME for objects of the cluster. */
export function keyOf({ namespace, name }: Pick<Metadata, "namespace" | "name">): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}
