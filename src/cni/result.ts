/** The result we print: SPEC 1.1.0, section 5, "Success", and what changed between the versions. */

import { familyOf } from "../values/ip.ts";
import type { IpPrefix } from "../values/ip.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { isArray, isObject, member } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
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
  /** "" on the host; not always a path. */
  readonly sandbox: string;
}

export interface ResultIp {
  readonly raw: JsonObject;
  readonly prefix: IpPrefix;
  /** Index into interfaces; it may lie outside. */
  readonly interface: number | undefined;
  readonly gateway: string | undefined;
}

export interface ResultRoute {
  readonly raw: JsonObject;
  readonly dst: IpPrefix;
  readonly gw: string | undefined;
}

/** What ADD made, as the result shows it. */
export interface BranchResult {
  /** CNI_IFNAME: the branch's name, until now the primary interface's. */
  readonly ifName: string;
  /** The primary interface's new name. */
  readonly hostName: string;
  readonly mac: string;
  readonly mtu: number;
  /** CNI_NETNS. */
  readonly sandbox: string;
  /** address as `address/length`. */
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[];
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
}

/** Fields that came with 1.1.0 and that an older reader need not know. */
const SINCE_1_1_0 = {
  interfaces: ["mtu", "socketPath", "pciID"],
  routes: ["mtu", "advmss", "priority", "table", "scope"],
} as const;

/**
 * The result in the version asked for. In its own version it is the same object, completed by cniVersion if that was
 * left out: nothing another plugin wrote is lost.
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

/** The pod's interface as the primary plugin made it: it has a sandbox, while its peer on the host has none. */
export function primaryInterface(
  result: CniResult,
  ifName: string,
): { index: number; interface: ResultInterface } | undefined {
  const index = result.interfaces.findIndex((entry) => entry.name === ifName && entry.sandbox !== "");
  const found = result.interfaces[index];
  return found === undefined ? undefined : { index, interface: found };
}

/**
 * The primary's result with the pod's interface replaced by the branch: the primary keeps its place under its new
 * name, the branch comes last. Its addresses come first and the primary's own are left out: some runtimes take the
 * first address as the pod's, others all of them. What other interfaces of the pod have stays.
 */
export function withBranch(prev: CniResult, branch: BranchResult, version: CniVersion): JsonObject {
  const primary = requirePrimary(prev, branch.ifName);
  const taken = prev.interfaces.findIndex((entry) => entry.name === branch.hostName);
  if (taken >= 0) {
    throw new CniError(
      ErrorCode.InvalidConfig,
      `hostInterfaceName "${branch.hostName}" is taken by prevResult.interfaces[${taken}]`,
    );
  }
  const converted = convertResult(prev, version);
  const interfaces = list(converted, "interfaces").map((entry, i) =>
    i === primary.index && isObject(entry) ? { ...entry, name: branch.hostName } : entry,
  );
  const index = interfaces.length;
  interfaces.push({ ...interfaceEntry(branch.ifName, branch, version), sandbox: branch.sandbox });
  return { ...converted, interfaces, ...reachedBy(index, branch, version, others(prev, converted, primary)) };
}

/** What ADD made where the branch stays on the node. */
export interface RoutedBranchResult extends Pick<BranchResult, "ifName" | "mac" | "mtu" | "ips" | "routes"> {
  /** The VLAN device on the node. */
  readonly vlanName: string;
  /** The MAC of the pod's own interface; undefined while it is not known. */
  readonly podMac?: string | undefined;
}

/**
 * The primary's result with the branch's addresses on the pod's interface, and the VLAN device behind it as one more
 * interface of the node. The pod's interface is given its true MAC: aws-cni keeps a route table's number there, and
 * its DEL would otherwise take the branch's address for its own and delete rules that a newer sandbox may need.
 */
export function withRoutedBranch(
  prev: CniResult,
  branch: RoutedBranchResult,
  version: CniVersion,
): JsonObject {
  const primary = requirePrimary(prev, branch.ifName);
  const converted = convertResult(prev, version);
  const { podMac: mac } = branch;
  const interfaces = list(converted, "interfaces").map((entry, i) =>
    i === primary.index && isObject(entry) && mac !== undefined ? { ...entry, mac } : entry,
  );
  return {
    ...converted,
    interfaces: [...interfaces, interfaceEntry(branch.vlanName, branch, version)],
    ...reachedBy(primary.index, branch, version, others(prev, converted, primary)),
  };
}

/** As primaryInterface, for who can do nothing without it: code 7. */
export function requirePrimary(prev: CniResult, ifName: string) {
  const primary = primaryInterface(prev, ifName);
  if (primary !== undefined) return primary;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `prevResult has no interface "${ifName}" in a sandbox: the plugin before branchline made none`,
  );
}

function interfaceEntry(name: string, { mac, mtu }: { mac: string; mtu: number }, version: CniVersion) {
  return { name, mac, ...(versionAtLeast(version, "1.1.0") ? { mtu } : {}) };
}

/**
 * The addresses, as converted, of the pod's other interfaces: a pod of several network cards has more than one. An
 * address that names no interface is the replaced one's, as it is for the runtimes.
 */
function others(prev: CniResult, converted: JsonObject, primary: { readonly index: number }): Json[] {
  return list(converted, "ips").filter((_, i) => {
    const index = prev.ips[i]?.interface;
    return index !== undefined && index !== primary.index && (prev.interfaces[index]?.sandbox ?? "") !== "";
  });
}

function reachedBy(
  index: number,
  branch: Pick<BranchResult, "ips" | "routes">,
  version: CniVersion,
  rest: readonly Json[],
) {
  return {
    ips: [
      ...branch.ips.map(({ address, gateway }) =>
        familyField({ interface: index, address, ...(gateway === undefined ? {} : { gateway }) }, version),
      ),
      ...rest,
    ],
    routes: branch.routes.map(({ dst, gw }) => (gw === undefined ? { dst } : { dst, gw })),
  };
}

function list(result: JsonObject, key: string): Json[] {
  const value = member(result, key);
  return isArray(value) ? [...value] : [];
}

/** Nothing for a list that is absent or null: it stays so. */
function convertList(raw: JsonObject, key: string, convert: (entry: JsonObject) => JsonObject): JsonObject {
  const value = member(raw, key);
  if (!isArray(value)) return {};
  return { [key]: value.map((entry) => (isObject(entry) ? convert(entry) : entry)) };
}

function newFields(entry: JsonObject, fields: readonly string[], version: CniVersion): JsonObject {
  return versionAtLeast(version, "1.1.0") ? entry : without(entry, fields);
}

/** `version` of an address, "4" or "6": required before 1.0.0, which dropped it. */
function familyField(entry: JsonObject, version: CniVersion): JsonObject {
  const rest = without(entry, ["version"]);
  if (versionAtLeast(version, "1.0.0")) return rest;
  const address = member(entry, "address");
  return { version: String(familyOf(typeof address === "string" ? address : "")), ...rest };
}

function without(entry: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(entry).filter(([key]) => !fields.includes(key)));
}
