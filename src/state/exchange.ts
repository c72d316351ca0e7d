import { lstatSync } from "node:fs";
import { isUtf8 } from "node:buffer";
import type { Clock } from "../sys/clock.ts";
import { Errno, SysError } from "../sys/errno.ts";
import { ForeignFileError, isOwnDirectory } from "../sys/files.ts";
import { type Connection, openUnixSocket } from "../sys/unix-socket.ts";
import { MAX_QUOTED, quote } from "../text/json.ts";

/** Bytes of one line, either way. */
export const MAX_LINE = 1024 * 1024;

interface Options extends ErrorOptions {
  readonly isThere: boolean;
  readonly isLate?: boolean;
}

/** No answer came of one connection, or none that is one. The next connection may do better. */
export class ExchangeError extends Error {
  override name = "ExchangeError";
  /** Whether somebody listens on the socket. */
  readonly isThere: boolean;
  /** Nothing was wrong but that the time was up. */
  readonly isLate: boolean;

  constructor(message: string, { isThere, isLate = false, ...options }: Options) {
    super(message, options);
    this.isThere = isThere;
    this.isLate = isLate;
  }
}

/**
 * Connects to the agent's socket. ForeignFileError when something else stands in its place, or another user than root
 * listens: what that says about a pod is worth nothing, and only a person can put it right.
 */
export function connectToAgent(stateDirectory: string): Connection {
  const path = socketPath(stateDirectory);
  // In a directory that is root's alone nobody exchanges the socket between this look and connect().
  const found = isOwnDirectory(stateDirectory) ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  if (found === undefined) throw new ExchangeError(`there is no ${path}`, { isThere: false });
  if (!found.isSocket()) {
    const what = found.isSymbolicLink() ? "a symbolic link" : "no socket";
    throw new ForeignFileError(`${path} is ${what}; remove it`);
  }
  const connection = opened(path);
  if (connection.peerUid === 0) return connection;
  connection[Symbol.dispose]();
  throw new ForeignFileError(`${path} is served by user ${connection.peerUid} instead of root; remove it`);
}

function socketPath(stateDirectory: string): string {
  return `${stateDirectory}/agent.sock`;
}

function opened(path: string): Connection {
  try {
    return openUnixSocket(path);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new ExchangeError(connectProblem(path, error), {
      cause: error,
      isThere: error.errno === Errno.EAGAIN,
    });
  }
}

function connectProblem(path: string, { errno, message }: SysError): string {
  if (errno === Errno.ECONNREFUSED) return `nobody listens on ${path} (ECONNREFUSED)`;
  if (errno === Errno.EAGAIN) return `too many wait for ${path} already (EAGAIN)`;
  // It was there when we looked.
  if (errno === Errno.ENOENT) return `there is no ${path}`;
  return `${path}: ${message}`;
}

/** One line each way: the question without its end, and the answer without its own. The deadline is the clock's time. */
export function exchange(connection: Connection, question: string, deadline: number, clock: Clock): string {
  try {
    sendLine(connection, question, deadline, clock);
    return receiveLine(connection, deadline, clock);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw new ExchangeError(`the connection to the agent broke: ${error.message}`, {
      cause: error,
      isThere: true,
    });
  }
}

function sendLine(connection: Connection, line: string, deadline: number, clock: Clock): void {
  let unsent: Uint8Array = Buffer.from(`${line}\n`);
  while (unsent.length > 0) {
    let taken: number;
    try {
      taken = connection.send(unsent, deadline - clock.now());
    } catch (error) {
      // Who closes without reading may have answered before: that it is busy.
      if (error instanceof SysError && CLOSED.includes(error.errno)) return;
      throw error;
    }
    if (taken === 0) throw late("the agent does not read the question");
    unsent = unsent.subarray(taken);
  }
}

function receiveLine(connection: Connection, deadline: number, clock: Clock): string {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = connection.receive(deadline - clock.now());
    if (chunk === undefined) throw late(unfinished("the agent did not answer in time", chunks));
    if (chunk.length === 0) throw notAnAnswer(unfinished("the agent closed without an answer", chunks));
    const end = chunk.indexOf(NEWLINE);
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
    length += chunks.at(-1)?.length ?? 0;
    if (length > MAX_LINE)
      throw notAnAnswer(`the agent's answer is longer than ${MAX_LINE} bytes: ${quoted(chunks)}`);
    if (end < 0) continue;
    // What comes later is not waited for: nobody will read it.
    const more = end + 1 < chunk.length ? chunk.subarray(end + 1) : restOf(connection);
    if (more !== undefined && more.length > 0) {
      throw notAnAnswer(`the agent said more after its answer ${quoted(chunks)}: ${quoted([more])}`);
    }
    const line = Buffer.concat(chunks);
    if (!isUtf8(line)) throw notAnAnswer(`the agent's answer is not UTF-8: ${quoted(chunks)}`);
    return line.toString("utf8");
  }
}

/** What is there behind the answer already. Who closed without reading the question has said all that it had to say. */
function restOf(connection: Connection): Uint8Array | undefined {
  try {
    return connection.receive(0);
  } catch (error) {
    if (error instanceof SysError && CLOSED.includes(error.errno)) return undefined;
    throw error;
  }
}

const NEWLINE = 0x0a;
const CLOSED: readonly number[] = [Errno.EPIPE, Errno.ECONNRESET];

function unfinished(what: string, chunks: readonly Uint8Array[]): string {
  return chunks.length === 0 ? what : `${what}: ${quoted(chunks)} has no end`;
}

function notAnAnswer(message: string): ExchangeError {
  return new ExchangeError(message, { isThere: true });
}

function late(message: string): ExchangeError {
  return new ExchangeError(message, { isThere: true, isLate: true });
}

/** The beginning of what came, for a person. */
function quoted(chunks: readonly Uint8Array[]): string {
  return quote(
    Buffer.concat(chunks)
      .subarray(0, 4 * MAX_QUOTED)
      .toString("utf8"),
  );
}
