import { type Json, type JsonObject, isArray, isObject, member, parseJson, quote } from "../../text/json.ts";
import { defineCheck, ok, problem } from "../check.ts";

/** What a runtime reads. */
const SUFFIXES = [".conf", ".conflist", ".json"];

export const list = defineCheck({
  code: "BL029",
  title: "The runtime uses the list with our plugin",
  why: "A runtime takes the first list by name. If that is not ours, or lacks our entry, every pod of the node starts with the node's groups.",
  todo: "Remove the file that comes first, or rename ours by --list-name of the agent. The agent repairs its own list within 30 seconds: see whether it runs.",
  place: "node",
  needs: ["lists"],
  judge({ lists: { directory, files } }) {
    const [first] = files
      .filter(({ name }) => SUFFIXES.some((suffix) => name.endsWith(suffix)))
      .toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
    if (first === undefined) return problem(`${directory} has no list: the node cannot be ready`);
    const plugins = pluginsIn(first.text);
    const file = `${directory}/${first.name}`;
    if (plugins === undefined) return problem(`${file} comes first, and is no valid list`);
    const types = plugins.map(({ type }) => (typeof type === "string" ? type : quote(type ?? null)));
    const at = types.indexOf("branchline");
    if (at < 0)
      return problem(`${file} comes first, and has no entry of branchline`, [`it has ${types.join(", ")}`]);
    if (at === 0) return problem(`${file}: our entry is the first, and no plugin before it gives an address`);
    const { enablePodENI } = plugins[at] ?? {};
    if (enablePodENI !== true && enablePodENI !== "true")
      return problem(`${file}: enablePodENI of our entry is not true, so no pod gets a branch`);
    return ok(`${file}: ${types.join(", ")}`);
  },
});

function pluginsIn(text: string): readonly JsonObject[] | undefined {
  let value: Json;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const plugins = member(value, "plugins") ?? [value];
  if (!isArray(plugins) || plugins.length === 0) return undefined;
  return plugins.every((one): one is JsonObject => isObject(one)) ? plugins : undefined;
}
