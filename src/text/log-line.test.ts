import { expect, it } from "vitest";
import { LOG_LEVELS, isLogged, logLine } from "./log-line.ts";

it("has the levels from a level upwards", () => {
  const logged = LOG_LEVELS.map((least) => LOG_LEVELS.filter((level) => isLogged(level, least)));
  expect(logged).toEqual([
    ["debug", "info", "warn", "error"],
    ["info", "warn", "error"],
    ["warn", "error"],
    ["error"],
  ]);
});

it("is one line, whatever the text holds", () => {
  const fields = { verb: "ADD", vlan: 7, quick: true, absent: undefined };
  const line = logLine("2026-11-23T15:00:00.000Z", "warn", "two\nlines", fields);
  expect(line).toBe(
    '{"time":"2026-11-23T15:00:00.000Z","level":"warn","message":"two\\nlines","verb":"ADD","vlan":7,"quick":true}\n',
  );
});

it.each([
  [16 * 1024, 16 * 1024],
  [16 * 1024 + 1, 16 * 1024 + 1],
  [100_000, 16 * 1024 + 1],
])("cuts a text of %i characters to %i, with a sign that it is cut", (given, kept) => {
  const { details } = JSON.parse(logLine("", "info", "", { details: "x".repeat(given) })) as {
    details: string;
  };
  expect(details).toHaveLength(kept);
  expect(details.endsWith("…")).toBe(given > 16 * 1024);
});
