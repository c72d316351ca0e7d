/** What identifiers may look like (SPEC 1.1.0, "Parameters" and "Configuration format"). */

const IDENTIFIER = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Container ids and network names. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** White space as Go's unicode.IsSpace has it; \s differs in U+0085 and U+FEFF. */
const FORBIDDEN_IN_INTERFACE = /[/:\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/**
 * Why the kernel would refuse the name, as the end of a sentence that begins with the name; undefined if it would not.
 */
export function interfaceNameDefect(name: string): string | undefined {
  if (name === "") return "is empty";
  if (Buffer.byteLength(name) > 15) return "is longer than 15 bytes";
  if (name === "." || name === "..") return "is not a name";
  if (FORBIDDEN_IN_INTERFACE.test(name)) return "contains a slash, a colon or white space";
  return undefined;
}
