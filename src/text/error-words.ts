/** What was thrown, in words. Anything can be thrown. */

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** With the stack, for defects of ours. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** A message of several lines, as of another program, in one. */
export function inOneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, "; ");
}
