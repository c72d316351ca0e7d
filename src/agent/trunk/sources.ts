import { request } from "node:http";
import type { Said } from "./find.ts";

/** Where a node says what its ENIs are: aws-node's introspection and instance metadata. */

/** The first of aws-node's on this node; DISABLE_INTROSPECTION switches it off. */
const INTROSPECTION = "http://127.0.0.1:61679";
const METADATA = "http://169.254.169.254";
/** Both answer at once or not at all. */
const ANSWER_MS = 2_000;
/** Seconds that a token of instance metadata is to be valid. */
const TOKEN_S = 60;
/** Bytes: aws-node lists each address of each ENI. */
const MAX_ANSWER = 4 * 1024 * 1024;

const ENI_ID = /^eni-[0-9a-f]{8,17}$/;

/** Ids of the ENIs that aws-node takes for trunks. */
export async function askIntrospection(endpoint = INTROSPECTION): Promise<Said<readonly string[]>> {
  try {
    const text = await get(`${endpoint}/v1/enis`);
    const value: unknown = JSON.parse(text);
    return { found: trunksIn(value) };
  } catch (error) {
    return { problem: `aws-node's introspection at ${endpoint} does not say: ${wordsOf(error)}` };
  }
}

/** How deep aws-node's answer is: of one network card the ENIs are at the second level, of several at the third. */
const MAX_DEPTH = 6;

/** The objects with IsTrunk, wherever they are: the form of the answer has changed between versions of aws-node. */
export function trunksIn(value: unknown, depth = 0): string[] {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return [];
  const { ID: id, IsTrunk: isTrunk } = value as { readonly ID?: unknown; readonly IsTrunk?: unknown };
  if (isTrunk === true && typeof id === "string" && ENI_ID.test(id)) return [id];
  return Object.values(value).flatMap((one) => trunksIn(one, depth + 1));
}

/** MACs of the instance's ENIs by id. `endpoint` as in AWS_EC2_METADATA_SERVICE_ENDPOINT. */
export async function askMetadata(endpoint = METADATA): Promise<Said<ReadonlyMap<string, string>>> {
  try {
    const headers = { "x-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_S) };
    const token = await get(`${endpoint}/latest/api/token`, { method: "PUT", headers });
    const read = (path: string) =>
      get(`${endpoint}/latest/meta-data/network/interfaces/macs/${path}`, {
        headers: { "x-aws-ec2-metadata-token": token },
      });
    const macs = (await read("")).split("\n").map((line) => line.replace(/\/$/, ""));
    const pairs = await Promise.all(
      macs
        .filter((mac) => mac !== "")
        .map(async (mac) => [(await read(`${mac}/interface-id`)).trim(), mac] as const),
    );
    return { found: new Map(pairs) };
  } catch (error) {
    return { problem: `instance metadata at ${endpoint} does not say: ${wordsOf(error)}` };
  }
}

interface Options {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function get(url: string, { method = "GET", headers = {} }: Options = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // No agent: it would keep a connection to what is asked once a minute.
  const asked = request(url, { method, headers, agent: false, signal: AbortSignal.timeout(ANSWER_MS) });
  asked.once("error", reject);
  asked.once("response", (answer) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_ANSWER) asked.destroy(new Error(`the answer has more than ${MAX_ANSWER} bytes`));
      chunks.push(chunk);
    });
    answer.once("error", reject);
    answer.once("end", () => {
      if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new Error(`status ${answer.statusCode ?? "unknown"}`));
    });
  });
  asked.end();
  return promise;
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "AbortError" || error.name === "TimeoutError")
    return `no answer after ${ANSWER_MS / 1000} s`;
  return error.message;
}
