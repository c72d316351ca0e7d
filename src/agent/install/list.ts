import { isDeepStrictEqual } from "node:util";
import { type Json, type JsonObject, isArray, isObject, member, parseJson, quote } from "../../text/json.ts";
import { TAKEN, takenBy, withAppended } from "./appended.ts";

/**
 * Our network configuration list: the primary's, with our entry in it. Pure. CNI specification 1.1, section 1; how a
 * runtime picks a list is libcni's (ConfFiles) and containerd's (loadFromConfDir): the first file by name that it can
 * use.
 */

/** A file of the configuration directory. */
export interface ListFile {
  readonly name: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

export interface ListOptions {
  /** Our file's name, such as 05-branchline.conflist. */
  readonly ours: string;
  /** Which plugin the list has to have, such as aws-cni. */
  readonly primaryType: string;
  /** Keys of our entry. */
  readonly entry: JsonObject;
}

/** What is to be done about our list. */
export type ListPlan =
  | { readonly action: "none" }
  | {
      readonly action: "write";
      readonly name: string;
      readonly text: string;
      readonly mode: number;
      readonly why: string;
    }
  /** Nothing can be done before the directory changes. */
  | { readonly action: "wait"; readonly why: string };

/** What of the directory keeps the node from being ready, though our list may be right; undefined for nothing. */
export interface ListState {
  readonly plan: ListPlan;
  readonly problem: string | undefined;
}

const OUR_TYPE = "branchline";
/** Plugins that give addresses. aws-cni's list has egress-cni behind it, for the family that the cluster lacks. */
const GIVES_ADDRESSES = new Set(["aws-cni", "egress-cni"]);
/** What a runtime reads; others are ignored. */
const SUFFIXES = [".conf", ".conflist", ".json"];

/**
 * Compares what is there with what should be. `files` are those of the runtime's directory, in any order, `primaries`
 * those of the primary's: the same directory, or one that the runtime does not read.
 */
export function planList(
  files: readonly ListFile[],
  options: ListOptions,
  primaries: readonly ListFile[] = files,
): ListState {
  const lists = listsIn(files);
  const ours = lists.find(({ file }) => file.name === options.ours);
  const others = listsIn(primaries).filter(({ file }) => file.name !== options.ours);
  const primary = others.find(({ list }) => list !== undefined);
  const wait = (why: string): ListState => ({ plan: { action: "wait", why }, problem: why });
  if (primary?.list === undefined) {
    const seen =
      others.length === 0 ? "there is none" : `${others.map(({ file }) => file.name).join(", ")}: not valid`;
    return wait(`waiting for the primary plugin's list (${seen})`);
  }
  const text = listWith(primary.list, ours?.list, options);
  if (text === undefined) {
    return wait(
      `${primary.file.name} has no plugin of type ${quote(options.primaryType)}; it has ${quote(typesOf(primary.list))}: choose another with --primary-type`,
    );
  }
  // Whatever is in it: a runtime may also stop at a file that it cannot read (containerd does), and use none.
  const first = lists[0]?.file.name ?? options.ours;
  const isFirst = options.ours <= first;
  return {
    plan: planWrite(ours, { name: options.ours, text, mode: primary.file.mode }),
    problem: isFirst
      ? undefined
      : `the runtime looks at ${first} first, which comes before ${options.ours}: remove it or rename ours with --list-name`,
  };
}

/** The list that a runtime uses without ours; undefined when there is none, and then the node is not ready. */
export function listWithout(files: readonly ListFile[], ours: string): string | undefined {
  return listsIn(files).find(({ file, list }) => file.name !== ours && list !== undefined)?.file.name;
}

/** In the order in which a runtime looks at them. */
function listsIn(files: readonly ListFile[]) {
  return files
    .filter(({ name }) => SUFFIXES.some((suffix) => name.endsWith(suffix)))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
    .map((file) => ({ file, list: readList(file) }));
}

function planWrite(
  ours: { readonly file: ListFile; readonly list: JsonObject | undefined } | undefined,
  wanted: ListFile,
): ListPlan {
  const write = (why: string): ListPlan => ({ action: "write", ...wanted, why });
  if (ours === undefined) return write("it is not there");
  if (ours.list === undefined) return write("it is not valid");
  // By meaning: whoever formats it anew has changed nothing.
  if (!isDeepStrictEqual(ours.list, parseJson(wanted.text)))
    return write("it differs from the primary's list");
  return ours.file.mode === wanted.mode
    ? { action: "none" }
    : write("its mode differs from the primary's list");
}

/** A list of a file; undefined if a runtime could not use it. A file with one plugin is a list of one. */
function readList({ name, text }: ListFile): JsonObject | undefined {
  let value: Json;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (!name.endsWith(".conflist")) {
    const { cniVersion, name: network, type } = value;
    if (typeof type !== "string" || type === "") return undefined;
    return {
      ...(cniVersion !== undefined && { cniVersion }),
      ...(network !== undefined && { name: network }),
      plugins: [value],
    };
  }
  const plugins = member(value, "plugins");
  if (!isArray(plugins) || plugins.length === 0) return undefined;
  const isNamed = typeof member(value, "name") === "string" && member(value, "name") !== "";
  return isNamed && plugins.every((plugin) => isObject(plugin) && typeof plugin["type"] === "string")
    ? value
    : undefined;
}

function pluginsOf(list: JsonObject): readonly JsonObject[] {
  const plugins = member(list, "plugins");
  return isArray(plugins) ? plugins.filter(isObject) : [];
}

function typesOf(list: JsonObject): readonly Json[] {
  return pluginsOf(list).map((plugin) => plugin["type"] ?? null);
}

/**
 * The primary's list with our entry behind the last plugin that gives addresses, and with what others have appended to
 * ours; undefined if the primary is not in it.
 */
function listWith(
  list: JsonObject,
  existing: JsonObject | undefined,
  { primaryType, entry }: ListOptions,
): string | undefined {
  // One that somebody put there by hand is ours to replace.
  const others = (from: JsonObject) => pluginsOf(from).filter(({ type }) => type !== OUR_TYPE);
  const primary = others(list);
  if (!primary.some(({ type }) => type === primaryType)) return undefined;
  const plugins = withAppended(primary, existing === undefined ? [] : others(existing), takenBy(existing));
  const after = plugins.findLastIndex(
    ({ type }) => type === primaryType || (typeof type === "string" && GIVES_ADDRESSES.has(type)),
  );
  const ours: JsonObject = { type: OUR_TYPE, ...entry };
  const whole: JsonObject = {
    ...list,
    [TAKEN]: primary.map(({ type }) => type ?? null),
    plugins: plugins.toSpliced(after + 1, 0, ours),
  };
  return `${JSON.stringify(whole, undefined, 2)}\n`;
}
