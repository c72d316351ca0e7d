import { quote } from "../text/json.ts";
import { KubernetesError, kindOfStatus } from "./error.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { readMetadata } from "./metadata.ts";
import { parseJsonPlain } from "./plain-json.ts";
import type { Resource } from "./resource.ts";

/** An event of a watch (metav1.WatchEvent). */
export type WatchEvent<T> =
  | { readonly type: "changed" | "deleted"; readonly object: T; readonly resourceVersion: string }
  /** Nothing has changed up to this version. */
  | { readonly type: "bookmark"; readonly resourceVersion: string };

/**
 * Reads a line of a watch. KubernetesError for an ERROR event, by the status in it, and for what is no event; `expired`
 * for an object without a version, since the watch could not go on after it.
 */
export function readWatchEvent<T>(line: string, resource: Resource<T>, request: string): WatchEvent<T> {
  const { type, object } = fieldsOf(parseJsonPlain(line, request));
  if (type === "ERROR") throw errorOf(object, request);
  const { resourceVersion } = readMetadata(object);
  if (resourceVersion === "") {
    throw new KubernetesError("expired", request, `an event ${quote(type)} without a resourceVersion`);
  }
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { type: "changed", object: resource.read(object), resourceVersion };
    case "DELETED":
      return { type: "deleted", object: resource.read(object), resourceVersion };
    case "BOOKMARK":
      return { type: "bookmark", resourceVersion };
    default:
      throw new KubernetesError("expired", request, `an event of an unknown type ${quote(type)}`);
  }
}

/** The Status in an ERROR event. */
function errorOf(object: unknown, request: string): KubernetesError {
  const fields = fieldsOf(object);
  const status = typeof fields["code"] === "number" ? fields["code"] : 500;
  const reason = textOf(fields["reason"]) ?? "";
  const words = textOf(fields["message"]) ?? quote(object);
  return new KubernetesError(kindOfStatus(status, reason), request, words, { status, reason });
}
