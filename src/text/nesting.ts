/**
 * Most levels of arrays and objects in JSON; real configurations have about ten. The runtime parses any depth, but walks and
 * serialises recursively and overflows its stack at about 4,000 levels (RangeError).
 */
export const MAX_NESTING = 100;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = [0x5b, 0x7b];
const CLOSING = [0x5d, 0x7d];

/** Whether JSON text has more levels than that. For invalid JSON the result is arbitrary. */
export function isNestedTooDeep(json: string): boolean {
  // The usual case, and fast: indexOf is native, while the loop below is interpreted.
  if (occurrences(json, "[") + occurrences(json, "{") <= MAX_NESTING) return false;
  let depth = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) inText = !inText;
    // An escaped character does not end the string.
    else if (code === BACKSLASH) i += 1;
    else if (!inText && OPENING.includes(code)) depth += 1;
    else if (!inText && CLOSING.includes(code)) depth -= 1;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

/** Counts a character, but not much further than MAX_NESTING. */
function occurrences(text: string, character: string): number {
  let count = 0;
  for (
    let at = text.indexOf(character);
    at >= 0 && count <= MAX_NESTING;
    at = text.indexOf(character, at + 1)
  ) {
    count += 1;
  }
  return count;
}
