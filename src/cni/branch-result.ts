/** The result of an ADD that made a branch: the primary's, with the branch in its place. */

import type { PodNetwork } from "../datapath/datapath.ts";
import { isArray, isObject, member } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
import { formatPrefix } from "../values/ip.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { type CniResult, convertResult, familyField, requirePrimary } from "./result.ts";
import { type CniVersion, versionAtLeast } from "./versions.ts";

/** What ADD made, as the result shows it. */
export interface BranchResult extends PodNetwork {
  /** CNI_IFNAME. */
  readonly ifName: string;
  /** CNI_NETNS. */
  readonly sandbox: string;
  /** The branch's. */
  readonly mac: string;
  readonly mtu: number;
}

/**
 * The primary's result with the pod's network as it is now. The primary's interface keeps its place in the list, under
 * its present name; the branch's device comes last. The branch's addresses come first and the primary's own are left
 * out: some runtimes take the first address as the pod's, others all of them. What other interfaces of the pod have
 * stays.
 *
 * Where the pod keeps the primary's interface it gets its true MAC: aws-cni keeps a route table's number there, and its
 * DEL would otherwise take the branch's address for its own and delete rules that a newer sandbox may need.
 *
 * CniError 7 when the result has no interface of the primary's, or another one of the name.
 */
export function withBranch(prev: CniResult, made: BranchResult, version: CniVersion): JsonObject {
  const { branch, ifName, sandbox } = made;
  const { name, mac } = made.primary;
  const primary = requirePrimary(prev, ifName);
  if (name !== ifName) requireFree(prev, name);
  const converted = convertResult(prev, version);
  const interfaces = list(converted, "interfaces").map((entry, i) =>
    i === primary.index && isObject(entry) ? { ...entry, name, ...(mac !== undefined && { mac }) } : entry,
  );
  const isInPod = branch.at === "pod";
  const device = {
    name: branch.name,
    mac: made.mac,
    ...(versionAtLeast(version, "1.1.0") && { mtu: made.mtu }),
    ...(isInPod && { sandbox }),
  };
  const index = isInPod ? interfaces.length : primary.index;
  return {
    ...converted,
    interfaces: [...interfaces, device],
    ips: [
      ...made.addresses.map(({ gateway, ...prefix }) =>
        familyField({ interface: index, address: formatPrefix(prefix), gateway }, version),
      ),
      ...others(prev, converted, primary),
    ],
    routes: made.routes.map(({ family, gateway }) => ({ dst: ANYWHERE[family], gw: gateway })),
  };
}

const ANYWHERE = { 4: "0.0.0.0/0", 6: "::/0" } as const;

function requireFree({ interfaces }: CniResult, name: string): void {
  const taken = interfaces.findIndex((entry) => entry.name === name);
  if (taken < 0) return;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `hostInterfaceName "${name}" is taken by prevResult.interfaces[${taken}]`,
  );
}

/**
 * The addresses, as converted, of the pod's other interfaces: a pod of several network cards has more than one. An
 * address that names no interface belongs to the replaced one, as it does for the runtimes.
 */
function others(prev: CniResult, converted: JsonObject, primary: { readonly index: number }): Json[] {
  return list(converted, "ips").filter((_, i) => {
    const index = prev.ips[i]?.interface;
    return index !== undefined && index !== primary.index && (prev.interfaces[index]?.sandbox ?? "") !== "";
  });
}

function list(result: JsonObject, key: string): Json[] {
  const value = member(result, key);
  return isArray(value) ? [...value] : [];
}
