/**
 * Netlink attributes: `struct nlattr` (linux/netlink.h), a 4-byte header (length and type, in the machine's byte
 * order), the payload, and padding to 4 bytes. All supported machines are little-endian; accessors for fields in network
 * byte order have `Big` in their names.
 */

const HEADER = 4;
const NLA_F_NESTED = 0x8000;
const NLA_F_NET_BYTEORDER = 0x4000;
const TYPE_MASK = 0xffff & ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER);

/** Malformed bytes. If the kernel sent them, our decoder is wrong. */
export class NetlinkFormatError extends Error {
  override name = "NetlinkFormatError";
}

/** One attribute of a message; `type` is without the flag bits. */
export interface Attribute {
  readonly type: number;
  readonly data: Uint8Array;
}

export function align4(length: number): number {
  return (length + 3) & ~3;
}

export function attribute(type: number, data: Uint8Array): Uint8Array {
  const length = HEADER + data.length;
  if (length > 0xffff) throw new NetlinkFormatError(`Attribute ${type} of ${data.length} bytes is too long`);
  const out = new Uint8Array(align4(length));
  const view = new DataView(out.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  out.set(data, HEADER);
  return out;
}

export function nested(type: number, attributes: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, concat(attributes));
}

export function u8Attribute(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value));
}

export function u16Attribute(type: number, value: number): Uint8Array {
  const data = new Uint8Array(2);
  new DataView(data.buffer).setUint16(0, value, true);
  return attribute(type, data);
}

export function u32Attribute(type: number, value: number): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, value, true);
  return attribute(type, data);
}

/** NUL-terminated text, as the kernel's NLA_NUL_STRING policy requires. */
export function textAttribute(type: number, value: string): Uint8Array {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** Splits a buffer into attributes. A length past the end, or too short for a header, is an error. */
export function decodeAttributes(bytes: Uint8Array): Attribute[] {
  const found: Attribute[] = [];
  const view = viewOf(bytes);
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < HEADER) {
      throw new NetlinkFormatError(`${bytes.length - offset} bytes after the last attribute`);
    }
    const length = view.getUint16(offset, true);
    if (length < HEADER || offset + length > bytes.length) {
      throw new NetlinkFormatError(`Attribute of length ${length} at ${offset} in ${bytes.length} bytes`);
    }
    found.push({
      type: view.getUint16(offset + 2, true) & TYPE_MASK,
      data: bytes.subarray(offset + HEADER, offset + length),
    });
    offset += align4(length);
  }
  return found;
}

export function readU8(attr: Attribute): number {
  return exact(attr, 1).getUint8(0);
}

export function readU16(attr: Attribute): number {
  return exact(attr, 2).getUint16(0, true);
}

export function readU16Big(attr: Attribute): number {
  return exact(attr, 2).getUint16(0, false);
}

export function readU32(attr: Attribute): number {
  return exact(attr, 4).getUint32(0, true);
}

export function readI32(attr: Attribute): number {
  return exact(attr, 4).getInt32(0, true);
}

/** Text without its NUL, which is optional and must be the last byte. */
export function readText(attr: Attribute): string {
  const end = attr.data.indexOf(0);
  if (end >= 0 && end !== attr.data.length - 1) {
    throw new NetlinkFormatError(`Attribute ${attr.type} has bytes after its NUL`);
  }
  return Buffer.from(end < 0 ? attr.data : attr.data.subarray(0, end)).toString();
}

/** The payload, which must have one of these lengths. */
export function readBytes(attr: Attribute, ...lengths: number[]): Uint8Array {
  if (!lengths.includes(attr.data.length)) {
    throw new NetlinkFormatError(
      `Attribute ${attr.type} has ${attr.data.length} bytes instead of ${lengths.join(" or ")}`,
    );
  }
  return attr.data;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

function exact(attr: Attribute, length: number): DataView {
  return viewOf(readBytes(attr, length));
}
