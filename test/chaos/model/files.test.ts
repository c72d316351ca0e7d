import { expect, test } from "vitest";
import { fileDefects } from "./files.ts";
import { outcomesOf } from "./outcome.ts";
import { newWorld } from "./world.ts";

const [attached] = outcomesOf(newWorld(), {
  op: "add",
  sandbox: { id: 1, pod: 1, incarnation: 0, families: [4], netns: "sb-1" },
  eni: 3,
  mode: "strict",
  network: "chaos",
});
const world = attached?.world ?? newWorld();
const record = "attachments/4:container-1:eth0.json";

test("a record for each attachment, strict.json while there are strict pods, and locks", () => {
  expect(fileDefects(world, [record, "strict.json", "locks/vlan-4", "locks/node", "warned"])).toEqual([]);
  expect(fileDefects(newWorld(), ["locks/vlan-4"])).toEqual([]);
});

test("what is missing, and what should not be there", () => {
  expect(fileDefects(world, ["attachments/5:container-2:eth0.json"])).toEqual([
    `- file ${record}`,
    "- file strict.json",
    "+ file attachments/5:container-2:eth0.json",
  ]);
});

test("what a killed call had begun to write may be there until the next call about it", () => {
  const unfinished = `${record}.123.tmp`;
  const found = [record, "strict.json", unfinished, "strict.json.123.tmp"];
  expect(fileDefects(world, found)).toEqual([`+ file ${unfinished}`, "+ file strict.json.123.tmp"]);
  expect(fileDefects({ ...world, unfinished: [4], strictUnfinished: true }, found)).toEqual([]);
  expect(fileDefects({ ...world, unfinished: [5] }, [record, "strict.json", unfinished])).toHaveLength(1);
});
