/** Bytes written as hexadecimal, for people: white space, and what follows `#` on a line, do not count. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/#.*$/gm, "").replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new TypeError(`Cannot read bytes "${digits}"`);
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** The other way, so that a difference is shown as bytes. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
