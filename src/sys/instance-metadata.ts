import { httpText } from "./http-text.ts";

/** EC2's instance metadata, version 2. */

export const METADATA_ENDPOINT = "http://169.254.169.254";
/** Seconds that a token is to be valid. */
const TOKEN_S = 60;

/** Takes a token; what it gives reads a path, such as `meta-data/mac`. `endpoint` as in AWS_EC2_METADATA_SERVICE_ENDPOINT. */
export async function openMetadata(endpoint: string): Promise<(path: string) => Promise<string>> {
  const base = endpoint.replace(/\/$/, "");
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": String(TOKEN_S) };
  const token = await httpText(`${base}/latest/api/token`, { method: "PUT", headers });
  return (path) => httpText(`${base}/latest/${path}`, { headers: { "x-aws-ec2-metadata-token": token } });
}
