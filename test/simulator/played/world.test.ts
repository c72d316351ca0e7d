// A world that the AWS CLI builds from nothing and takes down again, as a person would type it.

import { expect, test } from "vitest";
import { awsClients, clientFile, environmentFor, linesOf } from "../foreign.ts";
import { startSimulator } from "../server.ts";

test("is built, looked at and taken down by the AWS CLI alone", { timeout: 600_000 }, async () => {
  const clients = await awsClients();
  await using server = await startSimulator();
  const lines = await linesOf(clientFile("world.sh"), [], environmentFor(server.url, clients));
  expect(lines.at(-1)).toBe("describe-vpcs is refused: InvalidVpcID.NotFound");
  expect(lines).toContain("what is left in the VPC is 0");
});

test("has prefix lists, network ACLs and route tables for the AWS CLI", { timeout: 600_000 }, async () => {
  const clients = await awsClients();
  await using server = await startSimulator();
  const lines = await linesOf(clientFile("network.sh"), [], environmentFor(server.url, clients));
  expect(lines.at(-1)).toBe("describe-network-acls is refused: InvalidNetworkAclID.NotFound");
  expect(lines).toContain("the routes is local\tnat-0123456789abcdef0");
});
