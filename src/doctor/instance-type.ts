import { instanceTypes } from "../values/instance-types.ts";

/** What a type has, with what the ConfigMap branchline-instance-types says (docs/controller.md). */

interface Fit {
  readonly interfaces: number;
  readonly branches: number;
}

/** Undefined for a type that nobody knows. */
function fitOf(type: string, overrides: Readonly<Record<string, string>>): Fit | undefined {
  const said = Object.hasOwn(overrides, type) ? /^(\d{1,3}) (\d{1,3})$/.exec(overrides[type] ?? "") : null;
  if (said !== null) return { interfaces: Number(said[1]), branches: Number(said[2]) };
  return instanceTypes().get(type);
}

export function branchesOf(type: string, overrides: Readonly<Record<string, string>>): number | undefined {
  return fitOf(type, overrides)?.branches;
}

export function interfacesOf(type: string, overrides: Readonly<Record<string, string>>): number | undefined {
  return fitOf(type, overrides)?.interfaces;
}
