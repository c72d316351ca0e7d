import {
  type Attribute,
  NetlinkFormatError,
  attribute,
  decodeAttributes,
  readU16,
  readU16Big,
  u16Attribute,
} from "../attribute.ts";
import { Fields } from "../fields.ts";

/** The VLAN part of a link message: IFLA_VLAN_* (linux/if_link.h), inside IFLA_INFO_DATA. */

const IFLA_VLAN_ID = 1;
const IFLA_VLAN_PROTOCOL = 5;

/** 802.1Q (linux/if_ether.h), the tag that EC2 uses on a trunk. */
const ETH_P_8021Q = 0x8100;

export interface VlanInfo {
  readonly id: number;
  /** EtherType of the tag: 0x8100 for 802.1Q. */
  readonly protocol: number;
  readonly rest: readonly Attribute[];
}

export function encodeVlan(vlan: { id: number }): Uint8Array[] {
  return [
    u16Attribute(IFLA_VLAN_ID, vlan.id),
    // __be16
    attribute(IFLA_VLAN_PROTOCOL, Uint8Array.of(ETH_P_8021Q >> 8, ETH_P_8021Q & 0xff)),
  ];
}

export function decodeVlan(data: Uint8Array): VlanInfo {
  const fields = new Fields(decodeAttributes(data));
  const id = fields.take(IFLA_VLAN_ID, readU16);
  // No default: id 0 is a real tag (priority only).
  if (id === undefined) throw new NetlinkFormatError("A VLAN device without an id");
  return {
    id,
    protocol: fields.take(IFLA_VLAN_PROTOCOL, readU16Big) ?? ETH_P_8021Q,
    rest: fields.rest(),
  };
}
