import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { Ec2Error } from "../model/error.ts";

/** How far the date of a request may be from now. */
const MAX_SKEW_MS = 15 * 60 * 1000;

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The access key of a request that is signed rightly (AWS Signature Version 4, in its header); throws an Ec2Error. */
export function checkSignature(
  request: SignedRequest,
  secretOf: (key: string) => string | undefined,
  now: number,
): string {
  const header = request.headers["authorization"];
  if (typeof header !== "string")
    throw new Ec2Error("MissingAuthenticationToken", "The request is not signed");
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([\w-]+)\/ec2\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  if (parsed === null) {
    throw new Ec2Error(
      "IncompleteSignature",
      "The Authorization header is no AWS Signature Version 4 for ec2",
    );
  }
  const [, key = "", day = "", region = "", signedHeaders = "", signature = ""] = parsed;
  const secret = secretOf(key);
  if (secret === undefined) {
    throw new Ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials");
  }
  const date = String(request.headers["x-amz-date"] ?? "");
  checkDate(date, day, now);
  const names = signedHeaders.split(";");
  if (!names.includes("host")) throw mismatch("the header host is not signed");
  const canonical = canonicalRequest(request, names);
  const scope = `${day}/${region}/ec2/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`;
  let signing: Buffer = hmac(`AWS4${secret}`, day);
  for (const part of [region, "ec2", "aws4_request"]) signing = hmac(signing, part);
  if (!timingSafeEqual(hmac(signing, toSign), Buffer.from(signature, "hex"))) {
    throw mismatch("check the secret access key and the signing method");
  }
  return key;
}

function mismatch(why: string): Ec2Error {
  return new Ec2Error("SignatureDoesNotMatch", `The request signature does not match: ${why}`);
}

function checkDate(date: string, day: string, now: number): void {
  const parsed = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (parsed === null || !date.startsWith(day)) {
    throw new Ec2Error(
      "IncompleteSignature",
      `X-Amz-Date is no date of the credential's day: "${date.slice(0, 40)}"`,
    );
  }
  const [year, month, date_, hour, minute, second] = parsed.slice(1).map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, date_, hour, minute, second);
  if (Math.abs(now - at) > MAX_SKEW_MS) {
    throw new Ec2Error("RequestExpired", `Request has expired: it is of ${date}`);
  }
}

function canonicalRequest({ method, url, headers, body }: SignedRequest, names: readonly string[]): string {
  const question = url.indexOf("?");
  const path = question < 0 ? url : url.slice(0, question);
  const query = question < 0 ? "" : url.slice(question + 1);
  const canonicalQuery = query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => (pair.includes("=") ? pair : `${pair}=`))
    .sort()
    .join("&");
  const values = names.map((name) => {
    const value = headers[name] ?? "";
    const text = Array.isArray(value) ? value.join(",") : value;
    return `${name}:${text.trim().replace(/ +/g, " ")}\n`;
  });
  return [method, path, canonicalQuery, values.join(""), names.join(";"), sha256(body)].join("\n");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
