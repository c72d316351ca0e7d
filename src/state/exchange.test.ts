import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Errno, SysError } from "../sys/errno.ts";
import { ForeignFileError } from "../sys/files.ts";
import type { Connection } from "../sys/unix-socket.ts";
import { ExchangeError, MAX_LINE, connectToAgent, exchange } from "./exchange.ts";

/** Time that passes only where a script says so. */
function handClock(now = 0) {
  return { now: () => now, sleep: (milliseconds: number) => void (now += milliseconds) };
}

type Event = string | Uint8Array | Error | { readonly after: number; readonly gives?: string };

/** A connection that plays what comes; `takes` is how many bytes each send takes, or what it throws. */
function scripted(
  events: readonly Event[],
  takes: readonly (number | Error)[] = [Infinity],
  clock = handClock(),
) {
  const coming = [...events];
  const sends = [...takes];
  const sent: Uint8Array[] = [];
  const connection: Connection = {
    peerUid: 0,
    send(bytes) {
      const most = (sends.length > 1 ? sends.shift() : sends[0]) ?? 0;
      if (typeof most !== "number") throw most;
      sent.push(bytes.slice(0, most));
      return Math.min(most, bytes.length);
    },
    receive(waitMs) {
      const next = coming.shift();
      if (next === undefined) {
        clock.sleep(Math.max(0, waitMs));
        return undefined;
      }
      if (next instanceof Error) throw next;
      if (typeof next === "string" || next instanceof Uint8Array) return Buffer.from(next as string);
      if (next.after > waitMs) return undefined;
      clock.sleep(next.after);
      return Buffer.from(next.gives ?? "");
    },
    [Symbol.dispose]: () => undefined,
  };
  return {
    ask: (question = "q", limit = 1000) => exchange(connection, question, clock.now() + limit, clock),
    sent: () => Buffer.concat(sent).toString(),
    clock,
  };
}

const broken = (errno: number) => new SysError("recvfrom", errno);

describe("exchange", () => {
  it.each<[string, readonly Event[]]>([
    ["whole", ["answer\n"]],
    ["in pieces", ["ans", "we", "r", "\n"]],
    ["with the end in a piece of its own", ["answer", "\n", ""]],
    ["closed behind it", ["answer\n", ""]],
    ["closed behind it by who did not read the question", ["answer\n", broken(Errno.ECONNRESET)]],
    ["late", [{ after: 900, gives: "answer\n" }]],
  ])("gives the line that comes %s", (_what, events) => {
    const { ask, sent } = scripted(events);
    expect(ask("question")).toBe("answer");
    expect(sent()).toBe("question\n");
  });

  it("reads a character that is cut in two", () => {
    const bytes = Buffer.from("é\n");
    expect(scripted([bytes.subarray(0, 1), bytes.subarray(1)]).ask()).toBe("é");
  });

  it("sends what is taken in pieces", () => {
    const { ask, sent } = scripted(["a\n"], [3]);
    expect(ask("0123456789")).toBe("a");
    expect(sent()).toBe("0123456789\n");
  });

  it.each([Errno.EPIPE, Errno.ECONNRESET])(
    "reads what was said by who closed without reading (%i)",
    (errno) => {
      const refused = new SysError("send", errno);
      expect(scripted(["busy\n", ""], [refused]).ask()).toBe("busy");
      expect(() => scripted([""], [refused]).ask()).toThrow("the agent closed without an answer");
    },
  );

  it.each<[readonly Event[], string]>([
    [[""], "the agent closed without an answer"],
    [['{"answer":', ""], 'the agent closed without an answer: "{\\"answer\\":" is incomplete'],
    [[], "the agent did not answer in time"],
    [['{"ans'], 'the agent did not answer in time: "{\\"ans" is incomplete'],
    [[{ after: 2000, gives: "x\n" }], "the agent did not answer in time"],
    [["a\nb\n"], 'the agent said more after its answer "a": "b\\n"'],
    [["a\n", "b"], 'the agent said more after its answer "a": "b"'],
    [["a\n\n"], 'the agent said more after its answer "a": "\\n"'],
    [[Uint8Array.of(0xff, 0x0a)], "the agent's answer is not UTF-8"],
    [["x".repeat(MAX_LINE), "x", "\n"], `the agent's answer is longer than ${MAX_LINE} bytes: "xxx`],
    [[broken(Errno.ECONNRESET)], "the connection to the agent broke: recvfrom: ECONNRESET"],
    [["{", broken(Errno.ECONNRESET)], "the connection to the agent broke"],
  ])("%j is no answer: %s", (events, message) => {
    const run = () => scripted(events).ask();
    expect(run).toThrow(ExchangeError);
    expect(() => scripted(events).ask()).toThrow(message);
  });

  it("an answer of one MiB is one", () => {
    expect(scripted(["x".repeat(MAX_LINE), "\n"]).ask()).toHaveLength(MAX_LINE);
  });

  it("ends although bytes keep dripping in", () => {
    const drip = Array.from({ length: 5000 }, () => ({ after: 1, gives: " " }));
    const { ask, clock } = scripted(drip);
    expect(() => ask()).toThrow("is incomplete");
    expect(clock.now()).toBeLessThan(1010);
  });

  it("gives up where nobody reads", () => {
    expect(() => scripted([], [0]).ask()).toThrow("the agent does not read the question");
    expect(() => scripted([], [new SysError("send", Errno.EPERM)]).ask()).toThrow("broke: send: EPERM");
  });
});

describe("connectToAgent", () => {
  let directory: string;
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "agent-"))));
  afterEach(() => rmSync(directory, { recursive: true }));

  const thrown = (state = directory): unknown => {
    try {
      return connectToAgent(state);
    } catch (error) {
      return error;
    }
  };

  it.each(["", "/none"])("says that there is no socket, or no directory", (below) => {
    const error = thrown(directory + below);
    expect(error).toBeInstanceOf(ExchangeError);
    expect(error).toMatchObject({ isThere: false, message: `there is no ${directory}${below}/agent.sock` });
  });

  it.each<[string, (path: string) => void, string]>([
    ["a file", (path) => writeFileSync(path, ""), "not a socket"],
    ["a directory", (path) => mkdirSync(path), "not a socket"],
    ["a link", (path) => symlinkSync("/run/other.sock", path), "a symbolic link"],
    ["a link that leads nowhere", (path) => symlinkSync("nowhere", path), "a symbolic link"],
  ])("names %s in its place, and follows it nowhere", (_what, make, what) => {
    const path = join(directory, "agent.sock");
    make(path);
    expect(thrown()).toEqual(new ForeignFileError(`${path} is ${what}; remove it`));
  });

  it("asks nobody in a directory that others can write to", () => {
    const open = join(directory, "open");
    const umask = process.umask(0);
    mkdirSync(open, { mode: 0o777 });
    process.umask(umask);
    expect(thrown(open)).toEqual(new ForeignFileError(`${open} is writable by others; expected mode 0700`));
    symlinkSync(directory, join(directory, "link"));
    expect(thrown(join(directory, "link"))).toBeInstanceOf(ForeignFileError);
  });
});
