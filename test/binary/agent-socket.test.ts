// The agent's socket: what a plugin of any version, or anybody else of the node, may do to it.
import { spawn } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgentSocket } from "../../src/agent/answer/socket.ts";
import type { BranchAnswer, GoneAnswer } from "../../src/state/answer.ts";
import type { Question } from "../../src/state/question.ts";

const pod = { namespace: "shop", name: "web-0", uid: "u1" };
const line = `${JSON.stringify({ version: 1, ask: "gone", pod })}\n`;

let directory: string;
let socket: AgentSocket;
let asked: Question[];
let logged: string[];
let answer: (question: Question) => Promise<BranchAnswer | GoneAnswer>;

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), "agent-socket-")), "state");
  asked = [];
  logged = [];
  answer = async () => ({ answer: "gone" });
  socket = await open();
});

afterEach(async () => {
  await socket[Symbol.asyncDispose]();
  rmSync(resolve(directory, ".."), { recursive: true });
});

function open(): Promise<AgentSocket> {
  return AgentSocket.open({
    stateDirectory: directory,
    answer: (question) => {
      asked.push(question);
      return answer(question);
    },
    log: (_level, message) => logged.push(message),
  });
}

const path = () => join(directory, "agent.sock");

function connected(): Promise<Socket> {
  const client = connect(path());
  const { promise, resolve: done, reject } = Promise.withResolvers<Socket>();
  client.once("connect", () => done(client)).once("error", reject);
  return promise;
}

async function say(words: string | Buffer): Promise<string> {
  const client = await connected();
  client.write(words);
  return text(client);
}

const gone = '{"answer":"gone"}\n';

it("is root's alone, in a directory of its own, and nothing else is left there", () => {
  expect(lstatSync(path()).mode & 0o777).toBe(0o600);
  expect(lstatSync(directory).mode & 0o777).toBe(0o700);
  expect(readdirSync(directory)).toEqual(["agent.sock"]);
});

it("answers one question a connection, also when it comes in pieces, and what is said after it is nothing", async () => {
  const client = await connected();
  for (const byte of line) {
    client.write(byte);
    await new Promise((done) => setImmediate(done));
  }
  client.write("more\n");
  expect(await text(client)).toBe(gone);
  expect(asked).toEqual([{ ask: "gone", pod }]);
});

it("answers a question that is as long as one may be", async () => {
  const annotation = "x".repeat(1024 * 1024 - 400);
  const question = { version: 1, ask: "branch", pod, annotation, datapath: "direct", timeoutMs: 5 };
  expect(await say(`${JSON.stringify(question)}\n`)).toBe(gone);
});

describe("what is no question", () => {
  it.each<[string, string | Buffer]>([
    ["no JSON", "hello\n"],
    ["another version", line.replace('"version":1', '"version":2')],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
    ["nesting", `${"[".repeat(100_000)}\n`],
  ])("%s is refused and logged, and the next one is answered", async (_what, words) => {
    expect(JSON.parse(await say(words))).toMatchObject({ answer: "refused" });
    expect(logged).toEqual([expect.stringContaining("is invalid")]);
    expect(await say(line)).toBe(gone);
    expect(asked).toHaveLength(1);
  });

  it("more than a mebibyte ends the connection", async () => {
    const client = await connected();
    client.on("error", () => undefined);
    client.write("x".repeat(3 * 1024 * 1024));
    await new Promise((done) => client.once("close", done));
    expect(asked).toEqual([]);
    expect(await say(line)).toBe(gone);
  });

  it("an end before the line's end is none", async () => {
    const client = await connected();
    client.end(line.trimEnd());
    expect(await text(client)).toBe("");
    expect(asked).toEqual([]);
  });

  it("silence ends the connection after five seconds", async () => {
    const client = await connected();
    const before = performance.now();
    expect(await text(client)).toBe("");
    expect(performance.now() - before).toBeGreaterThan(4_900);
  });
});

it("a plugin that goes away while it waits leaves nothing", async () => {
  const held = Promise.withResolvers<GoneAnswer>();
  answer = () => held.promise;
  const client = await connected();
  client.write(line);
  while (asked.length === 0) await new Promise((done) => setTimeout(done, 5));
  client.destroy();
  while (socket.openConnections > 0) await new Promise((done) => setTimeout(done, 5));
  held.resolve({ answer: "gone" });
  expect(logged).toEqual([]);
});

it("an answer that fails is logged, and its connection ends without one", async () => {
  answer = () => Promise.reject(new Error("oops"));
  expect(await say(line)).toBe("");
  expect(logged).toEqual([expect.stringContaining("an answer failed: Error: oops")]);
});

it("the 257th that waits is told to try again, and the others are answered", async () => {
  const held = Promise.withResolvers<GoneAnswer>();
  answer = () => held.promise;
  const waiting = await Promise.all(Array.from({ length: 256 }, connected));
  for (const client of waiting) client.write(line);
  while (asked.length < 256) await new Promise((done) => setTimeout(done, 5));
  expect(JSON.parse(await say(line))).toEqual({
    answer: "wait",
    reason: "the agent has 256 questions already",
  });
  held.resolve({ answer: "gone" });
  expect(new Set(await Promise.all(waiting.map((client) => text(client))))).toEqual(new Set([gone]));
});

it("another user is not answered, and is named in the log", async () => {
  // As if the directory and the socket were open to all.
  const program = `
    process.setuid(65534);
    const client = require("node:net").connect(process.argv[1]);
    client.on("error", (error) => console.log(error.code));
    client.on("connect", () => client.write(${JSON.stringify(line)}));
    client.on("data", (data) => console.log(String(data)));
    client.on("close", () => console.log("closed"));`;
  const { chmodSync } = await import("node:fs");
  for (const place of [resolve(directory, ".."), directory]) chmodSync(place, 0o755);
  chmodSync(path(), 0o666);
  const child = spawn(process.execPath, ["-e", program, path()], { stdio: ["ignore", "pipe", "inherit"] });
  expect(await text(child.stdout)).toMatch(/^(ECONNRESET\n|EPIPE\n)?closed\n$/);
  expect(asked).toEqual([]);
  expect(logged).toEqual([`${path()}: user 65534 asked; only root may`]);
});

describe("another agent", () => {
  it("takes over while the first one's questions wait, and the first one's end takes nothing away", async () => {
    const held = Promise.withResolvers<GoneAnswer>();
    answer = () => held.promise;
    const waiting = say(line);
    while (asked.length === 0) await new Promise((done) => setTimeout(done, 5));
    const first = socket;
    socket = await open();
    const ended = first[Symbol.asyncDispose]();
    held.resolve({ answer: "gone" });
    expect(await waiting).toBe(gone);
    await ended;
    expect(await say(line)).toBe(gone);
  });

  it("of which something killed has left the socket, is no obstacle", async () => {
    const child = spawn(
      process.execPath,
      [
        "-e",
        `require("node:net").createServer().listen(process.argv[1], () => console.log("up"))`,
        `${path()}.x`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await new Promise((done) => child.stdout.once("data", done));
    child.kill("SIGKILL");
    await new Promise((done) => child.once("exit", done));
    await socket[Symbol.asyncDispose]();
    const { renameSync } = await import("node:fs");
    renameSync(`${path()}.x`, path());
    socket = await open();
    expect(await say(line)).toBe(gone);
  });

  it("does not touch what is no socket", async () => {
    await socket[Symbol.asyncDispose]();
    writeFileSync(path(), "mine");
    await expect(open()).rejects.toThrow(`${path()} is not a socket; remove it`);
    rmSync(path());
    socket = await open();
  });
});
