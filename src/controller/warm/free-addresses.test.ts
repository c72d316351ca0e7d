import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualTimer } from "../../../test/unit/manual-timer.ts";
import { Ec2CallError } from "../../ec2/error.ts";
import type { Subnet } from "../../ec2/types.ts";
import { FreeAddresses } from "./free-addresses.ts";

const SUBNET = { vpc: "vpc-1", zone: "a", cidr: "10.0.0.0/20", ipv6Cidrs: [], freeAddresses: 40 };

let ending: AbortController;
let timer: ManualTimer;
let asked: (readonly string[])[];
let warnings: number;
let refusal: Ec2CallError | undefined;
let free: FreeAddresses;

beforeEach(() => {
  ending = new AbortController();
  timer = new ManualTimer();
  asked = [];
  warnings = 0;
  refusal = undefined;
  free = new FreeAddresses(
    {
      subnets(filters) {
        const ids = filters["subnet-id"] ?? [];
        asked.push(ids);
        if (refusal !== undefined) return Promise.reject(refusal);
        const there = ids.filter((id) => id !== "subnet-gone");
        return Promise.resolve(there.map((id): Subnet => ({ ...SUBNET, id })));
      },
    },
    timer,
  );
  void free.keep(ending.signal, () => (warnings += 1));
});

afterEach(() => ending.abort());

it("asks for what is wanted, and of all together once a minute; one that is gone has none", async () => {
  expect(free.of("subnet-1")).toBeUndefined();
  await timer.advance(3_000);
  expect([free.of("subnet-1"), asked]).toEqual([40, [["subnet-1"]]]);
  free.of("subnet-gone");
  await timer.advance(2_000);
  expect([free.of("subnet-gone"), asked.length]).toEqual([0, 2]);
  await timer.advance(58_000);
  expect(asked).toHaveLength(2);
  await timer.advance(2_000);
  expect(asked).toHaveLength(3);
});

it("is refused less and less often, down to once a minute", async () => {
  refusal = new Ec2CallError("denied", "DescribeSubnets", "UnauthorizedOperation", "no");
  free.of("subnet-1");
  await timer.advance(600_000);
  expect(asked.length).toBeLessThanOrEqual(16);
  expect(warnings).toBe(asked.length);
  refusal = undefined;
  await timer.advance(60_500);
  expect(free.of("subnet-1")).toBe(40);
});

it("asks of no subnet without an id", async () => {
  free.of("");
  free.of("subnet-1");
  await timer.advance(30_000);
  expect(asked).toEqual([["subnet-1"]]);
});
