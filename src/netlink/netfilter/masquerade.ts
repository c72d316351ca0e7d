import {
  type Attribute,
  attribute,
  concat,
  decodeAttributes,
  nested,
  readText,
  textAttribute,
  viewOf,
} from "../attribute.ts";
import { type IpFamily, ipBytes } from "../../values/ip.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { type BatchMessage, NFNL_SUBSYS_NFTABLES, nfgenmsg } from "./batch.ts";

/**
 * A dedicated nftables table (linux/netfilter/nf_tables.h) with one rule: packets from one address to another are
 * masqueraded, that is, get the source address of their output device.
 */
export interface Masquerade {
  readonly family: IpFamily;
  /** The table's name. */
  readonly table: string;
  readonly from: string;
  readonly to: string;
}

/** Sizes of `struct nfgenmsg` and `struct nlattr` in bytes. */
const NFGENMSG = 4;
const ATTRIBUTE_HEADER = 4;

/** NFPROTO_IPV4, NFPROTO_IPV6. */
const PROTOCOL: Readonly<Record<IpFamily, number>> = { 4: 2, 6: 10 };

const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_GETRULE = 7;

const NFTA_TABLE_NAME = 1;

const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NF_INET_POST_ROUTING = 4;
const NF_ACCEPT = 1;
/** Just before "srcnat" (100), which kube-proxy and aws-cni use: the first chain to translate a connection wins. */
const BEFORE_SRCNAT = 99;

const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;

const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NFT_PAYLOAD_NETWORK_HEADER = 1;

const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFT_CMP_EQ = 0;
const NFTA_DATA_VALUE = 1;
/** A 16-byte register. */
const NFT_REG_1 = 1;

const CHAIN = "postrouting";

/** Offsets of the addresses in the IP header, and their length. */
const HEADER: Readonly<Record<IpFamily, { source: number; destination: number; length: number }>> = {
  4: { source: 12, destination: 16, length: 4 },
  6: { source: 8, destination: 24, length: 16 },
};

/** Replaces the whole table in one transaction, whatever it held before. */
export function replaceMasquerade(masquerade: Masquerade): BatchMessage[] {
  const { family, table } = masquerade;
  return [
    newTable(family, table),
    deleteTable(family, table),
    newTable(family, table),
    message(NFT_MSG_NEWCHAIN, family, MessageFlag.CREATE, [
      textAttribute(NFTA_CHAIN_TABLE, table),
      textAttribute(NFTA_CHAIN_NAME, CHAIN),
      nested(NFTA_CHAIN_HOOK, [
        u32Big(NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING),
        u32Big(NFTA_HOOK_PRIORITY, BEFORE_SRCNAT),
      ]),
      u32Big(NFTA_CHAIN_POLICY, NF_ACCEPT),
      textAttribute(NFTA_CHAIN_TYPE, "nat"),
    ]),
    message(NFT_MSG_NEWRULE, family, MessageFlag.CREATE, [
      textAttribute(NFTA_RULE_TABLE, table),
      textAttribute(NFTA_RULE_CHAIN, CHAIN),
      nested(NFTA_RULE_EXPRESSIONS, expressions(masquerade)),
    ]),
  ];
}

/** ENOENT if the table does not exist. */
export function deleteTable(family: IpFamily, table: string): BatchMessage {
  return message(NFT_MSG_DELTABLE, family, 0, [textAttribute(NFTA_TABLE_NAME, table)]);
}

function newTable(family: IpFamily, table: string): BatchMessage {
  return message(NFT_MSG_NEWTABLE, family, MessageFlag.CREATE, [textAttribute(NFTA_TABLE_NAME, table)]);
}

/** The rules of a table; an empty list if the table does not exist. */
export function listTableRules(family: IpFamily, table: string): Request {
  return {
    ...message(NFT_MSG_GETRULE, family, 0, [textAttribute(NFTA_RULE_TABLE, table)]),
    operation: `list the rules of nftables table ${table}`,
  };
}

/** Whether a listed rule is exactly the one that replaceMasquerade writes. */
export function isMasquerade(payload: Uint8Array, masquerade: Masquerade): boolean {
  const list = find(decodeAttributes(payload.subarray(NFGENMSG)), NFTA_RULE_EXPRESSIONS);
  const found = list === undefined ? [] : decodeAttributes(list.data).map(describeExpression);
  return isSame(found, decodeAttributes(concat(expressions(masquerade))).map(describeExpression));
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

/** The attributes compared for each expression. Kernels list more, such as the flags of a masquerade. */
const TOLD: Readonly<Record<string, readonly number[]>> = {
  payload: [NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN],
  cmp: [NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA],
};

/** Ignores the nested flag: not every kernel sets it. */
function describeExpression({ data }: Attribute): string {
  const attributes = decodeAttributes(data);
  const name = find(attributes, NFTA_EXPR_NAME);
  const kind = name === undefined ? "" : readText(name);
  const about = decodeAttributes(find(attributes, NFTA_EXPR_DATA)?.data ?? new Uint8Array());
  const told = (TOLD[kind] ?? []).map((type) => {
    const value = find(about, type)?.data ?? new Uint8Array();
    const isNested = kind === "cmp" && type === NFTA_CMP_DATA;
    return Buffer.from(isNested ? value.subarray(ATTRIBUTE_HEADER) : value).toString("hex");
  });
  return [kind, ...told].join(" ");
}

function find(attributes: readonly Attribute[], type: number): Attribute | undefined {
  return attributes.find((one) => one.type === type);
}

function expressions({ family, from, to }: Masquerade): Uint8Array[] {
  const { source, destination, length } = HEADER[family];
  return [...isAddress(source, length, from), ...isAddress(destination, length, to), expression("masq", [])];
}

/** Expressions that match if the address at this offset equals `address`. */
function isAddress(offset: number, length: number, address: string): Uint8Array[] {
  return [
    expression("payload", [
      u32Big(NFTA_PAYLOAD_DREG, NFT_REG_1),
      u32Big(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER),
      u32Big(NFTA_PAYLOAD_OFFSET, offset),
      u32Big(NFTA_PAYLOAD_LEN, length),
    ]),
    expression("cmp", [
      u32Big(NFTA_CMP_SREG, NFT_REG_1),
      u32Big(NFTA_CMP_OP, NFT_CMP_EQ),
      nested(NFTA_CMP_DATA, [attribute(NFTA_DATA_VALUE, ipBytes(address))]),
    ]),
  ];
}

function expression(name: string, data: readonly Uint8Array[]): Uint8Array {
  return nested(NFTA_LIST_ELEM, [textAttribute(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, data)]);
}

function message(
  type: number,
  family: IpFamily,
  flags: number,
  attributes: readonly Uint8Array[],
): BatchMessage {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | type,
    flags,
    payload: concat([nfgenmsg(PROTOCOL[family]), ...attributes]),
  };
}

/** nf_tables uses network byte order for numbers. */
function u32Big(type: number, value: number): Uint8Array {
  const data = new Uint8Array(4);
  viewOf(data).setUint32(0, value, false);
  return attribute(type, data);
}
