import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { errorCode } from "../sys/errno.ts";
import { createOwn } from "../sys/files.ts";
import type { LogLevel } from "./config.ts";

/** Log lines as JSON, one a call and one a warning. Nothing about a log ever fails a call, and stdout is not its place. */

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const STDOUT = 1;
const STDERR = 2;

/** Characters of one field: the environment and a configuration may hold any number. */
const LONGEST_FIELD = 16 * 1024;

const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

export function openLog(file: string, least: LogLevel, now: () => number = Date.now): Log {
  return {
    write(level, message, fields = {}) {
      if (RANK[level] < RANK[least]) return;
      const line = `${JSON.stringify({ time: timestamp(now()), level, message, ...fields }, shortened)}\n`;
      if (file === "stderr" || !append(file, line)) quietly(() => writeSync(STDERR, line));
    },
  };
}

function shortened(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.length > LONGEST_FIELD
    ? `${value.slice(0, LONGEST_FIELD)}…`
    : value;
}

/**
 * Milliseconds since 1970 as Date's toISOString has them (years 1970 to 9999). The first use of Date reads the machine's
 * time zone, which takes a millisecond and is of no use here.
 */
export function timestamp(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY);
  const rest = milliseconds - days * DAY;
  // Years that begin on the first of March, so that the odd day comes last: 400 of them have 146097 days, a leap year
  // comes each 1461 and is left out each 36524 days; five months from there have 153 days.
  const since = days + 719_468;
  const era = Math.floor(since / 146_097);
  const day = since - era * 146_097;
  const year = Math.floor(
    (day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365,
  );
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const date = [
    padded(era * 400 + year + (month < 10 ? 0 : 1), 4),
    padded(month < 10 ? month + 3 : month - 9, 2),
    padded(dayOfYear - Math.floor((153 * month + 2) / 5) + 1, 2),
  ];
  const time = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1_000) % 60];
  return `${date.join("-")}T${time.map((part) => padded(part, 2)).join(":")}.${padded(rest % 1_000, 3)}Z`;
}

const DAY = 86_400_000;

function padded(value: number, length: number): string {
  return String(value).padStart(length, "0");
}

/** One write of a whole line in append mode: lines of processes that run at the same time do not mix. */
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

/** Opens the file, and makes it and its directory if need be, with their modes whatever the umask. */
function open(file: string): number {
  // A FIFO that nobody reads would keep us waiting.
  const flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
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

/** Whether a path such as /dev/stdout led there, where one JSON document is to be and nothing else. */
function isStdout(fd: number): boolean {
  try {
    const [log, stdout] = [fstatSync(fd), fstatSync(STDOUT)];
    return log.dev === stdout.dev && log.ino === stdout.ino;
  } catch {
    // It is closed.
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
