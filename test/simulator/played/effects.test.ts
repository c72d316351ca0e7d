// What a single request cannot show: many ENIs in pages, tokens used at the same time, dry runs that change nothing.

import * as ec2 from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeState } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { makeRoom, type Server, startSimulator } from "../server.ts";
import { readStates } from "../table.ts";

const states = readStates();
let server: Server;
let client: ec2.EC2Client;

beforeAll(async () => {
  server = await startSimulator("--no-throttling");
  await makeRoom(server);
  client = sdkClient(server.url);
});
afterAll(() => server[Symbol.asyncDispose]());

const state = (name: string) => makeState(name, states, sdkPlayer(client));

async function enisOf(filter: ec2.Filter, pageSize: number): Promise<string[][]> {
  const pages: string[][] = [];
  const input = { Filters: [filter] };
  for await (const page of ec2.paginateDescribeNetworkInterfaces({ client, pageSize }, input)) {
    pages.push((page.NetworkInterfaces ?? []).map((eni) => eni.NetworkInterfaceId ?? ""));
  }
  return pages;
}

const create = (input: ec2.CreateNetworkInterfaceCommandInput) =>
  client
    .send(new ec2.CreateNetworkInterfaceCommand(input))
    .then((made) => made.NetworkInterface?.NetworkInterfaceId ?? "");

test("1,000 ENIs: each on one page, whatever the size of the pages", async () => {
  const { vpc } = await state("vpc");
  const made = await client.send(new ec2.CreateSubnetCommand({ VpcId: vpc, CidrBlock: "10.0.0.0/21" }));
  const subnet = made.Subnet?.SubnetId ?? "";
  const ids: string[] = [];
  let left = 1_000;
  const worker = async () => {
    while (left-- > 0) ids.push(await create({ SubnetId: subnet }));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(new Set(ids).size).toBe(1_000);
  const filter = { Name: "subnet-id", Values: [subnet] };
  for (const [size, pages] of [
    [1000, 1],
    [999, 2],
    [300, 4],
    [100, 10],
  ] as const) {
    const found = await enisOf(filter, size);
    expect(found.map((page) => page.length)).toEqual(
      Array.from({ length: pages }, (_, page) => Math.min(size, 1_000 - page * size)),
    );
    expect(found.flat().sort()).toEqual(ids.toSorted());
  }
  const described = await client.send(new ec2.DescribeSubnetsCommand({ SubnetIds: [subnet] }));
  expect(described.Subnets?.[0]?.AvailableIpAddressCount).toBe(2_048 - 5 - 1_000);
});

test("a page that begins after a deletion loses nothing that is still there", async () => {
  const { subnet = "" } = await state("twelve-enis");
  const filter = { Name: "subnet-id", Values: [subnet] };
  const [all = []] = await enisOf(filter, 1_000);
  const first = await client.send(
    new ec2.DescribeNetworkInterfacesCommand({ Filters: [filter], MaxResults: 5 }),
  );
  const seen = (first.NetworkInterfaces ?? []).map((eni) => eni.NetworkInterfaceId ?? "");
  await client.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId: seen[0] }));
  const { NextToken } = first;
  const rest = await client.send(
    new ec2.DescribeNetworkInterfacesCommand({ Filters: [filter], MaxResults: 1000, NextToken }),
  );
  seen.push(...(rest.NetworkInterfaces ?? []).map((eni) => eni.NetworkInterfaceId ?? ""));
  expect(seen.sort()).toEqual(all.sort());
});

test("one token, twenty requests at the same time: one ENI", async () => {
  const { subnet = "", nonce = "" } = await state("subnet");
  const input = { SubnetId: subnet, ClientToken: `at-once-${nonce}` };
  const made = await Promise.all(Array.from({ length: 20 }, () => create(input)));
  expect(new Set(made).size).toBe(1);
  expect((await enisOf({ Name: "subnet-id", Values: [subnet] }, 1_000)).flat()).toHaveLength(1);
});

test("without a token the SDK makes one for each request", async () => {
  const { subnet = "" } = await state("subnet");
  expect(await create({ SubnetId: subnet })).not.toBe(await create({ SubnetId: subnet }));
});

test("a refused request leaves its token unused", async () => {
  const { subnet = "", group = "", nonce = "" } = await state("group");
  const ClientToken = `refused-${nonce}`;
  const strange = { SubnetId: subnet, Groups: ["sg-0123456789abcdef0"], ClientToken };
  await expect(create(strange)).rejects.toMatchObject({ name: expect.stringMatching(/NotFound$/) });
  expect(await create({ SubnetId: subnet, Groups: [group], ClientToken })).toMatch(/^eni-/);
});

test("a dry run makes nothing, and one that would be refused says so", async () => {
  const { subnet = "" } = await state("subnet");
  await expect(create({ SubnetId: subnet, DryRun: true })).rejects.toMatchObject({ name: "DryRunOperation" });
  expect((await enisOf({ Name: "subnet-id", Values: [subnet] }, 1_000)).flat()).toEqual([]);
});

test("an ENI that comes and goes gives its address back", async () => {
  const { subnet = "" } = await state("nearly-full-subnet");
  for (let time = 0; time < 5; time += 1) {
    const eni = await create({ SubnetId: subnet });
    await expect(create({ SubnetId: subnet })).rejects.toMatchObject({
      name: "InsufficientFreeAddressesInSubnet",
    });
    await client.send(new ec2.DeleteNetworkInterfaceCommand({ NetworkInterfaceId: eni }));
  }
});
