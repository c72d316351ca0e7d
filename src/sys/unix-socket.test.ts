import { mkdtempSync, rmSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Errno, SysError } from "./errno.ts";
import { openUnixSocket } from "./unix-socket.ts";

/** The server is in this process, and does nothing while a call here waits: the kernel answers in its place. */
let directory: string;
let path: string;
let server: Server;
const accepted: Socket[] = [];

async function listen(backlog = 10): Promise<void> {
  await new Promise<void>((done) => server.listen({ path, backlog }, done));
}

/** Lets the server do what it has to do. */
const turn = () => new Promise((done) => setTimeout(done, 20));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "unix-"));
  path = join(directory, "socket");
  server = createServer((socket) => {
    socket.on("error", () => undefined);
    accepted.push(socket);
  });
});

afterEach(() => {
  accepted.splice(0).forEach((socket) => socket.destroy());
  server.close();
  rmSync(directory, { recursive: true });
});

function errnoOf(action: () => unknown): number | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof SysError) return error.errno;
    throw error;
  }
  return undefined;
}

describe("openUnixSocket", () => {
  it("knows who listens, and sends and receives", async () => {
    await listen();
    using connection = openUnixSocket(path);
    expect(connection.peerUid).toBe(process.getuid?.());
    expect(connection.send(Buffer.from("question"), 0)).toBe(8);
    await turn();
    const [socket] = accepted;
    expect(String(socket?.read())).toBe("question");
    socket?.end("answer");
    await turn();
    expect(connection.receive(1000)).toEqual(new Uint8Array(Buffer.from("answer")));
    expect(connection.receive(1000)).toHaveLength(0);
  });

  it("waits for so long, and no longer", async () => {
    await listen();
    using connection = openUnixSocket(path);
    const started = Date.now();
    expect(connection.receive(0)).toBeUndefined();
    expect(connection.receive(-5)).toBeUndefined();
    expect(connection.receive(59.5)).toBeUndefined();
    expect(Date.now() - started).toBeGreaterThanOrEqual(59);
    expect(Date.now() - started).toBeLessThan(15_000);
  });

  it("takes what fits, and then nothing", async () => {
    await listen();
    using connection = openUnixSocket(path);
    const bytes = new Uint8Array(1024 * 1024);
    const taken = connection.send(bytes, 0);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(bytes.length);
    expect(connection.send(bytes, 10)).toBe(0);
  });

  it("is told that nobody accepts: EAGAIN", async () => {
    await listen(1);
    using open = new DisposableStack();
    const errnos = [1, 2, 3, 4].map(() => errnoOf(() => open.use(openUnixSocket(path))));
    expect(errnos).toContain(undefined);
    expect(errnos.at(-1)).toBe(Errno.EAGAIN);
  });

  it("is told of a peer that went away: no signal ends the process", async () => {
    await listen();
    using connection = openUnixSocket(path);
    await turn();
    accepted[0]?.destroy();
    await turn();
    expect(errnoOf(() => connection.send(Buffer.from("x"), 0))).toBe(Errno.EPIPE);
    expect(connection.receive(0)).toHaveLength(0);
  });

  it("says what is wrong with the path", () => {
    expect(errnoOf(() => openUnixSocket(path))).toBe(Errno.ENOENT);
    expect(errnoOf(() => openUnixSocket(directory))).toBe(Errno.ECONNREFUSED);
    expect(errnoOf(() => openUnixSocket("x".repeat(108)))).toBe(Errno.ENAMETOOLONG);
    expect(errnoOf(() => openUnixSocket("x".repeat(107)))).toBe(Errno.ENOENT);
  });
});
