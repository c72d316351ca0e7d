import { expect, test } from "vitest";
import type { Operation } from "./model/operation.ts";
import { type Sandbox, VLAN_IDS } from "./model/pool.ts";
import { relatedToLast } from "./related.ts";

const sandbox = (id: number): Sandbox => ({ id, pod: id, incarnation: 0, families: [4], netns: `sb-${id}` });
const add = (id: number, eni: number): Operation => ({
  op: "add",
  sandbox: sandbox(id),
  eni,
  mode: "direct",
  network: "chaos",
});

test("what shares a sandbox or a VLAN id with the last one, in its order", () => {
  const sequence: Operation[] = [
    add(1, 0),
    add(2, 1),
    { op: "trunk", up: false },
    // The same VLAN id as the first.
    add(3, VLAN_IDS),
    { op: "del", sandbox: 2 },
    { op: "check", sandbox: 3 },
  ];
  expect(relatedToLast(sequence, 1)).toEqual([sequence[0], sequence[3], sequence[5]]);
});

test("over two steps, what shares one with those", () => {
  const sequence: Operation[] = [
    add(1, 0),
    add(2, 1),
    add(1, VLAN_IDS),
    add(3, 0),
    { op: "destroy", sandbox: 3 },
  ];
  expect(relatedToLast(sequence, 1)).toEqual([sequence[0], sequence[2], sequence[3], sequence[4]]);
  expect(relatedToLast([...sequence, { op: "check", sandbox: 2 }], 2)).toEqual([
    sequence[1],
    { op: "check", sandbox: 2 },
  ]);
});

test("an operation about nothing is related to itself", () => {
  expect(relatedToLast([add(1, 0), { op: "status" }], 2)).toEqual([{ op: "status" }]);
  expect(relatedToLast([], 1)).toEqual([]);
});
