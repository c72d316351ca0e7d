/**
 * Plays the table against moto, a second opinion: node test/simulator/compare-moto.ts
 *
 * Prints each request that moto answers otherwise, and how. Fails when that is not what moto-differences.tsv lists.
 */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { play } from "./play.ts";
import { sdkClient, sdkPlayer } from "./sdk.ts";
import { startMoto } from "./server.ts";
import { readRequests, readStates, rows } from "./table.ts";

const setup = join(import.meta.dirname, "../setup/aws-clients.sh");
const environment = execFileSync(setup, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();

const known = new Map(rows("moto-differences.tsv", 2).map(([id = "", why = ""]) => [id, why]));
const requests = readRequests();
const states = readStates();

// moto is never late.
const PATIENCE = { describe: 0, state: 0 };

await using server = await startMoto(environment);
const client = sdkPlayer(sdkClient(server.url));
let same = 0;
let wrong = 0;
for (const request of requests) {
  const difference = await play(request, states, client, client, PATIENCE).catch((error: unknown) =>
    String(error),
  );
  const why = known.get(request.id);
  if (difference === undefined) same += 1;
  else console.log(`${request.id}\t${why ?? "NOT EXPLAINED"}\t${difference.slice(0, 300)}`);
  if ((difference === undefined) !== (why === undefined)) wrong += 1;
  if (difference === undefined && why !== undefined) console.log(`${request.id}\tNO LONGER DIFFERENT`);
}
for (const id of known.keys()) {
  if (requests.some((request) => request.id === id)) continue;
  console.log(`${id}\tIS NO REQUEST`);
  wrong += 1;
}
console.log(
  `${requests.length} requests: moto answers ${same} as the table says, ${requests.length - same} otherwise`,
);
if (wrong > 0) {
  console.log(`${wrong} of them are not as moto-differences.tsv says`);
  process.exitCode = 1;
}
