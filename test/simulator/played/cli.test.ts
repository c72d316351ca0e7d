// The table, through the AWS CLI: for each operation the first success and the first of each refusal, and with
// WHOLE_TABLE=1 all of it. A request takes the CLI 0.2 seconds.

import { afterAll, beforeAll, expect, test } from "vitest";
import { AwsCli, awsClients } from "../foreign.ts";
import { OPEN } from "../open.ts";
import { play } from "../play.ts";
import { sdkClient, sdkPlayer } from "../sdk.ts";
import { makeRoom, type Server, startSimulator } from "../server.ts";
import { readRequests, readStates, type Request } from "../table.ts";

const states = readStates();
let server: Server;
let cli: AwsCli;

beforeAll(async () => {
  server = await startSimulator("--no-throttling");
  await makeRoom(server);
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

/** Rows that the CLI cannot send: without --count it asks for one instance itself. */
const NOT_BY_CLI = ["instance-run-no-count"];

const requests = (process.env["WHOLE_TABLE"] === "1" ? readRequests() : firstOfEach(readRequests())).filter(
  ({ id }) => !NOT_BY_CLI.includes(id),
);

async function difference(request: Request): Promise<string> {
  // The state is made by the faster client.
  const client = sdkPlayer(sdkClient(server.url));
  return (await play(request, states, client, cli.ask)) ?? "as the table says";
}

test.each(requests.filter(({ id }) => !OPEN.has(id)))("$id", async (request) => {
  expect(await difference(request)).toBe("as the table says");
});

test.fails.each(requests.filter(({ id }) => OPEN.has(id)))("$id, which is open", async (request) => {
  expect(await difference(request)).toBe("as the table says");
});
