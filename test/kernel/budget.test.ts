// What one call of the executable asks of the kernel, counted by strace and held against a budget: a call that begins to
// ask for more is noticed here and not by a clock. `make bench` prints the same counts.
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNode } from "../../bench/guest/sandbox.ts";
import { type Syscalls, VLAN, syscalls } from "../../bench/guest/syscalls.ts";
import { settled, snapshot, type Snapshot, type Vpc } from "../ground/index.ts";

/**
 * netlinkSent are round trips, exactly as many as Linux 6.1 and 6.12 took when this was written. `own` has some room: all
 * calls but the reads of netlink's answers, of which an older kernel needs one more for each dump, for its NLMSG_DONE.
 */
const BUDGETS: readonly (Pick<Syscalls, "name" | "netlinkSent" | "setns"> & { readonly own: number })[] = [
  { name: "direct ADD", own: 185, netlinkSent: 18, setns: 8 },
  { name: "direct DEL", own: 142, netlinkSent: 7, setns: 6 },
  { name: "routed ADD", own: 205, netlinkSent: 26, setns: 4 },
  { name: "routed DEL", own: 169, netlinkSent: 16, setns: 4 },
];

let before: Snapshot;
let vpc: Vpc;
let counted: readonly Syscalls[];

beforeAll(async () => {
  before = await snapshot();
  vpc = await createNode([VLAN]);
  counted = syscalls(path.resolve(import.meta.dirname, "../../dist"));
});

afterAll(async () => {
  await vpc.close();
  await settled(undefined, before);
});

// What is counted is the executable itself, not the one for macvlans.
test.each(BUDGETS)("$name", { tags: "vlan" }, ({ name, own, netlinkSent, setns }) => {
  const call = counted.find((one) => one.name === name);
  console.log(JSON.stringify(call));
  if (call === undefined) throw new Error(`${name} was not counted`);
  expect(call.netlinkSent).toBeGreaterThan(5);
  expect(call.netlinkSent).toBeLessThanOrEqual(netlinkSent);
  expect(call.setns).toBeGreaterThan(0);
  expect(call.setns).toBeLessThanOrEqual(setns);
  expect(call.all - call.netlinkReceived).toBeLessThanOrEqual(own);
});
