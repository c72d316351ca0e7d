import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chooseOperation } from "./generate.ts";
import { describe as say } from "./model/describe.ts";
import type { Operation } from "./model/operation.ts";
import { outcomesOf } from "./model/outcome.ts";
import { newWorld } from "./model/world.ts";
import { Random } from "./random.ts";
import { readSequence, writeSequence } from "./sequence.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "sequence-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a sequence comes back as it was written, whatever is in it", () => {
  const random = new Random(3);
  const operations: Operation[] = [];
  for (let world = newWorld(); operations.length < 200;) {
    const operation = chooseOperation(world, random, { executable: true });
    operations.push(operation);
    world = outcomesOf(world, operation)[0]?.world ?? world;
  }
  const file = writeSequence(path.join(directory, "made"), "7", operations, { seed: 7, defect: ["a line"] });
  expect(readSequence(file)).toEqual(operations);
  // Each has words of its own kind for a person.
  for (const operation of operations) expect(say(operation)).toMatch(/^[A-Za-z][^\n]{3,}$/);
});

test("what is no sequence is said by its name", () => {
  const file = path.join(directory, "other.json");
  writeFileSync(file, "{}");
  expect(() => readSequence(file)).toThrow(`${file} is no sequence of operations`);
});
