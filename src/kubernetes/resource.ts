import type { Message } from "./protobuf/message.ts";

/** A resource of the API and the paths of its objects. */

export interface Resource<T> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** In the plural and lower case, as in paths. */
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** What we keep of an object. Never throws: what is missing or of a wrong type is left out. */
  readonly read: (object: unknown) => T;
  /**
   * Lists are asked for in protobuf, and of each object only these fields are read, so it has to have all that `read` looks
   * at. Not for resources of a CRD, which have no protobuf.
   */
  readonly message?: Message;
}

/** The path of a collection: of one namespace, or of all. */
export function collectionPath(
  { group, version, plural }: Pick<Resource<unknown>, "group" | "version" | "plural">,
  namespace?: string,
): string {
  const scope = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${groupPath({ group, version })}${scope}/${plural}`;
}

/** The path of an object, or of its subresource. */
export function objectPath(
  resource: Resource<unknown>,
  { namespace, name }: { readonly namespace?: string | undefined; readonly name: string },
  subresource?: string,
): string {
  if (resource.isNamespaced !== (namespace !== undefined)) {
    throw new Error(`${resource.plural} ${name}: ${resource.isNamespaced ? "without" : "with"} a namespace`);
  }
  // An empty name would be the whole collection.
  if (name === "" || namespace === "") throw new Error(`${resource.plural}: an object without a name`);
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** Where the API server lists the resources of a group. */
export function groupPath({ group, version }: Pick<Resource<unknown>, "group" | "version">): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}
