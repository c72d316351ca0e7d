/** Token buckets by account and API, with EC2's sizes (developer guide, "Request throttling"). */

export type Bucket = readonly [size: number, perSecond: number];

const DESCRIBES: Bucket = [100, 20];
const UNFILTERED: Bucket = [50, 10];
const OTHERS: Bucket = [50, 5];
const BUCKETS: Readonly<Record<string, Bucket>> = {
  CreateNetworkInterface: [100, 5],
  DeleteNetworkInterface: [100, 5],
  ModifyNetworkInterfaceAttribute: [100, 5],
  AssignIpv6Addresses: [100, 5],
  AssignPrivateIpAddresses: [100, 5],
  CreateTags: [100, 10],
  TerminateInstances: [100, 5],
};

/** Without filter, page size or ids these are dearer. */
const DEARER = ["DescribeNetworkInterfaces", "DescribeInstances", "DescribeSecurityGroups"];

/** The bucket's name and size for a request. `narrow` says whether it has a filter, a page size or ids. */
export function bucketFor(
  action: string,
  narrow: boolean,
  overrides: Readonly<Record<string, Bucket>>,
): { readonly name: string; readonly bucket: Bucket } {
  const name = DEARER.includes(action) && !narrow ? `${action} unfiltered` : action;
  const builtIn = /^(Describe|Get)/.test(action) ? (name === action ? DESCRIBES : UNFILTERED) : OTHERS;
  return { name, bucket: overrides[name] ?? BUCKETS[action] ?? builtIn };
}

export class Buckets {
  private readonly levels = new Map<string, { level: number; at: number }>();

  /** Takes a token; false when there is none. */
  take(name: string, [size, perSecond]: Bucket, now: number): boolean {
    const held = this.levels.get(name) ?? { level: size, at: now };
    const level = Math.min(size, held.level + (Math.max(0, now - held.at) / 1000) * perSecond);
    // The refill of many small steps must not lose a token to rounding.
    const isThere = level >= 1 - 1e-9;
    this.levels.set(name, { level: isThere ? Math.max(0, level - 1) : level, at: now });
    return isThere;
  }

  clear(): void {
    this.levels.clear();
  }
}
