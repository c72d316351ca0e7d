import { fieldsOf, textOf } from "../../kubernetes/fields.ts";
import type { Metadata } from "../../kubernetes/metadata.ts";

/**
 * How an agent says that it has seen the mark, and what it has removed: an annotation of its node's CNINode, which it may
 * patch anyway. It outlives the agent's pod, as what it tells of does.
 */
export const REPORT = "branchline.dev/uninstalled";

export interface Report {
  /** Which mark it answers. */
  readonly mark: string;
  readonly list: "removed" | "kept";
  readonly executable: "removed" | "kept";
  /** Records of pods that are still attached. */
  readonly attachments: number;
  /** Why something is kept; empty for nothing. */
  readonly why: string;
}

export function formatReport({ mark, list, executable, attachments, why }: Report): string {
  return JSON.stringify({ mark, list, executable, attachments, why });
}

/** The report on a CNINode; undefined when there is none, or none that can be read. */
export function reportOf({ annotations }: Pick<Metadata, "annotations">): Report | undefined {
  let value: unknown;
  try {
    value = JSON.parse(annotations[REPORT] ?? "");
  } catch {
    return undefined;
  }
  const { mark, list, executable, attachments, why } = fieldsOf(value);
  if (typeof mark !== "string" || (list !== "removed" && list !== "kept")) return undefined;
  return {
    mark,
    list,
    executable: executable === "removed" ? "removed" : "kept",
    attachments: typeof attachments === "number" ? attachments : 0,
    why: textOf(why) ?? "",
  };
}
