/** Gives https://HOST[:PORT] without anything after it, which is ours; undefined if it is not that. */
export function readWebhookUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, href } = new URL(text);
  return protocol === "https:" && href === `${origin}/` ? origin : undefined;
}
