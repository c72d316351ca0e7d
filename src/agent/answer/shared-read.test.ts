import { expect, it } from "vitest";
import { settle } from "../../../test/unit/manual-timer.ts";
import { SharedReads } from "./shared-read.ts";

function controlled() {
  const started: { key: string; end: PromiseWithResolvers<string> }[] = [];
  const reads = new SharedReads((key) => {
    const end = Promise.withResolvers<string>();
    started.push({ key, end });
    return end.promise;
  });
  return { reads, started };
}

it("whoever asks while a read is under way shares the next one", async () => {
  const { reads, started } = controlled();
  const first = reads.get("a");
  const others = Array.from({ length: 100 }, () => reads.get("a"));
  expect(started).toHaveLength(1);
  started[0]?.end.resolve("old");
  expect(await first).toBe("old");
  await settle();
  expect(started).toHaveLength(2);
  started[1]?.end.resolve("new");
  expect(new Set(await Promise.all(others))).toEqual(new Set(["new"]));
});

it("a read that fails fails for those who asked for it, and the next one starts", async () => {
  const { reads, started } = controlled();
  const first = reads.get("a");
  const second = reads.get("a");
  started[0]?.end.reject(new Error("away"));
  await expect(first).rejects.toThrow("away");
  await settle();
  started[1]?.end.resolve("new");
  expect(await second).toBe("new");
});

it("keys are apart, and after a read the next starts at once", async () => {
  const { reads, started } = controlled();
  const both = [reads.get("a"), reads.get("b")];
  expect(started.map(({ key }) => key)).toEqual(["a", "b"]);
  for (const { end } of started) end.resolve("x");
  await Promise.all(both);
  await settle();
  void reads.get("a");
  expect(started).toHaveLength(3);
  started[2]?.end.resolve("y");
});
