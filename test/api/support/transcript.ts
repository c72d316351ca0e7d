// What commands printed, as docs/explain.md shows it: without what differs from run to run.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const DOCS = path.resolve(import.meta.dirname, "../../../docs");

/** A command as it was typed, and what it printed. */
export interface Step {
  readonly command: string;
  readonly printed: string;
}

export function transcriptOf(steps: readonly Step[]): string {
  return settled(steps.map(({ command, printed }) => `$ ${command}\n${printed.trimEnd()}`).join("\n\n"));
}

const ID = /\b(eni|sg|sgr|subnet|vpc|acl|rtb|i|pl)-[0-9a-f]{17}\b/g;
const ADDRESS = /\b10\.0\.\d{1,3}\.\d{1,3}\b(?!\/(?!32))/g;
const TIME = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/;
const time = (pattern: string) => new RegExp(pattern.replace("TIME", `(?:${TIME.source})`), "gm");

/** A day on which everything happens in its order. By the place where it stands: two things may be of one second. */
const TIMES: readonly (readonly [RegExp, string])[] = [
  [time("(?<=^pod .*, made )TIME"), "10:00:00"],
  [time("(?<=\\bsince )TIME"), "10:00:02"],
  [time("(?<=^ {2})TIME(?= (?:node, )?(?:Normal|Warning) )"), "10:00:05"],
  [time("(?<=\\bmade at )TIME"), "10:05:00"],
  [time("(?<=\\()TIME(?=\\))"), "10:00:00"],
  [time("(?<=the pod at )TIME"), "10:00:00"],
];

/** Ids, VLAN ids and addresses by the order in which they appear, times by their place. The cluster's Service range is not loopback. */
function settled(text: string): string {
  const ids = new Map<string, string>();
  const addresses = new Map<string, string>();
  const vlans = new Map<string, number>();
  let result = text
    .replaceAll(/(?<=\bVLAN id )\d+/g, (vlan) => {
      vlans.set(vlan, vlans.get(vlan) ?? vlans.size + 1);
      return String(vlans.get(vlan));
    })
    .replaceAll(ID, (id, kind: string) => {
      const before = ids.get(id);
      if (before !== undefined) return before;
      const count = [...ids.keys()].filter((one) => one.startsWith(`${kind}-`)).length;
      const made = `${kind}-0${createHash("sha256").update(`${kind} ${count}`).digest("hex").slice(0, 16)}`;
      ids.set(id, made);
      return made;
    })
    .replaceAll(ADDRESS, (address) => {
      const made = addresses.get(address) ?? `10.0.0.${addresses.size + 11}`;
      addresses.set(address, made);
      return made;
    })
    .replaceAll(/\b127\.96\./g, "172.20.")
    .replaceAll(/ \(request [0-9a-f-]+\)/g, "")
    .replaceAll(/(?<=free in |has waited )\d+(?= s)/g, "42");
  for (const [pattern, at] of TIMES) result = result.replaceAll(pattern, `2026-11-29T${at}Z`);
  return result;
}

/**
 * The transcript below a heading of a page. With UPDATE_STORIES=1 it is written there first; a heading or its block that is
 * not there is an error.
 */
export function documented(page: string, heading: string, transcript: string): string {
  const file = path.join(DOCS, page);
  const text = readFileSync(file, "utf8");
  const start = text.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`docs/${page} has no section "${heading}"`);
  const begin = text.indexOf("```console\n", start) + "```console\n".length;
  const end = text.indexOf("\n```", begin - 1);
  const next = text.indexOf("\n## ", start + 1);
  if (begin < start || end < 0 || (next > 0 && begin > next))
    throw new Error(`section "${heading}" of docs/${page} has no transcript`);
  if (process.env["UPDATE_STORIES"] === "1") {
    writeFileSync(file, text.slice(0, begin) + transcript + text.slice(Math.max(end, begin - 1)));
    return transcript;
  }
  return text.slice(begin, end);
}
