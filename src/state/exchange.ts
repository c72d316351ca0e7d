import { lstatSync } from "node:fs";
import { isUtf8 } from "node:buffer";
import type { Clock } from "../sys/clock.ts";
import { Errno, SysError } from "../sys/errno.ts";
import { ForeignFileError, isOwnDirectory } from "../sys/files.ts";
import { type Connection, openUnixSocket } from "../sys/unix-socket.ts";
import { MAX_QUOTED, quote } from "../text/json.ts";
import { MAX_NESTING, isNestedTooDeep } from "../text/nesting.ts";

/** Most bytes in a line, in either direction. */
export const MAX_LINE = 1024 * 1024;

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of a line, in either direction, which is one JSON object. `reject` throws what is to be said of another. */
export function readFields(line: string, reject: (defect: string, cause?: unknown) => never): Fields {
  if (isNestedTooDeep(line)) return reject(`it is nested deeper than ${MAX_NESTING} levels`);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    return reject("it is not JSON", cause);
  }
  return fieldsIn(value) ?? reject("it is not an object");
}

/** Own keys only, without those inherited from Object.prototype; undefined if it is no object. */
export function fieldsIn(value: unknown): Fields | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.assign(Object.create(null) as Fields, value);
}

interface Options extends ErrorOptions {
  readonly isThere: boolean;
  readonly isLate?: boolean;
}

/** One connection gave no answer, or an invalid one. Another attempt may succeed. */
export class ExchangeError extends Error {
  override name = "ExchangeError";
  /** Whether anything listens on the socket. */
  readonly isThere: boolean;
  /** The only problem was that the time was up. */
  readonly isLate: boolean;

  constructor(message: string, { isThere, isLate = false, ...options }: Options) {
    super(message, options);
    this.isThere = isThere;
    this.isLate = isLate;
  }
}

/**
 * Connects to the agent's socket. ForeignFileError if something else is in its place or a user other than root listens:
 * such answers cannot be trusted, and a person has to fix it.
 */
export function connectToAgent(stateDirectory: string): Connection {
  const path = socketPath(stateDirectory);
  // Only root can write to the directory, so nobody else can swap the socket between this check and connect().
  const found = isOwnDirectory(stateDirectory) ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  if (found === undefined) throw new ExchangeError(`there is no ${path}`, { isThere: false });
  if (!found.isSocket()) {
    const what = found.isSymbolicLink() ? "a symbolic link" : "not a socket";
    throw new ForeignFileError(`${path} is ${what}; remove it`);
  }
  const connection = opened(path);
  if (connection.peerUid === 0) return connection;
  connection[Symbol.dispose]();
  throw new ForeignFileError(`${path} is served by user ${connection.peerUid} instead of root; remove it`);
}

/** Where the agent listens. */
export function socketPath(stateDirectory: string): string {
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
  if (errno === Errno.EAGAIN) return `the queue of ${path} is full (EAGAIN)`;
  // It was removed since we checked.
  if (errno === Errno.ENOENT) return `there is no ${path}`;
  return `${path}: ${message}`;
}

/** Sends a line and returns the answer, both without the newline. The deadline is in clock time. */
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
      // The agent may answer (that it is busy) and close without reading.
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
    // Check only what has already arrived; do not wait for more.
    const more = end + 1 < chunk.length ? chunk.subarray(end + 1) : restOf(connection);
    if (more !== undefined && more.length > 0) {
      throw notAnAnswer(`the agent said more after its answer ${quoted(chunks)}: ${quoted([more])}`);
    }
    const line = Buffer.concat(chunks);
    if (!isUtf8(line)) throw notAnAnswer(`the agent's answer is not UTF-8: ${quoted(chunks)}`);
    return line.toString("utf8");
  }
}

/** Bytes that have already arrived after the answer; none if the agent closed without reading the question. */
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
  return chunks.length === 0 ? what : `${what}: ${quoted(chunks)} is incomplete`;
}

function notAnAnswer(message: string): ExchangeError {
  return new ExchangeError(message, { isThere: true });
}

function late(message: string): ExchangeError {
  return new ExchangeError(message, { isThere: true, isLate: true });
}

/** The beginning of what was received, for messages. */
function quoted(chunks: readonly Uint8Array[]): string {
  return quote(
    Buffer.concat(chunks)
      .subarray(0, 4 * MAX_QUOTED)
      .toString("utf8"),
  );
}
