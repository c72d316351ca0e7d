import { expect, it } from "vitest";
import { readWebhookUrl } from "./webhook-url.ts";

it.each<[string, string | undefined]>([
  ["https://127.0.0.1:9443", "https://127.0.0.1:9443"],
  ["https://[::1]:9443/", "https://[::1]:9443"],
  ["https://webhook.example", "https://webhook.example"],
  ["http://webhook.example:9443", undefined],
  ["https://webhook.example/mutate", undefined],
  ["https://webhook.example?a", undefined],
  ["https://someone@webhook.example", undefined],
  ["webhook.example:9443", undefined],
  ["", undefined],
])("%j is %j", (text, url) => expect(readWebhookUrl(text)).toBe(url));
