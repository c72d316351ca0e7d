import { expect, it } from "vitest";
import { redact, redacted } from "./redact.ts";

const KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----";

it.each([
  ["a key", `before ${KEY} after`, "before [taken out] after"],
  ["a key that is cut off", "x -----BEGIN EC PRIVATE KEY-----\nMIIE", "x [taken out]"],
  ["a certificate in base64", `caBundle ${Buffer.from(KEY).toString("base64")}`, "caBundle [taken out]"],
  ["a token", "sent eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2lnbmF0dXJl now", "sent [taken out] now"],
  ["a token of EKS", "k8s-aws-v1.aHR0cHM6Ly9zdHM", "[taken out]"],
  ["an access key", "user AKIAIOSFODNN7EXAMPLE", "user [taken out]"],
  ["a header", "Authorization: Bearer abcdefgh12345678", "Authorization: [taken out]"],
  ["a signed URL", "https://x/?X-Amz-Signature=0a1b2c&y=1", "https://x/?[taken out]&y=1"],
  [
    "a password",
    'DB_PASSWORD=hunter2 and "secretKey": "abc"',
    "DB_PASSWORD".slice(0, 0) + '[taken out] and "[taken out]"',
  ],
  ["nothing", "pod shop/web-0: sg-0a1b2c3d has no rule", "pod shop/web-0: sg-0a1b2c3d has no rule"],
])("takes out %s", (_, text, left) => {
  expect(redact(text)).toBe(left);
});

it("takes out of all texts of plain data, and of keys", () => {
  const value = new Map([
    ["AKIAIOSFODNN7EXAMPLE", [{ token: "k8s-aws-v1.abc", count: 1, is: true, none: null }]],
  ]);
  expect(redacted(value)).toEqual([
    ["[taken out]", [{ token: "[taken out]", count: 1, is: true, none: null }]],
  ]);
});
