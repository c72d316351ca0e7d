import { NETLINK_NETFILTER, openTransport } from "../../../src/netlink/transport.ts";
import { nftablesLine } from "../model/lines.ts";

/** The rules of nftables in the namespace that this thread is in, a line for each, read without the plugin's decoder. */

const NFT_MSG_GETRULE = (10 << 8) | 7;
const NLM_F_REQUEST_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NFTA_RULE_TABLE = 1;
const HEADER = 16;
const NFGENMSG = 4;
const FAMILIES: Readonly<Record<number, 4 | 6>> = { 2: 4, 10: 6 };

export function nftablesRules(): string[] {
  using transport = openTransport(10, NETLINK_NETFILTER);
  const request = Buffer.alloc(HEADER + NFGENMSG);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(NFT_MSG_GETRULE, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  transport.send(request);
  const lines: string[] = [];
  for (;;) {
    const bytes = Buffer.from(transport.receive());
    for (let offset = 0; offset < bytes.length;) {
      const length = bytes.readUInt32LE(offset);
      const type = bytes.readUInt16LE(offset + 4);
      if (type === NLMSG_DONE || type === NLMSG_ERROR) return lines;
      lines.push(ruleLineOf(bytes.subarray(offset + HEADER, offset + length)));
      offset += (length + 3) & ~3;
    }
  }
}

function ruleLineOf(payload: Buffer): string {
  const family = FAMILIES[payload.readUInt8(0)] ?? "other";
  for (let offset = NFGENMSG; offset + 4 <= payload.length;) {
    const length = payload.readUInt16LE(offset);
    if (payload.readUInt16LE(offset + 2) === NFTA_RULE_TABLE)
      return nftablesLine(family, payload.toString("latin1", offset + 4, offset + length - 1));
    offset += Math.max(4, (length + 3) & ~3);
  }
  return nftablesLine(family, "without a name");
}
