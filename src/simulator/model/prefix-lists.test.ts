import { beforeEach, expect, it } from "vitest";
import { textAt } from "./operation.ts";
import type { ParamTree } from "./params.ts";
import { Simulator } from "./simulator.ts";
import type { Answer, World } from "./types.ts";
import { emptyWorld } from "./world.ts";

let world: World;
let id: string;

const call = (action: string, tree: ParamTree): Answer =>
  new Simulator(world).execute(action, { Version: "2016-11-15", ...tree }, 0);
const modify = (tree: ParamTree): Answer =>
  call("ModifyManagedPrefixList", { PrefixListId: id, ...tree })["prefixList"] as Answer;
const entry = (Cidr: string, Description = "") => ({ "1": { Cidr, Description } });
const shown = (): Answer => {
  const [list] = call("DescribeManagedPrefixLists", { PrefixListId: { "1": id } })[
    "prefixListSet"
  ] as Answer[];
  return list ?? {};
};
const entries = (tree: ParamTree = {}) =>
  (call("GetManagedPrefixListEntries", { PrefixListId: id, ...tree })["entrySet"] as Answer[]).map(
    ({ cidr }) => cidr,
  );

beforeEach(() => {
  world = emptyWorld(1);
  world.settings.throttling = false;
  const wanted = { PrefixListName: "a", AddressFamily: "IPv4", MaxEntries: "3", Entry: entry("10.0.0.0/8") };
  id = textAt(call("CreateManagedPrefixList", wanted), "prefixList", "prefixListId");
});

it("has a new version for each change of its entries, and none for a name or a size", () => {
  expect(modify({ PrefixListName: "b" })["version"]).toBe(1);
  expect(modify({ MaxEntries: "4" })["version"]).toBe(1);
  expect(modify({ AddEntry: entry("192.0.2.0/24") })["version"]).toBe(2);
  expect(modify({ RemoveEntry: entry("10.0.0.0/8") })["version"]).toBe(3);
  expect(shown()).toMatchObject({ version: 3, maxEntries: 4, prefixListName: "b", state: "modify-complete" });
  expect([1, 2, 3].map((version) => entries({ TargetVersion: String(version) }))).toEqual([
    ["10.0.0.0/8"],
    ["10.0.0.0/8", "192.0.2.0/24"],
    ["192.0.2.0/24"],
  ]);
});

it("keeps its thousand newest versions", () => {
  for (let i = 0; i < 1000; i += 1)
    modify(i % 2 === 0 ? { RemoveEntry: entry("10.0.0.0/8") } : { AddEntry: entry("10.0.0.0/8") });
  expect(() => entries({ TargetVersion: "1" })).toThrow(
    expect.objectContaining({ code: "InvalidParameterValue" }),
  );
  expect(entries({ TargetVersion: "2" })).toEqual([]);
  expect(entries()).toEqual(["10.0.0.0/8"]);
});

it("has its blocks in one form, however they are written", () => {
  modify({ AddEntry: entry("192.0.2.77/24") });
  expect(entries()).toEqual(["10.0.0.0/8", "192.0.2.0/24"]);
  modify({ RemoveEntry: entry("192.0.2.1/24") });
  expect(entries()).toEqual(["10.0.0.0/8"]);
});

it("cannot outgrow the groups that name it: the request is taken, and the state says what came of it", () => {
  call("CreateVpc", { CidrBlock: "10.0.0.0/16" });
  const [group] = world.groups.values();
  const permission = { "1": { IpProtocol: "-1", PrefixListIds: { "1": { PrefixListId: id } } } };
  call("AuthorizeSecurityGroupIngress", { GroupId: group?.id ?? "", IpPermissions: permission });
  expect(modify({ MaxEntries: "60" })["maxEntries"]).toBe(3);
  expect(shown()).toMatchObject({ state: "modify-failed", maxEntries: 3 });
  expect(shown()["stateMessage"]).toContain(group?.id);
  // The default group lets itself in: one rule.
  expect(modify({ MaxEntries: "59" })["maxEntries"]).toBe(59);
  expect(shown()).toMatchObject({ state: "modify-complete", stateMessage: undefined });
});
