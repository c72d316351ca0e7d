import { describe, expect, it } from "vitest";
import { callsOf } from "./calls.ts";
import { Counts, cutsOf, nameOf } from "./operation.ts";

const places = { bin: "/tmp/x/bin", "net.d": "/tmp/x/net.d", state: "/run/branchline" };

describe("nameOf", () => {
  it.each<[string, readonly string[], string | undefined]>([
    ["create", ["/tmp/x/net.d/.05-a.conflist.0123456789ab.tmp"], "create net.d/.05-a.conflist.*.tmp"],
    [
      "rename",
      ["/tmp/x/bin/.branchline.0123456789ab.tmp", "/tmp/x/bin/branchline"],
      "rename bin/.branchline.*.tmp → bin/branchline",
    ],
    ["bind", ["/run/branchline/agent.sock.4711"], "bind state/agent.sock.*"],
    ["write", ["/run/branchline/trunk.json.4711.tmp"], "write state/trunk.json.*.tmp"],
    ["sync", ["/tmp/x/net.d"], "sync net.d"],
    ["write", [""], undefined],
    ["write", ["/tmp/x/bind"], undefined],
    ["rename", ["/elsewhere", "/tmp/x/bin/a"], "rename /elsewhere → bin/a"],
  ])("%s %j", (verb, paths, name) => expect(nameOf(verb, paths, places)).toBe(name));
});

it("counts by name", () => {
  const counts = new Counts();
  expect(["a", "b", "a"].map((name) => counts.next(name))).toEqual([1, 1, 2]);
});

it("each operation is cut before and after, and like ones in a row only between each other", () => {
  const cuts = cutsOf([
    { name: "create a", nth: 1 },
    { name: "write a", nth: 1 },
    { name: "write a", nth: 2 },
    { name: "rename a", nth: 1 },
  ]);
  expect(cuts.map((run) => run.map(({ side, name, nth }) => `${side} ${name} ${nth}`))).toEqual([
    ["before create a 1"],
    ["after create a 1"],
    ["before write a 1", "before write a 2"],
    ["after write a 2"],
    ["before rename a 1"],
    ["after rename a 1"],
  ]);
});

it("knows the calls of both architectures by number", () => {
  expect(callsOf("x64").get(82)?.verb).toBe("rename");
  expect(callsOf("arm64").get(82)?.verb).toBe("sync");
  expect(callsOf("arm64").get(276)?.verb).toBe("rename");
});
