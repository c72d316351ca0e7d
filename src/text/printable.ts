/**
 * For a terminal, one line: what somebody else wrote may have line breaks, or codes by which a terminal moves its cursor or
 * does worse. White space becomes one space, other control characters and those that turn the direction of writing \\uXXXX.
 */
export function printable(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(UNPRINTABLE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// oxlint-disable-next-line no-control-regex -- it is what must not reach a terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
