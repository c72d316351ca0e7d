/** A pattern of IAM: `*` is any text, `?` any one character. Lists of servers' rules are short, so nothing is kept. */
export function matches(pattern: string, text: string, { ignoresCase = false } = {}): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  const source = escaped.replaceAll(/\*+/g, "[^]*").replaceAll("?", "[^]");
  return new RegExp(`^${source}$`, ignoresCase ? "i" : "").test(text);
}
