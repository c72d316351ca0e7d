// What AWS's VPC resource controller was seen to do, call by call, with clients that are not ours.

import { afterAll, beforeAll, expect, test } from "vitest";
import { awsClients, clientFile, environmentFor, goClient, linesOf } from "../foreign.ts";
import { makeState } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { type Server, startSimulator } from "../server.ts";
import { readStates } from "../table.ts";

let server: Server;
beforeAll(async () => {
  server = await startSimulator();
});
afterAll(() => server[Symbol.asyncDispose]());

const DONE = [
  "node found, device index 2 is free",
  "trunk attached",
  "instance shows its trunk",
  "3 pods have branches",
  "VLAN 1 is in use, the next free one is not",
  "trunk full at 9 branches",
  "9 branches found again by their tags, on 2 pages",
  "a pod's branch is gone, and stays so",
  "8 branches deleted outright",
  "2 left behind are deleted after two rounds",
];

/** Instance and group of a VPC of its own. */
async function node(): Promise<string[]> {
  const names = await makeState("instance", readStates(), sdkPlayer(sdkClient(server.url)));
  return [names["instance"] ?? "", names["group"] ?? ""];
}

test("boto3", { timeout: 600_000 }, async () => {
  const clients = await awsClients();
  const parameters = [clientFile("controller.py"), ...(await node())];
  expect(await linesOf(`${clients}/bin/python`, parameters, environmentFor(server.url, clients))).toEqual(
    DONE,
  );
});

test("Go's SDK", { timeout: 900_000 }, async () => {
  expect(await linesOf(await goClient(), await node(), environmentFor(server.url))).toEqual(DONE);
});
