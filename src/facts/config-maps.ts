import { fieldsOf, textsByKey } from "../kubernetes/fields.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, getFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** The data of a ConfigMap; undefined: there is none of that name. */
export function readConfigMap(
  api: Api,
  namespace: string,
  name: string,
): Promise<Fact<Readonly<Record<string, string>> | undefined>> {
  return getFact(api, CONFIG_MAPS, { namespace, name });
}

const CONFIG_MAPS: Resource<Readonly<Record<string, string>>> = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  isNamespaced: true,
  read: (object) => textsByKey(fieldsOf(object)["data"]),
};
