import { type Json, type JsonObject, isArray, isObject, member, parseJson, quote } from "../../text/json.ts";
import { defineCheck, ok, problem } from "../check.ts";

/** What a runtime reads. */
const SUFFIXES = [".conf", ".conflist", ".json"];

export const list = defineCheck({
  code: "BL029",
  title: "The runtime uses branchline's file in /etc/cni/net.d",
  why: "Of the files in that directory a runtime uses the first by name, and calls the plugins that it lists. If branchline is not among them, every pod of the node starts with the node's groups.",
  todo: "Remove the file that sorts before branchline's, or give branchline's a name that sorts first (in the chart cni.listName). If branchline's is missing or changed: the agent puts it back within 30 seconds, so see whether it runs.",
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
