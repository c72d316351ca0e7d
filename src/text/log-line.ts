/** Lines of a log: one JSON object each. */

/** From the least to the most important. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Characters of one field: the environment and a configuration may contain any number. */
const MAX_FIELD = 16 * 1024;

/** Whether a log that has lines from `least` upwards has those of this level. */
export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}

/** One line, with its line break. `time` is ISO 8601; fields that are undefined are left out, long ones cut. */
export function logLine(time: string, level: LogLevel, message: string, fields: LogFields = {}): string {
  return `${JSON.stringify({ time, level, message, ...fields }, shortened)}\n`;
}

function shortened(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.length > MAX_FIELD ? `${value.slice(0, MAX_FIELD)}…` : value;
}
