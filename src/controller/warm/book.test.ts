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
const bookOf = (free: number | undefined, quota = 100) =>
  new WarmBook({ share: 0.1, quota, freeAddresses: () => free });

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
