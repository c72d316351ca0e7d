import { KubernetesError } from "./error.ts";

/** An answer's JSON. What we send back is a patch, never the object, so numbers need not be kept as written. */
export function parseJsonPlain(text: string, request: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    throw new KubernetesError("retry", request, "the answer is not JSON", { cause });
  }
}
