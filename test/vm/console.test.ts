import { expect, test } from "vitest";
import { Console } from "./console.ts";

/** Feeds a console in pieces of one byte: no cut may matter. */
function consoleOf(text: string): { console: Console; seen: string[] } {
  const seen: string[] = [];
  const console = new Console((line) => seen.push(line));
  for (const byte of Buffer.from(text)) console.write(Buffer.of(byte));
  console.end();
  return { console, seen };
}

test("lines come whole, without the serial line's carriage returns", () => {
  const { console, seen } = consoleOf("one ✓\r\n\r\ntwo\nrest");
  expect(seen).toEqual(["one ✓", "", "two", "rest"]);
  expect(console.lines(2)).toEqual(["two", "rest"]);
  expect(console.panic).toBeUndefined();
});

test("the kernel's panic is noticed, also after a line left open", () => {
  const text = "loading[    3.041882] Kernel panic - not syncing: Attempted to kill init!\r\n";
  expect(consoleOf(text).console.panic).toBe("Attempted to kill init!");
});

test("a program's words about a panic are not the kernel's", () => {
  expect(consoleOf("Kernel panic - not syncing: says the test\n").console.panic).toBeUndefined();
});

test("the kernel's good-bye is no output", () => {
  expect(consoleOf("last\n[    7.319477] reboot: Power down\r\n").seen).toEqual(["last"]);
});

test("a flood is kept in bounds, its end rather than its beginning", () => {
  const { console } = consoleOf("x".repeat(40_000));
  expect(Math.max(...console.lines().map((line) => line.length))).toBeLessThan(20_000);
  for (let line = 0; line < 100_000; line++) console.write(Buffer.from(`${line}\n`));
  expect(console.lines().length).toBeLessThanOrEqual(20_000);
  expect(console.lines(1)).toEqual(["99999"]);
});
