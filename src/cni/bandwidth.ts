import { POD_ANNOTATIONS } from "../ipam/annotation.ts";
import { isObject, member, quote } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";

const ANNOTATIONS = ["kubernetes.io/ingress-bandwidth", "kubernetes.io/egress-bandwidth"];
const RATES = ["ingressRate", "egressRate"];

/** Values that are no limit: absent, empty, and zero. */
const NO_LIMIT = /^(?:0*(?:\.0*)?)?$/;

/**
 * The limits that a pod asks for, as text to quote: from the runtime's `bandwidth`, in bits per second, and from the
 * pod's annotations. Undefined for none.
 */
export function bandwidthAskedFor(runtimeConfig: JsonObject): string | undefined {
  const asked = [
    ...limitsIn(member(runtimeConfig, "bandwidth"), RATES),
    ...limitsIn(member(runtimeConfig, POD_ANNOTATIONS), ANNOTATIONS),
  ];
  return asked.length === 0 ? undefined : asked.join(", ");
}

function limitsIn(values: Json | undefined, keys: readonly string[]): string[] {
  if (!isObject(values)) return [];
  return keys.flatMap((key) => {
    const value = member(values, key);
    const text = typeof value === "string" ? value.trim() : value === undefined ? "" : quote(value);
    return NO_LIMIT.test(text) ? [] : [`${key} ${quote(value)}`];
  });
}
