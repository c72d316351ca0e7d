/** The result we print: SPEC 1.1.0, section 5, "Success", and what changed between the versions. */

import type { WantedFamily } from "../ipam/annotation.ts";
import { familyOf } from "../values/ip.ts";
import type { IpFamily, IpPrefix } from "../values/ip.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { isArray, isObject, member, quote } from "../text/json.ts";
import type { JsonObject } from "../text/json.ts";
import { versionAtLeast } from "./versions.ts";
import type { CniVersion } from "./versions.ts";

/** A result of another plugin: what we read of it, and each part as it came. */
export interface CniResult {
  readonly version: CniVersion;
  readonly raw: JsonObject;
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly ResultRoute[];
}

export interface ResultInterface {
  readonly raw: JsonObject;
  readonly name: string;
  /** "" where there is none; not always a MAC address. */
  readonly mac: string;
  /** "" on the node; not always a path. */
  readonly sandbox: string;
}

export interface ResultIp {
  readonly raw: JsonObject;
  readonly prefix: IpPrefix;
  /** Index into interfaces; may be out of range. */
  readonly interface: number | undefined;
  readonly gateway: string | undefined;
}

export interface ResultRoute {
  readonly raw: JsonObject;
  readonly dst: IpPrefix;
  readonly gw: string | undefined;
}

/** Fields that 1.1.0 introduced; older readers do not know them. */
const SINCE_1_1_0 = {
  interfaces: ["mtu", "socketPath", "pciID"],
  routes: ["mtu", "advmss", "priority", "table", "scope"],
} as const;

/**
 * The result in the version asked for. In its own version it is the same object, with cniVersion added if it was left
 * out: nothing that another plugin wrote is lost.
 */
export function convertResult(result: CniResult, version: CniVersion): JsonObject {
  const { raw } = result;
  const stated = member(raw, "cniVersion") === version ? raw : { ...raw, cniVersion: version };
  if (result.version === version) return stated;
  return {
    ...stated,
    ...convertList(raw, "interfaces", (entry) => newFields(entry, SINCE_1_1_0.interfaces, version)),
    ...convertList(raw, "ips", (entry) => familyField(entry, version)),
    ...convertList(raw, "routes", (entry) => newFields(entry, SINCE_1_1_0.routes, version)),
  };
}

/** The pod's interface as the primary plugin made it: it has a sandbox, its peer on the node has none. */
export function primaryInterface(
  result: CniResult,
  ifName: string,
): { index: number; interface: ResultInterface } | undefined {
  const index = result.interfaces.findIndex((entry) => entry.name === ifName && entry.sandbox !== "");
  const found = result.interfaces[index];
  return found === undefined ? undefined : { index, interface: found };
}

/** As primaryInterface, but code 7 when there is none. */
export function requirePrimary(prev: CniResult, ifName: string) {
  const primary = primaryInterface(prev, ifName);
  if (primary !== undefined) return primary;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `prevResult has no interface "${ifName}" in a sandbox: the plugin before branchline made none`,
  );
}

/** A list that is absent or null stays so. */
function convertList(raw: JsonObject, key: string, convert: (entry: JsonObject) => JsonObject): JsonObject {
  const value = member(raw, key);
  if (!isArray(value)) return {};
  return { [key]: value.map((entry) => (isObject(entry) ? convert(entry) : entry)) };
}

function newFields(entry: JsonObject, fields: readonly string[], version: CniVersion): JsonObject {
  return versionAtLeast(version, "1.1.0") ? entry : without(entry, fields);
}

/** `version` of an address, "4" or "6": required before 1.0.0, which dropped it. */
export function familyField(entry: JsonObject, version: CniVersion): JsonObject {
  const rest = without(entry, ["version"]);
  if (versionAtLeast(version, "1.0.0")) return rest;
  const address = member(entry, "address");
  return { version: String(familyOf(typeof address === "string" ? address : "")), ...rest };
}

function without(entry: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(entry).filter(([key]) => !fields.includes(key)));
}

/**
 * The families of the branch, each with the reason for it: those that `families` names, or those that the primary gave
 * the pod's interface, which are the cluster's.
 */
export function wantedFamilies(
  prevResult: CniResult,
  ifName: string,
  families: readonly IpFamily[] | undefined,
): WantedFamily[] {
  if (families !== undefined) {
    const value = quote(families.map(String));
    return families.map((family) => ({ family, because: `families ${value} asks for IPv${family}` }));
  }
  const { index } = requirePrimary(prevResult, ifName);
  // Every runtime takes an address without an index for the pod's interface's.
  const own = prevResult.ips.filter((ip) => ip.interface === undefined || ip.interface === index);
  const wanted = ([4, 6] as const).flatMap((family): WantedFamily[] => {
    const found = own.find(({ prefix }) => familyOf(prefix.address) === family)?.prefix;
    if (found === undefined) return [];
    return [{ family, because: `the primary gave ${ifName} ${found.address}/${found.length}` }];
  });
  if (wanted.length > 0) return wanted;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `prevResult has no address of interface "${ifName}", so the address families of the branch are not known: the primary plugin must give it one, or the entry must set families`,
  );
}
