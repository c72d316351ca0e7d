// CNI lists in the directories that containerd reads, written as a node agent would.
import { renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { conflistOf, type ConflistOptions } from "../../ground/index.ts";
import { routed } from "../../kernel/support/routed.ts";

const fileName = "05-aws-branchline.conflist";

/** What a user may choose: each is a runtime handler here, with a list of its own. */
export const kinds = ["direct", "standard", "strict"] as const;
export type Kind = (typeof kinds)[number];

/** The primary gives IPv4 only, the branches have both. */
const families = ["4", "6"] as const;

const settingsOf: Record<Kind, Readonly<Record<string, unknown>>> = {
  direct: { families },
  standard: routed("standard", { families }),
  strict: routed("strict", { families }),
};

/** aws-cni's list with branchline in it: [primary, branchline, portmap]; what it refers to is below `dir`. */
export function listOf(dir: string, kind: Kind, options: Partial<ConflistOptions> = {}) {
  return conflistOf(dir, {
    name: "aws-cni",
    primary: "aws",
    // As aws-cni's own DEL: the veth goes with the namespace, so a late DEL of an old sandbox does not take the next one's.
    primarySettings: { leaveVeth: "true" },
    portmap: true,
    ...options,
    branchline: options.branchline === false ? false : { ...settingsOf[kind], ...options.branchline },
  });
}

/**
 * Replaces the list in a directory. containerd's watcher looks at neither new files nor changed ones, only at what is
 * renamed or written: a temporary name in the same directory, without a suffix that makes it a list, then the list's own.
 * Gives the text.
 */
export function writeList(directory: string, list: object): string {
  const text = `${JSON.stringify(list, undefined, 2)}\n`;
  const temporary = path.join(directory, ".05-aws-branchline.tmp");
  writeFileSync(temporary, text);
  renameSync(temporary, path.join(directory, fileName));
  return text;
}

/** Removes what {@link writeList} wrote. */
export function removeList(directory: string): void {
  rmSync(path.join(directory, fileName));
}
