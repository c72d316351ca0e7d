import { appendFileSync, mkdirSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { LogLevel } from "./config.ts";

/** Log lines as JSON, one a call and one a warning. Nothing about a log ever fails a call, and stdout is not its place. */

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };
const STDERR = 2;

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

export function openLog(file: string, least: LogLevel, now: () => number = Date.now): Log {
  return {
    write(level, message, fields = {}) {
      if (RANK[level] < RANK[least]) return;
      const line = `${JSON.stringify({ time: timestamp(now()), level, message, ...fields })}\n`;
      if (file === "stderr" || !append(file, line)) quietly(() => writeSync(STDERR, line));
    },
  };
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
  const write = () => appendFileSync(file, line, { mode: 0o640 });
  return (
    quietly(write) ||
    (quietly(() => mkdirSync(dirname(file), { recursive: true, mode: 0o755 })) && quietly(write))
  );
}

function quietly(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
