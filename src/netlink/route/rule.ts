import {
  type Attribute,
  NetlinkFormatError,
  align4,
  attribute,
  concat,
  decodeAttributes,
  readBytes,
  readText,
  readU32,
  readU8,
  textAttribute,
  u32Attribute,
  u8Attribute,
  viewOf,
} from "../attribute.ts";
import { Fields } from "../fields.ts";
import { type IpFamily, type IpPrefix, formatIp, formatPrefix, ipBytes } from "../../values/ip.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { AF_UNSPEC, RouteMessage, addressFamily, ipFamily } from "./constants.ts";

/** Policy rules: `struct fib_rule_hdr` and FRA_* (linux/fib_rules.h). */

const HEADER = 12;

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_PRIORITY = 6;
const FRA_TABLE = 15;
/** In every listed rule; -1 means not set. */
const FRA_SUPPRESS_PREFIXLEN = 14;
const NO_SUPPRESSION = 0xffff_ffff;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FR_ACT_TO_TBL = 1;

export interface Rule {
  readonly family: IpFamily;
  readonly priority: number;
  /** The table to look up. */
  readonly table: number;
  readonly from?: IpPrefix;
  readonly to?: IpPrefix;
  /** The input device (`iif`); `lo` for packets that this namespace sends itself. */
  readonly inputDevice?: string;
  /** IPPROTO_* to match. */
  readonly ipProtocol?: number;
  /** Who added it (linux/rtnetlink.h RTPROT_*); optional. */
  readonly protocol?: number;
}

/** A rule as the kernel lists it; its action may be something other than a table lookup. */
export interface ListedRule extends Rule {
  readonly action: number;
  readonly rest: readonly Attribute[];
}

/** Undefined for rules of other families. */
export function decodeRule(payload: Uint8Array): ListedRule | undefined {
  if (payload.length < HEADER) throw new NetlinkFormatError(`A rule of ${payload.length} bytes`);
  const view = viewOf(payload);
  const family = ipFamily(view.getUint8(0));
  if (family === undefined) return undefined;
  const fields = new Fields(decodeAttributes(payload.subarray(HEADER)));
  const ip = (attr: Attribute) => formatIp(readBytes(attr, family === 4 ? 4 : 16));
  const to = fields.take(FRA_DST, ip);
  const from = fields.take(FRA_SRC, ip);
  const inputDevice = fields.take(FRA_IIFNAME, readText);
  const ipProtocol = fields.take(FRA_IP_PROTO, readU8);
  const protocol = fields.take(FRA_PROTOCOL, readU8);
  return {
    family,
    // The kernel omits a priority of 0.
    priority: fields.take(FRA_PRIORITY, readU32) ?? 0,
    table: fields.take(FRA_TABLE, readU32) ?? view.getUint8(4),
    action: view.getUint8(7),
    ...(to !== undefined && { to: { address: to, length: view.getUint8(1) } }),
    ...(from !== undefined && { from: { address: from, length: view.getUint8(2) } }),
    ...(inputDevice !== undefined && { inputDevice }),
    ...(ipProtocol !== undefined && { ipProtocol }),
    ...(protocol !== undefined && { protocol }),
    rest: fields.rest(),
  };
}

/**
 * Whether a listed rule may look up this table. Reads only that attribute, since a node has several rules for each pod.
 */
export function mayLookUp(payload: Uint8Array, table: number): boolean {
  const view = viewOf(payload);
  for (let at = HEADER; at + 8 <= payload.length;) {
    const length = view.getUint16(at, true);
    if (view.getUint16(at + 2, true) === FRA_TABLE) return view.getUint32(at + 4, true) === table;
    at += Math.max(4, align4(length));
  }
  // No table, or malformed: let decodeRule decide.
  return true;
}

/** Whether a listed rule looks up its table for every packet, with no selector and no suppressor. */
export function isForAll(rule: ListedRule): boolean {
  return (
    rule.action === FR_ACT_TO_TBL &&
    rule.from === undefined &&
    rule.to === undefined &&
    rule.inputDevice === undefined &&
    rule.ipProtocol === undefined &&
    rule.rest.every((attr) => attr.type === FRA_SUPPRESS_PREFIXLEN && readU32(attr) === NO_SUPPRESSION)
  );
}

/** The known part of a listed rule: enough to delete it or add it again. */
export function plainRule({ action: _, rest: __, ...rule }: ListedRule): Rule {
  return rule;
}

/** The rules of one family, or of both. */
export function listRules(family?: IpFamily): Request {
  const bytes = new Uint8Array(HEADER);
  viewOf(bytes).setUint8(0, family === undefined ? AF_UNSPEC : addressFamily(family));
  return {
    type: RouteMessage.GETRULE,
    unwatched: true,
    payload: bytes,
    operation: `list ${family === undefined ? "all" : `IPv${family}`} rules`,
  };
}

/** EEXIST if the same rule exists. There is no replacing: the kernel would keep a duplicate. */
export function addRule(rule: Rule): Request {
  return {
    type: RouteMessage.NEWRULE,
    flags: MessageFlag.CREATE | MessageFlag.EXCL,
    payload: encode(rule),
    operation: `add rule ${describeRule(rule)}`,
  };
}

/** Deletes the first rule that matches every given field; ENOENT if there is none. */
export function deleteRule(rule: Rule): Request {
  return {
    type: RouteMessage.DELRULE,
    payload: encode(rule),
    operation: `delete rule ${describeRule(rule)}`,
  };
}

export function describeRule(rule: Rule): string {
  return [
    `${rule.priority}:`,
    `from ${rule.from === undefined ? "all" : formatPrefix(rule.from)}`,
    ...(rule.to === undefined ? [] : [`to ${formatPrefix(rule.to)}`]),
    ...(rule.inputDevice === undefined ? [] : [`iif ${rule.inputDevice}`]),
    ...(rule.ipProtocol === undefined ? [] : [`ipproto ${rule.ipProtocol}`]),
    `lookup ${rule.table}`,
  ].join(" ");
}

function encode(rule: Rule): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = viewOf(bytes);
  view.setUint8(0, addressFamily(rule.family));
  view.setUint8(1, rule.to?.length ?? 0);
  view.setUint8(2, rule.from?.length ?? 0);
  view.setUint8(7, FR_ACT_TO_TBL);
  return concat([
    bytes,
    u32Attribute(FRA_PRIORITY, rule.priority),
    u32Attribute(FRA_TABLE, rule.table),
    ...(rule.to === undefined ? [] : [attribute(FRA_DST, ipBytes(rule.to.address))]),
    ...(rule.from === undefined ? [] : [attribute(FRA_SRC, ipBytes(rule.from.address))]),
    ...(rule.inputDevice === undefined ? [] : [textAttribute(FRA_IIFNAME, rule.inputDevice)]),
    ...(rule.ipProtocol === undefined ? [] : [u8Attribute(FRA_IP_PROTO, rule.ipProtocol)]),
    ...(rule.protocol === undefined ? [] : [u8Attribute(FRA_PROTOCOL, rule.protocol)]),
  ]);
}
