import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

/** Keeps the newest of many objects, and prints the most MiB that the space for new ones took. */
const churn = (first: string) => `
  ${first}
  const { getHeapSpaceStatistics } = await import("node:v8");
  const kept = [];
  let most = 0;
  for (let i = 0; i < 1_000_000; i++) {
    kept[i % 20_000] = { name: "object-" + i, labels: { app: "a" + i } };
    if (i % 10_000 > 0) continue;
    const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
    most = Math.max(most, space.space_size);
  }
  console.log(most / 2 ** 20);
`;

const mostMiB = (first: string) =>
  Number(execFileSync(process.execPath, ["--input-type=module", "-e", churn(first)], { encoding: "utf8" }));

it("the space for new objects stays small, however many come and go", () => {
  const module = JSON.stringify(`${import.meta.dirname}/heap.ts`);
  expect(mostMiB("")).toBeGreaterThan(16);
  expect(mostMiB(`(await import(${module})).keepHeapSmall();`)).toBeLessThan(8);
});
