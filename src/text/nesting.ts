/**
 * Levels of arrays and objects that JSON may have: real configurations have some ten. V8 reads any number of them, but
 * walks and writes them by recursion, and at 4000 or so its stack ends (RangeError).
 */
export const MAX_NESTING = 100;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = [0x5b, 0x7b];
const CLOSING = [0x5d, 0x7d];

/** Whether JSON text has more levels than that; text that is no JSON may be told either. */
export function isNestedTooDeep(json: string): boolean {
  // Nearly always: found by the engine's own search, where the loop below is interpreted.
  if (occurrences(json, "[") + occurrences(json, "{") <= MAX_NESTING) return false;
  let depth = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) inText = !inText;
    // What follows in a text is no end of it.
    else if (code === BACKSLASH) i += 1;
    else if (!inText && OPENING.includes(code)) depth += 1;
    else if (!inText && CLOSING.includes(code)) depth -= 1;
    if (depth > MAX_NESTING) return true;
  }
  return false;
}

/** How often a character occurs; no further than needed. */
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
