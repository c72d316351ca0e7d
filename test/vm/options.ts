/** Reads an option that counts something; throws a TypeError that names it. */
export function parsePositive(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number <= 0) {
    throw new TypeError(`--${name} "${value}" is no positive whole number`);
  }
  return number;
}

/** Reads NAME=VALUE words into an environment; throws a TypeError at one that is none. */
export function parseAssignments(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(word);
      if (match?.[1] === undefined || match[2] === undefined) {
        throw new TypeError(`--env "${word}" is not NAME=VALUE`);
      }
      return [match[1], match[2]];
    }),
  );
}
