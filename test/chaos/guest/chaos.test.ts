// A random sequence of calls, kills and accidents: after each the kernel is held against the model.
import { release } from "node:os";
import { expect, test } from "vitest";
import { runChaos } from "./run.ts";

/** The same for every run on a kernel, and another one for each: 601 on 6.1, 612 on 6.12. */
function seedOfKernel(): number {
  const [major, minor] = release().split(".").map(Number);
  return 100 * (major ?? 0) + (minor ?? 0);
}

const rounds = process.env["CHAOS_ROUNDS"] ?? "500";

test(`${rounds} rounds`, async () => {
  const { status, output } = await runChaos(
    "--seed",
    String(seedOfKernel()),
    "--rounds",
    rounds,
    "--out",
    "/run/out",
  );
  expect({ status, output }).toEqual({ status: 0, output: expect.stringMatching(/all as it should be\n$/) });
});
