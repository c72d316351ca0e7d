import { lstatSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../sys/errno.ts";
import { namesIn } from "../../sys/names-in.ts";
import { removeDurably, removeTemporaries, replaceDurably } from "../../sys/durable.ts";
import { type ListFile, type ListOptions, type ListState, listWithout, planList } from "./list.ts";

/** The configuration directory, such as /etc/cni/net.d, and our list in it. */

/** Bytes. A list has some thousands; more would be somebody's mistake, and is not read. */
const MAX_LIST = 1024 * 1024;

/**
 * Makes our list what it should be, and says what it was. The primary's list is in `primaryDirectory`. A directory that is
 * not there is one without a list: aws-node makes it. Throws what the file system says.
 */
export function installList(
  directory: string,
  options: ListOptions,
  primaryDirectory = directory,
): ListState {
  const path = join(directory, options.ours);
  // Also when nothing is to be written: the primary's list may be as before again.
  removeTemporaries(path);
  const files = readLists(directory);
  const state = planList(
    files,
    options,
    primaryDirectory === directory ? files : readLists(primaryDirectory),
  );
  if (state.plan.action !== "write") return state;
  const { text, mode } = state.plan;
  replaceDurably(path, [Buffer.from(text)], mode);
  return state;
}

/**
 * Removes our list and what is half-done of it. Without another one the runtime would call the node unready, so then it
 * stays, and the reason is returned; undefined when it is gone, or was not there. Throws what the file system says.
 */
export function removeList(directory: string, name: string): string | undefined {
  const files = readLists(directory);
  if (!files.some((file) => file.name === name)) return undefined;
  if (listWithout(files, name) === undefined) {
    return `${join(directory, name)} is the only list there, and without it the node would not be ready: let the primary plugin write its list into ${directory} first`;
  }
  const path = join(directory, name);
  removeTemporaries(path);
  removeDurably(path);
  return undefined;
}

function readLists(directory: string): ListFile[] {
  return namesIn(directory).flatMap((name) => readFile(directory, name) ?? []);
}

/**
 * A regular file, also behind a symbolic link; undefined if it has gone meanwhile, or is a directory, which a runtime
 * skips. One that cannot be read is there all the same, without a text.
 */
function readFile(directory: string, name: string): ListFile | undefined {
  const path = join(directory, name);
  try {
    const found = statSync(path);
    if (found.isDirectory()) return undefined;
    if (!found.isFile() || found.size > MAX_LIST) return { name, text: "", mode: 0 };
    return { name, text: readFileSync(path, "utf8"), mode: found.mode & 0o777 };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" && lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    // A link that leads nowhere, for instance.
    if (code === "ENOENT" || code === "ELOOP") return { name, text: "", mode: 0 };
    throw error;
  }
}
