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

export function openLog(file: string, least: LogLevel, now: () => Date = () => new Date()): Log {
  return {
    write(level, message, fields = {}) {
      if (RANK[level] < RANK[least]) return;
      const line = `${JSON.stringify({ time: now().toISOString(), level, message, ...fields })}\n`;
      if (file === "stderr" || !append(file, line)) quietly(() => writeSync(STDERR, line));
    },
  };
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
