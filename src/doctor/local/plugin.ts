import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { type Json, type JsonObject, isArray, isObject, member, parseJson } from "../../text/json.ts";
import type { ListsFact, PluginFact } from "../facts.ts";

/** The installed plugin, as the runtime calls it. */

/** A runtime waits longer; an executable that hangs is a finding. */
const WAIT_MS = 15_000;

export function readPlugin(path: string, ours: string): PluginFact {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    return { path, isExecutable: false, version: undefined, ours };
  }
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: WAIT_MS, env: {} });
  // Architecture and runtime follow in parentheses.
  const version = status === 0 ? /^(\d+\.\d+\.\d+\S*)(?: \(.*\))?$/.exec(stdout.trim())?.[1] : undefined;
  return { path, isExecutable: true, version, ours };
}

/**
 * What STATUS says with the entry of the first list that has one: undefined when it succeeds, else code and message. Its log
 * goes to its stderr. Throws when there is no entry, or no answer.
 */
export function askStatus(path: string, { files, directory }: ListsFact): string | undefined {
  const texts = files.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ text }) => text);
  const entry = texts.map(entryIn).find((one) => one !== undefined);
  if (entry === undefined) throw new Error(`no list in ${directory} has an entry of branchline`);
  // Older lists have no STATUS; what it looks at is the same.
  const config: JsonObject = { ...entry, cniVersion: "1.1.0", name: "doctor", pluginLogFile: "stderr" };
  const { error, status, stdout } = spawnSync(path, [], {
    input: JSON.stringify(config),
    encoding: "utf8",
    timeout: WAIT_MS,
    env: { CNI_COMMAND: "STATUS", CNI_PATH: path.slice(0, path.lastIndexOf("/")) },
  });
  if (error !== undefined) throw error;
  if (status === 0) return undefined;
  const said = jsonOf(stdout);
  if (!isObject(said)) throw new Error(`${path} ended with status ${status}, and said nothing`);
  const { code, msg } = said;
  return `code ${JSON.stringify(code)}: ${typeof msg === "string" ? msg : ""}`;
}

function entryIn(text: string): JsonObject | undefined {
  const list = jsonOf(text);
  const plugins = isObject(list) ? member(list, "plugins") : undefined;
  return isArray(plugins) ? plugins.filter(isObject).find(({ type }) => type === "branchline") : undefined;
}

function jsonOf(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
