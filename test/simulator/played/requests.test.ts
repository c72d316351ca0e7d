// The table, through the JavaScript SDK.

import { afterAll, beforeAll, expect, test } from "vitest";
import { play } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { type Server, startSimulator } from "../server.ts";
import { readRequests, readStates } from "../table.ts";

const requests = readRequests();
const states = readStates();
let server: Server;

beforeAll(async () => {
  // Throttling has tests of its own.
  server = await startSimulator("--no-throttling");
});
afterAll(() => server[Symbol.asyncDispose]());

test.concurrent.each(requests)("$id", async (request) => {
  const client = sdkPlayer(sdkClient(server.url));
  expect((await play(request, states, client, client)) ?? "as the table says").toBe("as the table says");
});
