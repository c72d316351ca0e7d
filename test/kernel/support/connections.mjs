// One process in a namespace that serves TCP ports and opens connections at a steady pace, told how by its argument; at
// the end it prints one line of JSON: for each flow how many were tried and failed, and how many segments the namespace's
// TCP sent again because they were lost.
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setInterval as setIntervalAsync } from "node:timers/promises";

const TURN_MS = 50;
const LOST_TURNS = 10_000 / TURN_MS;
/** For each flow: a processor that cannot keep the pace must not build up a queue, whose wait would look like a stall. */
const MAX_OPEN = 2;

const { listen, flows, seconds } = JSON.parse(process.argv[2]);

// Time is counted in turns of this process: one that did not run for a while has answers waiting for it.
let turn = 0;
setInterval(() => (turn += 1), TURN_MS);

for (const port of listen) {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.resume();
    socket.write("answer\n");
  });
  await new Promise((resolve) => server.listen({ port, host: "::", backlog: 1024 }, resolve));
}

/** The turns until the answer, or why there was none. */
function attempt({ host, port, reset }, localPort) {
  return new Promise((resolve) => {
    const begin = turn;
    const socket = connect({ host, port, ...(localPort !== undefined && { localPort }) });
    const end = (outcome) => {
      clearInterval(timer);
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
      resolve(outcome);
    };
    const timer = setInterval(() => turn - begin > LOST_TURNS && end("no answer"), TURN_MS);
    socket.on("data", () => end(turn - begin));
    socket.on("error", ({ code }) => end(code ?? "error"));
    socket.on("close", () => end("closed"));
  });
}

async function run({ name, every, localPorts = [], ...to }) {
  const summary = { name, tried: 0, failed: {}, slowest: 0 };
  const open = new Set();
  const busy = new Set();
  const until = turn + (seconds * 1_000) / TURN_MS;
  let next = turn;
  for await (const _ of setIntervalAsync(TURN_MS)) {
    if (turn >= until) break;
    if (turn < next || open.size >= MAX_OPEN) continue;
    next = turn + every / TURN_MS;
    const localPort = localPorts[summary.tried % localPorts.length];
    if (localPort !== undefined && busy.has(localPort)) continue;
    busy.add(localPort);
    summary.tried += 1;
    const one = attempt(to, localPort).then((outcome) => {
      busy.delete(localPort);
      open.delete(one);
      if (typeof outcome === "string") summary.failed[outcome] = (summary.failed[outcome] ?? 0) + 1;
      else summary.slowest = Math.max(summary.slowest, outcome * TURN_MS);
    });
    open.add(one);
  }
  await Promise.all(open);
  return summary;
}

/** A counter of the reader's network namespace. */
function counter(file, group, name) {
  const [names, values] = readFileSync(`/proc/net/${file}`, "utf8")
    .split("\n")
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf(name)]);
}

/** Without those that the receiver says it had already: the answer to a busy processor, not to a loss. */
function resent() {
  return counter("snmp", "Tcp", "RetransSegs") - counter("netstat", "TcpExt", "TCPDSACKRecv");
}

process.stdout.write("ready\n");
// Everybody serves before anybody asks.
await new Promise((resolve) => process.stdin.once("data", resolve));
const before = resent();
const summaries = await Promise.all(flows.map(run));
process.stdout.write(`${JSON.stringify({ flows: summaries, resent: resent() - before })}\n`);
// And serves until everybody has been answered.
await new Promise((resolve) => process.stdin.once("end", resolve));
process.exit(0);
