import { messageOf } from "../../text/error-words.ts";
import type { Source } from "../facts.ts";

/** The value, or why there is none: a node is looked at as far as it can be. */
export function look<T>(what: string, read: () => T): Source<T> {
  try {
    return { value: read() };
  } catch (error) {
    return { missing: `${what}: ${messageOf(error)}` };
  }
}
