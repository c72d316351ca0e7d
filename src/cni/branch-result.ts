/** The result of an ADD that made a branch: the primary's, with the branch in its place. */

import { isArray, isObject, member } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { type CniResult, convertResult, familyField, requirePrimary } from "./result.ts";
import { type CniVersion, versionAtLeast } from "./versions.ts";

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
