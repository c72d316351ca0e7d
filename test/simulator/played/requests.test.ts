// The table, through the JavaScript SDK.

import { afterAll, beforeAll, expect, test } from "vitest";
import { OPEN } from "../open.ts";
import { play } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { makeRoom, type Server, startSimulator } from "../server.ts";
import { readRequests, readStates, type Request } from "../table.ts";

const requests = readRequests();
const states = readStates();
let server: Server;

beforeAll(async () => {
  // Throttling has tests of its own.
  server = await startSimulator("--no-throttling");
  await makeRoom(server);
});
afterAll(() => server[Symbol.asyncDispose]());

async function difference(request: Request): Promise<string> {
  const client = sdkPlayer(sdkClient(server.url));
  return (await play(request, states, client, client)) ?? "as the table says";
}

test.concurrent.each(requests.filter(({ id }) => !OPEN.has(id)))("$id", async (request) => {
  expect(await difference(request)).toBe("as the table says");
});

test.fails.each(requests.filter(({ id }) => OPEN.has(id)))("$id, which is open", async (request) => {
  expect(await difference(request)).toBe("as the table says");
});
