// The token buckets: as many tokens and as many a second as EC2's documentation says, one bucket for each API.

import { performance } from "node:perf_hooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Client } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { type Server, startSimulator } from "../server.ts";
import type { Parameters } from "../table.ts";

const ENI = "eni-0123456789abcdef0";
const FILTER = { Filters: [{ Name: "vpc-id", Values: ["vpc-0123456789abcdef0"] }] };

/** Reference page: Throttling. Requests that EC2 refuses for another reason have had a token too. */
const BUCKETS: [operation: string, parameters: Parameters, size: number, aSecond: number][] = [
  ["AssociateTrunkInterface", { BranchInterfaceId: ENI, TrunkInterfaceId: ENI, VlanId: 1 }, 50, 5],
  ["DisassociateTrunkInterface", { AssociationId: "trunk-assoc-0123456789abcdef0" }, 50, 5],
  [
    "AttachNetworkInterface",
    { NetworkInterfaceId: ENI, InstanceId: "i-0123456789abcdef0", DeviceIndex: 1 },
    50,
    5,
  ],
  ["DetachNetworkInterface", { AttachmentId: "eni-attach-0123456789abcdef0" }, 50, 5],
  [
    "CreateNetworkInterfacePermission",
    { NetworkInterfaceId: ENI, AwsAccountId: "123456789012", Permission: "INSTANCE-ATTACH" },
    50,
    5,
  ],
  ["CreateNetworkInterface", { SubnetId: "subnet-0123456789abcdef0" }, 100, 5],
  ["DeleteNetworkInterface", { NetworkInterfaceId: ENI }, 100, 5],
  ["ModifyNetworkInterfaceAttribute", { NetworkInterfaceId: ENI, SourceDestCheck: { Value: false } }, 100, 5],
  ["AssignIpv6Addresses", { NetworkInterfaceId: ENI, Ipv6AddressCount: 1 }, 100, 5],
  ["AssignPrivateIpAddresses", { NetworkInterfaceId: ENI, SecondaryPrivateIpAddressCount: 1 }, 100, 5],
  ["TerminateInstances", { InstanceIds: ["i-0123456789abcdef0"] }, 100, 5],
  ["CreateTags", { Resources: [ENI], Tags: [{ Key: "a", Value: "b" }] }, 100, 10],
  ["DescribeSubnets", FILTER, 100, 20],
  ["DescribeTrunkInterfaceAssociations", {}, 100, 20],
];

/** The same API has a smaller bucket for what neither filters nor pages. */
const UNFILTERED: [operation: string, parameters: Parameters, size: number, aSecond: number][] = [
  ["DescribeNetworkInterfaces", {}, 50, 10],
  ["DescribeInstances", {}, 50, 10],
  ["DescribeSecurityGroups", {}, 50, 10],
  ["DescribeNetworkInterfaces", FILTER, 100, 20],
  ["DescribeInstances", { MaxResults: 5 }, 100, 20],
  ["DescribeSecurityGroups", FILTER, 100, 20],
];

let server: Server;
let client: Client;
beforeAll(async () => {
  server = await startSimulator();
  client = sdkPlayer(sdkClient(server.url));
});
afterAll(() => server[Symbol.asyncDispose]());

interface Asked {
  taken: number;
  /** The statuses of those that found the bucket empty. */
  refused: number[];
  /** When the last one was taken. */
  seconds: number;
}

/** Asks at a few requests at a time, for as long as told, or until so many were taken. */
async function ask(
  asking: Client,
  operation: string,
  parameters: Parameters,
  ms: number,
  enough = Infinity,
): Promise<Asked> {
  const begun = performance.now();
  const asked: Asked = { taken: 0, refused: [], seconds: 0 };
  const one = async () => {
    while (performance.now() - begun < ms && asked.taken < enough) {
      const answer = await asking(operation, parameters);
      if ("code" in answer && answer.code === "RequestLimitExceeded") {
        asked.refused.push(answer.status);
      } else {
        asked.taken += 1;
        asked.seconds = (performance.now() - begun) / 1_000;
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, one));
  return asked;
}

test.each([...BUCKETS, ...UNFILTERED])(
  "%s %j: %i, then %i a second",
  async (operation, parameters, size, aSecond) => {
    const { taken, refused } = await ask(client, operation, parameters, 2_000);
    expect(new Set(refused)).toEqual(new Set([503]));
    // A busy machine asks a little less or more than two seconds' worth.
    const wanted = size + 2 * aSecond;
    expect(Math.abs(taken - wanted), `${taken} taken instead of ${wanted}`).toBeLessThanOrEqual(
      2 + aSecond / 5,
    );
  },
);

test("an empty bucket of one API leaves the others alone", async () => {
  await ask(client, "DetachNetworkInterface", { AttachmentId: "eni-attach-0123456789abcdef0" }, 500);
  const other = await client("DeleteSubnet", { SubnetId: "subnet-0123456789abcdef0" });
  expect(other).toMatchObject({ code: "InvalidSubnetID.NotFound" });
});

// 50 at once and then 5 a second: three minutes.
test.runIf(process.env["WHOLE_TABLE"] === "1")(
  "1,000 associations take 190 s",
  { timeout: 400_000 },
  async () => {
    await using fresh = await startSimulator();
    const theirs = sdkPlayer(sdkClient(fresh.url));
    const parameters = { BranchInterfaceId: ENI, TrunkInterfaceId: ENI, VlanId: 1 };
    const { seconds } = await ask(theirs, "AssociateTrunkInterface", parameters, 300_000, 1_000);
    expect(Math.abs(seconds - 190)).toBeLessThan(190 * 0.05);
  },
);
