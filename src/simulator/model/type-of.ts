import { instanceTypes } from "../../values/instance-types.ts";
import type { Settings } from "./settings.ts";

/** What an instance type can have, by its name; undefined: there is none. */
export function typeOf(
  { settings: { moreTypes } }: { readonly settings: Settings },
  name: string,
): { readonly interfaces: number; readonly branches: number } | undefined {
  const more = Object.hasOwn(moreTypes, name) ? moreTypes[name] : undefined;
  return more === undefined ? instanceTypes().get(name) : { interfaces: more[0], branches: more[1] };
}
