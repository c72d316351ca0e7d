import { METADATA_ENDPOINT, openMetadata } from "../sys/instance-metadata.ts";
import { messageOf } from "../text/error-words.ts";
import { quote } from "../text/json.ts";

/** Nobody says which Region this is; the message says who was asked. */
export class RegionError extends Error {
  override name = "RegionError";
}

/** As of us-east-1, us-gov-west-1, ap-southeast-7, eusc-de-east-1. */
const REGION = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;

type Env = Readonly<Record<string, string | undefined>>;

/** In the order in which they count: the SDK's, and the AWS CLI's own, for whoever uses both has set that one. */
const VARIABLES = ["AWS_REGION", "AWS_DEFAULT_REGION"] as const;

/** The Region that was given, or that the environment says; undefined: nobody says. RegionError when it is none. */
export function saidRegion(given: string | undefined, env: Env): string | undefined {
  if (given !== undefined && given !== "") return checked(given, "--region");
  const variable = variableOf(env);
  return variable && checked(env[variable] ?? "", variable);
}

/** What the environment says, whether it is a Region or not: the AWS CLI takes the same. */
export function regionOfEnv(env: Env): string | undefined {
  const variable = variableOf(env);
  return variable && env[variable];
}

function variableOf(env: Env): (typeof VARIABLES)[number] | undefined {
  return VARIABLES.find((name) => (env[name] ?? "") !== "");
}

/**
 * The Region: what was given, what the environment says, or what the instance's metadata says, which the SDK does not
 * ask. RegionError when that cannot be had, or is none.
 */
export async function findRegion(given: string | undefined, env: Env): Promise<string> {
  const said = saidRegion(given, env);
  if (said !== undefined) return said;
  const nobody = `no --region, no ${VARIABLES.join(" or ")}`;
  const isOff = env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true";
  if (isOff) throw new RegionError(`${nobody}, and AWS_EC2_METADATA_DISABLED is true`);
  const endpoint = env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] || METADATA_ENDPOINT;
  let text: string;
  try {
    text = await (await openMetadata(endpoint))("meta-data/placement/region");
  } catch (cause) {
    throw new RegionError(
      `${nobody}, and instance metadata at ${endpoint} does not say: ${messageOf(cause)}; a pod reaches it only if the instance's hop limit is 2 or more`,
      { cause },
    );
  }
  return checked(text.trim(), `instance metadata at ${endpoint}`);
}

function checked(region: string, source: string): string {
  if (REGION.test(region)) return region;
  throw new RegionError(`${source} says ${quote(region)}, which is no Region`);
}
