/** Ethernet addresses as the text that `ip` prints, lower case, and as their six bytes. */

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** For text already known to be an address: anything else is a defect of the caller. */
export function macBytes(text: string): Uint8Array {
  const parts = text.split(":");
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-f]{2}$/i.test(part))) {
    throw new TypeError(`Cannot read MAC "${text}"`);
  }
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}
