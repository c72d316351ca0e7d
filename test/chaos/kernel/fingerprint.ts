import { netnsPath } from "../../ground/netns.ts";
import { openTransport } from "../../../src/netlink/transport.ts";
import { inNamespace, openNamespace } from "../../../src/netns/namespace.ts";

/**
 * A namespace as the kernel's own bytes: links (with their IPv4 and IPv6 parameters), addresses, routes of all tables,
 * rules and neighbours, without counters and ages. Nothing is decoded: that they are the same as before is all that is
 * asked, of each namespace in every round, for a few milliseconds. When they are not, somebody has to read it.
 */

const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_EXT_MASK = 29;
const IFLA_STATS = 7;
const IFLA_STATS64 = 23;
const NDA_CACHEINFO = 3;
const NDA_PROBES = 4;
const NUD_PERMANENT = 0x80;
const NLMSG_DONE = 3;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST_DUMP = 0x301;
const HEADER = 16;

/** One list: the family's own header, and which of its attributes change by themselves. */
interface List {
  readonly request: Buffer;
  readonly header: number;
  readonly passing: readonly number[];
  readonly wanted?: (payload: Buffer) => boolean;
}

function list(
  type: number,
  header: number,
  passing: readonly number[] = [],
  attribute: readonly number[] = [],
) {
  const request = Buffer.alloc(HEADER + header + attribute.length);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(type, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  request.set(attribute, HEADER + header);
  return { request, header, passing };
}

const LISTS: readonly List[] = [
  list(18, 16, [IFLA_STATS, IFLA_STATS64], [8, 0, IFLA_EXT_MASK, 0, RTEXT_FILTER_SKIP_STATS, 0, 0, 0]),
  list(22, 8),
  list(26, 12),
  list(34, 12),
  {
    ...list(30, 12, [NDA_CACHEINFO, NDA_PROBES]),
    // Others come and go by themselves.
    wanted: (payload) => (payload.readUInt16LE(8) & NUD_PERMANENT) !== 0,
  },
];

export function fingerprintOf(netns: string): Buffer {
  using namespace = openNamespace(netnsPath(netns));
  return inNamespace(namespace, () => {
    using transport = openTransport();
    const parts: Uint8Array[] = [];
    for (const each of LISTS) {
      transport.send(each.request);
      for (let more = true; more;) more = collect(transport.receive(), each, parts);
    }
    return Buffer.concat(parts);
  });
}

/** Takes the messages of one datagram without their headers, which name the socket; false after the last one. */
function collect(datagram: Uint8Array, { header, passing, wanted }: List, into: Uint8Array[]): boolean {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes.readUInt32LE(offset);
    const type = bytes.readUInt16LE(offset + 4);
    if (type === NLMSG_DONE || type === NLMSG_ERROR) return false;
    const payload = bytes.subarray(offset + HEADER, offset + length);
    if (wanted?.(payload) !== false) {
      into.push(...(passing.length === 0 ? [payload] : without(passing, payload, header)));
    }
    offset += (length + 3) & ~3;
  }
  return true;
}

function without(passing: readonly number[], payload: Buffer, header: number): Uint8Array[] {
  const parts = [payload.subarray(0, header)];
  for (let offset = header; offset + 4 <= payload.length;) {
    const length = payload.readUInt16LE(offset);
    if (!passing.includes(payload.readUInt16LE(offset + 2)))
      parts.push(payload.subarray(offset, offset + length));
    offset += Math.max(4, (length + 3) & ~3);
  }
  return parts;
}
