// The same for iproute2, in whose words the tests make VLAN devices and look at them.

/** Set by the project `native`: this kernel has no VLAN devices, and macvlans stand for them (messages.ts). */
export const isMacvlan = process.env["VLAN_STAND_IN"] === "macvlan";

/** A line of `ip -batch`, or what would follow `ip`. */
export function ipLine(line: string): string {
  return isMacvlan ? line.replace(/\btype vlan id (\d+)/, "group $1 type macvlan") : line;
}

/** The arguments that make a macvlan for the device at the VPC's end of a branch: it gets the frames of its MAC only. */
export function macvlanDevice(
  { vlanId }: { readonly vlanId: number },
  { mac }: { readonly mac: string },
): string {
  return `group ${vlanId} type macvlan mode source nodst macaddr add ${mac}`;
}

/** The same where this kernel's tests make it: a VLAN device, or natively the macvlan. */
export const branchDevice = isMacvlan
  ? macvlanDevice
  : ({ vlanId }: { readonly vlanId: number }): string => `type vlan id ${vlanId}`;

/**
 * nftables: what comes by a trunk and belongs to no branch. A tag that leads nowhere is dropped before anybody sees it; so
 * natively must be a MAC.
 */
export function strayText({ device, mac }: { readonly device: string; readonly mac: string }): string {
  if (!isMacvlan) return "";
  return `table arp vpc { chain input { type filter hook input priority 0; iifname "${device}" arp saddr ether != ${mac} drop; }; }
insert rule inet vpc prerouting iifname "${device}" ether saddr != ${mac} drop
`;
}

interface Listed {
  readonly group?: unknown;
  readonly linkinfo?: { readonly info_kind?: unknown };
}

/** An object of `ip -d -j`. */
export function ipObject<T extends object>(object: T & Listed): T {
  if (!isMacvlan || object.linkinfo?.info_kind !== "macvlan") return object;
  const id = Number(object.group);
  // "default" is no group.
  if (!Number.isInteger(id)) return object;
  const linkinfo = {
    info_kind: "vlan",
    info_data: { protocol: "802.1Q", id, flags: ["REORDER_HDR"] },
  };
  return { ...object, linkinfo };
}
