import { closeSync, fstatSync, openSync, readSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { isArray, isObject, member, parseJson } from "../text/json.ts";
import type { Facts, ListsFact, Source } from "./facts.ts";
import type { Report } from "./json.ts";
import { redact, redacted } from "./redact.ts";

/** One JSON file for a bug report. */

/** Of the end of a log. */
const TAIL_BYTES = 256 * 1024;

export interface Bundle {
  readonly version: 1;
  readonly about: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly report: unknown;
  readonly facts: unknown;
  /** Ends of logs by name. */
  readonly logs: Readonly<Record<string, string>>;
}

/** With facts as far as they were read, and nothing in it that looks like a secret. */
export function bundleOf(
  report: Report,
  facts: Partial<Facts>,
  logs: Readonly<Record<string, string>>,
): Bundle {
  const { lists, ...others } = facts;
  const shown = lists === undefined ? others : { ...others, lists: listsWithin(lists) };
  return {
    version: 1,
    about: "made by branchline doctor --bundle; docs/doctor.md says what is in it",
    versions: {
      branchline: report.branchline,
      node: process.version,
      platform: `${process.platform} ${process.arch}, ${release()}`,
    },
    report: redacted(report),
    facts: redacted(shown),
    logs: Object.fromEntries(Object.entries(logs).map(([name, text]) => [name, redact(text)])),
  };
}

/** Other plugins keep tokens in their entries: of theirs only the types, of ours all. */
function listsWithin(lists: Source<ListsFact>): Source<unknown> {
  if ("missing" in lists) return lists;
  const { directory, files } = lists.value;
  return {
    value: { directory, files: files.map(({ name, text }) => ({ name, plugins: pluginsIn(text) })) },
  };
}

function pluginsIn(text: string): unknown {
  try {
    const list = parseJson(text);
    const plugins = isObject(list) ? (member(list, "plugins") ?? [list]) : [];
    if (!isArray(plugins)) return "not a list";
    return plugins.map((plugin) => {
      if (!isObject(plugin)) return "not a plugin";
      return plugin["type"] === "branchline" ? plugin : { type: plugin["type"] };
    });
  } catch {
    return "not valid";
  }
}

/** Never over a file that is there, and readable by its owner only. Throws what the file system says. */
export function writeBundle(file: string, bundle: Bundle): void {
  writeFileSync(file, `${JSON.stringify(bundle, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
}

/** Whole lines of the end of a log; undefined when it is not there. */
export function tailOf(file: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(fd);
    const from = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const text = bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, from));
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    closeSync(fd);
  }
}
