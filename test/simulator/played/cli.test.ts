// The table, through the AWS CLI: for each operation the first success and the first of each refusal, and with
// WHOLE_TABLE=1 all of it. A request takes the CLI 0.2 seconds.

import { afterAll, beforeAll, expect, test } from "vitest";
import { AwsCli, awsClients } from "../foreign.ts";
import { play } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { type Server, startSimulator } from "../server.ts";
import { readRequests, readStates, type Request } from "../table.ts";

const states = readStates();
let server: Server;
let cli: AwsCli;

beforeAll(async () => {
  server = await startSimulator("--no-throttling");
  cli = new AwsCli(server.url, await awsClients());
}, 600_000);
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function firstOfEach(requests: Request[]): Request[] {
  const seen = new Set<string>();
  return requests.filter(({ operation, codes }) => {
    const kind = `${operation} ${codes.join()}`;
    return !seen.has(kind) && seen.add(kind);
  });
}

const requests = process.env["WHOLE_TABLE"] === "1" ? readRequests() : firstOfEach(readRequests());

test.each(requests)("$id", async (request) => {
  // The state is made by the faster client.
  const client = sdkPlayer(sdkClient(server.url));
  expect((await play(request, states, client, cli.ask)) ?? "as the table says").toBe("as the table says");
});
