import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

test("a seed of its own unless told, 500 rounds", () => {
  const options = readOptions([]);
  expect(options).toMatchObject({ rounds: 500, executable: true, plant: undefined, replay: undefined });
  expect(options.seed).toBeGreaterThan(0);
  expect(readOptions(["--seed", "7", "--rounds", "20", "--no-executable"])).toMatchObject({
    seed: 7,
    rounds: 20,
    executable: false,
  });
});

test.each(["-1", "1.5", "", "many", "1e3"])("--rounds %j makes no sense", (rounds) => {
  expect(() => readOptions([`--rounds=${rounds}`])).toThrow(
    new TypeError(`--rounds ${JSON.stringify(rounds)} is not a whole number`),
  );
});
