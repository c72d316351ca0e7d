import { METADATA_ENDPOINT, openMetadata } from "../sys/instance-metadata.ts";
import { messageOf } from "../text/error-words.ts";
import { quote } from "../text/json.ts";

/** Nobody says which Region this is; the message says who was asked. */
export class RegionError extends Error {
  override name = "RegionError";
}

/** As of us-east-1, us-gov-west-1, ap-southeast-7, eusc-de-east-1. */
const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;

/**
 * The Region: what was given, AWS_REGION, or what the instance's metadata says, which the SDK does not ask. RegionError
 * when that cannot be had, or is none.
 */
export async function findRegion(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const said = given ?? env["AWS_REGION"];
  if (said !== undefined && said !== "")
    return checked(said, given === undefined ? "AWS_REGION" : "--region");
  const isOff = env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true";
  if (isOff) throw new RegionError("no --region, no AWS_REGION, and AWS_EC2_METADATA_DISABLED is true");
  const endpoint = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || METADATA_ENDPOINT;
  let text: string;
  try {
    text = await (await openMetadata(endpoint))("meta-data/placement/region");
  } catch (cause) {
    throw new RegionError(
      `no --region, no AWS_REGION, and instance metadata at ${endpoint} does not say: ${messageOf(cause)}; a pod reaches it only if the instance's hop limit is 2 or more`,
      { cause },
    );
  }
  return checked(text.trim(), `instance metadata at ${endpoint}`);
}

function checked(region: string, source: string): string {
  if (REGION.test(region)) return region;
  throw new RegionError(`${source} says ${quote(region)}, which is no Region`);
}
