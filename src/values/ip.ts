/**
 * IP addresses as text, in the canonical form that `ip` prints (RFC 5952 for IPv6), and as the bytes of netlink
 * attributes. Plans, records and results hold canonical text, which is readable and can be compared directly.
 */

export type IpFamily = 4 | 6;

/** A canonical address and a prefix length in bits. */
export interface IpPrefix {
  readonly address: string;
  readonly length: number;
}

/** The family of a canonical address. */
export function familyOf(address: string): IpFamily {
  return address.includes(":") ? 6 : 4;
}

/** Width of an address in bits. */
export function widthOf(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The 4 or 16 bytes of an address, or undefined if the text is not one. Zones and leading zeros are rejected. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Like parseIp, but for text known to be an address; anything else is a bug in the caller. */
export function ipBytes(text: string): Uint8Array {
  const bytes = parseIp(text);
  if (bytes === undefined) throw new TypeError(`Cannot read address "${text}"`);
  return bytes;
}

/** Canonical text of 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new TypeError(`An address has 4 or 16 bytes, not ${bytes.length}`);
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  const [start, length] = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  const dotted = () => bytes.slice(12).join(".");
  // An embedded IPv4 address is written with dots (RFC 5952, 5), as inet_ntop does.
  if (start === 0 && length === 6) return `::${dotted()}`;
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${dotted()}`;
  // A single zero group is written out (RFC 5952, 4.2.2).
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** The canonical form of an address, or undefined if the text is not one. */
export function canonicalIp(text: string): string | undefined {
  const bytes = parseIp(text);
  return bytes === undefined ? undefined : formatIp(bytes);
}

/** Parses `address/length`, or undefined. Without a length it is a single address (/32 or /128). */
export function parsePrefix(text: string): IpPrefix | undefined {
  const slash = text.indexOf("/");
  const bytes = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (bytes === undefined) return undefined;
  const width = bytes.length * 8;
  const tail = slash < 0 ? String(width) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(tail) || Number(tail) > width) return undefined;
  return { address: formatIp(bytes), length: Number(tail) };
}

export function formatPrefix(prefix: IpPrefix): string {
  return `${prefix.address}/${prefix.length}`;
}

/** The network address of the prefix: its host bits cleared. */
export function networkOf(prefix: IpPrefix): string {
  return formatIp(maskBytes(ipBytes(prefix.address), prefix.length));
}

/** Whether the network contains the address; never for the other family. */
export function contains({ address: base, length }: IpPrefix, address: string): boolean {
  const [a, b] = [ipBytes(base), ipBytes(address)];
  if (a.length !== b.length) return false;
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = 0xff00 >> (length & 7);
  return (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & rest & 0xff) === 0;
}

function maskBytes(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 - (length - i * 8)))));
}

function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || part === 4) return undefined;
      bytes[part++] = value;
      digits = 0;
      value = 0;
      continue;
    }
    // No leading zeros: some programs read them as octal.
    if (code < ZERO || code > ZERO + 9 || (digits > 0 && value === 0)) return undefined;
    value = value * 10 + code - ZERO;
    digits++;
    if (value > 255) return undefined;
  }
  return part === 4 ? bytes : undefined;
}

const DOT = ".".charCodeAt(0);
const ZERO = "0".charCodeAt(0);

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  // The dotted part comes last, so never before "::".
  if (halves.length === 2 && halves[0]?.includes(".")) return undefined;
  const head = parseGroups(halves[0] ?? "");
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  const gap = 16 - head.length - tail.length;
  // "::" stands for at least one group (RFC 4291, 2.2); without it nothing may be missing.
  if (halves.length === 2 ? gap < 2 : gap !== 0) return undefined;
  return Uint8Array.from([...head, ...Array<number>(gap).fill(0), ...tail]);
}

/** The bytes of colon-separated groups; the last one may be a dotted IPv4 address (RFC 4291, 2.2). */
function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else {
      const dotted = i === groups.length - 1 ? parseIpv4(group) : undefined;
      if (dotted === undefined) return undefined;
      bytes.push(...dotted);
    }
  }
  return bytes;
}

function longestZeroRun(groups: number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
  }
  return best;
}
