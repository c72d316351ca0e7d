import { httpText } from "../../sys/http-text.ts";
import { METADATA_ENDPOINT, openMetadata } from "../../sys/instance-metadata.ts";
import { messageOf } from "../../text/error-words.ts";
import type { Said } from "./find.ts";

/** Where a node says what its ENIs are: aws-node's introspection and instance metadata. */

/** The first of aws-node's on this node; DISABLE_INTROSPECTION switches it off. */
const INTROSPECTION = "http://127.0.0.1:61679";

const ENI_ID = /^eni-[0-9a-f]{8,17}$/;

/** Ids of the ENIs that aws-node takes for trunks. */
export async function askIntrospection(endpoint = INTROSPECTION): Promise<Said<readonly string[]>> {
  try {
    const text = await httpText(`${endpoint}/v1/enis`);
    const value: unknown = JSON.parse(text);
    return { found: trunksIn(value) };
  } catch (error) {
    return { problem: `aws-node's introspection at ${endpoint} does not say: ${messageOf(error)}` };
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
export async function askMetadata(endpoint = METADATA_ENDPOINT): Promise<Said<ReadonlyMap<string, string>>> {
  try {
    const open = await openMetadata(endpoint);
    const read = (path: string) => open(`meta-data/network/interfaces/macs/${path}`);
    const macs = (await read("")).split("\n").map((line) => line.replace(/\/$/, ""));
    const pairs = await Promise.all(
      macs
        .filter((mac) => mac !== "")
        .map(async (mac) => [(await read(`${mac}/interface-id`)).trim(), mac] as const),
    );
    return { found: new Map(pairs) };
  } catch (error) {
    return { problem: `instance metadata at ${endpoint} does not say: ${messageOf(error)}` };
  }
}
