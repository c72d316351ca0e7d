/** The result of the plugins before us in the chain: checked where we read it, otherwise kept as it came. */

import { parsePrefix, parseIp } from "../values/ip.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { isArray, isInteger, isObject, member, quote } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
import type { CniResult, ResultInterface, ResultIp, ResultRoute } from "./result.ts";
import { isSupportedVersion, SUPPORTED_VERSIONS } from "./versions.ts";
import type { CniVersion } from "./versions.ts";

/** The configuration's prevResult, or undefined when there is none. Malformed: code 6 with field and value. */
export function readPrevResult(config: JsonObject, cniVersion: CniVersion): CniResult | undefined {
  const value = member(config, "prevResult");
  return value === undefined ? undefined : parseResult(value, cniVersion);
}

/** For ADD and CHECK, which need a primary plugin. */
export function requirePrevResult(config: JsonObject, cniVersion: CniVersion): CniResult {
  const result = readPrevResult(config, cniVersion);
  if (result !== undefined) return result;
  throw new CniError(
    ErrorCode.InvalidConfig,
    "prevResult is missing: branchline must be chained after a primary plugin (for example aws-cni)",
  );
}

/** A result without cniVersion has the configuration's (SPEC 1.1.0, "Derived execution configuration"). */
function parseResult(value: Json, cniVersion: CniVersion): CniResult {
  if (!isObject(value)) return malformed("prevResult", value, "is not an object");
  const version = member(value, "cniVersion") ?? cniVersion;
  if (typeof version !== "string") return malformed("prevResult.cniVersion", version, "is not a string");
  // Go writes an absent string as "".
  const stated = version === "" ? cniVersion : version;
  if (!isSupportedVersion(stated)) {
    const known = SUPPORTED_VERSIONS.join(", ");
    return malformed("prevResult.cniVersion", version, `is none of ${known}`);
  }
  return {
    version: stated,
    raw: value,
    interfaces: entries(value, "interfaces", parseInterface),
    ips: entries(value, "ips", parseIpEntry),
    routes: entries(value, "routes", parseRoute),
  };
}

function malformed(field: string, value: Json | undefined, reason: string): never {
  throw new CniError(ErrorCode.DecodingFailure, `${field} ${quote(value)} ${reason}`);
}

function entries<T>(result: JsonObject, key: string, parse: (field: string, entry: JsonObject) => T): T[] {
  const list = member(result, key) ?? [];
  const field = `prevResult.${key}`;
  if (!isArray(list)) return malformed(field, list, "is not a list");
  return list.map((entry, i) =>
    isObject(entry) ? parse(`${field}[${i}]`, entry) : malformed(`${field}[${i}]`, entry, "is not an object"),
  );
}

/** Absent, null and "" are all "nothing", as in the reference library's structures. */
function text(field: string, entry: JsonObject, key: string): string {
  const value = member(entry, key) ?? "";
  return typeof value === "string" ? value : malformed(`${field}.${key}`, value, "is not a string");
}

/** mac and sandbox are not checked: aws-cni keeps its own numbers in them. */
function parseInterface(field: string, raw: JsonObject): ResultInterface {
  return {
    raw,
    name: text(field, raw, "name"),
    mac: text(field, raw, "mac"),
    sandbox: text(field, raw, "sandbox"),
  };
}

function parseIpEntry(field: string, raw: JsonObject): ResultIp {
  const index = member(raw, "interface");
  if (index !== undefined && !isInteger(index)) {
    return malformed(`${field}.interface`, index, "is not an index of interfaces");
  }
  const address = text(field, raw, "address");
  const prefix = address.includes("/") ? parsePrefix(address) : undefined;
  if (prefix === undefined)
    return malformed(`${field}.address`, address, "is not an address with a prefix length");
  return { raw, prefix, interface: index, gateway: gateway(field, raw, "gateway") };
}

function parseRoute(field: string, raw: JsonObject): ResultRoute {
  const dst = text(field, raw, "dst");
  const prefix = dst.includes("/") ? parsePrefix(dst) : undefined;
  if (prefix === undefined) return malformed(`${field}.dst`, dst, "is not a network");
  return { raw, dst: prefix, gw: gateway(field, raw, "gw") };
}

function gateway(field: string, raw: JsonObject, key: string): string | undefined {
  const address = text(field, raw, key);
  if (address === "") return undefined;
  return parseIp(address) === undefined
    ? malformed(`${field}.${key}`, address, "is not an address")
    : address;
}

/** Whether a result shows a branch of ours: the primary's renamed interface, or the VLAN device on the node. */
export function hasBranch({ interfaces }: Pick<CniResult, "interfaces">, hostInterfaceName: string): boolean {
  return interfaces.some(
    ({ name, sandbox }) => (name === hostInterfaceName && sandbox !== "") || name.startsWith("vlan."),
  );
}
