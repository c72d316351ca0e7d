/** MAC addresses as text (six lower-case hexadecimal pairs, as `ip link` prints them) and as six bytes. */

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** The address in lower case, or undefined if the text is not one. */
export function canonicalMac(text: string): string | undefined {
  const mac = text.toLowerCase();
  return MAC.test(mac) ? mac : undefined;
}

/** Whether the lowest bit of the first byte is set: a multicast or broadcast address, never an interface's. */
export function isMulticastMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

export function isZeroMac(mac: string): boolean {
  return mac === "00:00:00:00:00:00";
}

/**
 * Why an interface cannot have this address, or undefined if it can. The text follows the value in a sentence:
 * `"01:…" is a multicast address`.
 */
export function macDefect(text: string): string | undefined {
  const mac = canonicalMac(text);
  if (mac === undefined) return "is not a MAC address (six pairs of hexadecimal digits with colons)";
  if (isZeroMac(mac)) return "is all zeros, which no interface can have";
  if (isMulticastMac(mac)) return "is a multicast address, which no interface can have";
  return undefined;
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** For text known to be an address; anything else is a bug in the caller. */
export function macBytes(text: string): Uint8Array {
  const parts = text.split(":");
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-f]{2}$/i.test(part))) {
    throw new TypeError(`Cannot read MAC "${text}"`);
  }
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}
