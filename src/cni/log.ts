import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { timestamp } from "../sys/clock.ts";
import { errorCode } from "../sys/errno.ts";
import { createOwn } from "../sys/files.ts";
import { type LogFields, type LogLevel, isLogged, logLine } from "../text/log-line.ts";

/** The log: one line for each call and each warning. Logging never fails a call and never writes to stdout. */

const STDOUT = 1;
const STDERR = 2;

const { O_APPEND, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

export function openLog(file: string, least: LogLevel, now: () => number = Date.now): Log {
  return {
    write(level, message, fields) {
      if (!isLogged(level, least)) return;
      const line = logLine(timestamp(now()), level, message, fields);
      if (file === "stderr" || !append(file, line)) quietly(() => writeSync(STDERR, line));
    },
  };
}

/** Writes a whole line at once in append mode, so that lines of concurrent processes do not mix. */
function append(file: string, line: string): boolean {
  return quietly(() => {
    const fd = open(file);
    try {
      if (isStdout(fd)) throw new Error("stdout is for the result");
      const bytes = Buffer.from(line);
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    } finally {
      closeSync(fd);
    }
  });
}

/** Opens the file; creates it and its directory if need be, with fixed modes whatever the umask. */
function open(file: string): number {
  // A FIFO that nobody reads would block; a link may lead to a file that is not a log. Directories on the way may be
  // links: on some systems /var/log is one.
  const flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;
  try {
    return openSync(file, flags);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  try {
    return createOwn(file, flags, 0o640);
  } catch (error) {
    // Another process was faster.
    if (errorCode(error) === "EEXIST") return openSync(file, flags);
    throw error;
  }
}

/** Whether a path such as /dev/stdout led to stdout, which must have one JSON document and nothing else. */
function isStdout(fd: number): boolean {
  try {
    const [log, stdout] = [fstatSync(fd), fstatSync(STDOUT)];
    return log.dev === stdout.dev && log.ino === stdout.ino;
  } catch {
    // stdout is closed.
    return false;
  }
}

function quietly(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
