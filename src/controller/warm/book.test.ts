import { expect, it } from "vitest";
import { branchOf, ledgerOf } from "../../../test/unit/view.ts";
import type { Ledger } from "../ledger.ts";
import { WarmBook } from "./book.ts";

const warmOn = (instance: string, count: number, making = 0): Ledger => {
  const ledger = ledgerOf({
    branches: Array.from({ length: count }, (_, i) =>
      branchOf({ id: `eni-${instance}-${i}`, vlan: i + 1, state: "warm" }),
    ),
  });
  const entry = { namespace: "shop", groups: ["sg-a"], attempt: 0, retry: undefined };
  const all = new Map(Array.from({ length: making }, (_, i) => [100 + i, entry] as const));
  return { ...ledger, instance, warm: { ...ledger.warm, making: all } };
};
let now = 0;
const bookOf = (free: number | undefined, quota = 100) =>
  new WarmBook({ share: 0.1, quota, freeAddresses: () => free, now: () => now });

it("has room for a share of the account's quota, all instances together", () => {
  const book = bookOf(10_000);
  expect(book.room("subnet-1")).toBe(10);
  book.note(warmOn("i-1", 3));
  book.note(warmOn("i-2", 4, 2));
  expect(book.room("subnet-1")).toBe(1);
  expect(book.room("subnet-2")).toBe(1);
  book.note(warmOn("i-1", 6));
  expect(book.room("subnet-1")).toBe(-2);
  book.note(warmOn("i-1", 0));
  expect([book.room("subnet-1"), book.count]).toEqual([4, 6]);
});

it("has room for a share of a subnet's addresses, of which warm ones count as free", () => {
  const book = bookOf(40, 5_000);
  expect(book.room("subnet-1")).toBe(4);
  book.note(warmOn("i-1", 3));
  // 10 % of 43.
  expect(book.room("subnet-1")).toBe(1);
});

it("does not know of room while the subnet has not been described", () => {
  expect(bookOf(undefined).room("subnet-1")).toBeUndefined();
});

it("has none to keep for ten minutes once EC2 has refused an interface for the account's quota", () => {
  const book = bookOf(10_000);
  book.note(warmOn("i-1", 3));
  expect(book.quotaUsedUp()).toBe(true);
  expect([...book.withWarm()]).toEqual(["i-1"]);
  expect([book.room("subnet-1"), book.room("subnet-2")]).toEqual([-3, -0]);
  now += 599_999;
  expect(book.room("subnet-1")).toBe(-3);
  // Again, and no news.
  expect(book.quotaUsedUp()).toBe(false);
  now += 599_999;
  expect(book.room("subnet-1")).toBe(-3);
  now += 1;
  expect(book.room("subnet-1")).toBe(7);
  expect(book.quotaUsedUp()).toBe(true);
});

it("has none to keep either where the subnet is not known", () => {
  const book = bookOf(undefined);
  book.quotaUsedUp();
  expect(book.room("subnet-1")).toBe(-0);
});
