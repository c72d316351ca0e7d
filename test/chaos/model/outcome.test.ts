import { describe, expect, test } from "vitest";
import { recordNames } from "./files.ts";
import type { Add, Call, Operation } from "./operation.ts";
import { bury } from "./changes.ts";
import type { Outcome } from "./expectation.ts";
import { outcomesOf } from "./outcome.ts";
import { type Sandbox, VLAN_IDS } from "./pool.ts";
import { type World, attachmentOf, newWorld } from "./world.ts";

/** Two branches that EC2 gives the same VLAN id, one after the other. */
const [ENI, NEXT] = [3, 3 + VLAN_IDS];

function sandbox(id: number, more: Partial<Sandbox> = {}): Sandbox {
  return { id, pod: id, incarnation: 0, families: [4], netns: `sb-${id}`, ...more };
}

function add(
  id: number,
  eni: number | undefined = ENI,
  more: Partial<Add> & { spec?: Partial<Sandbox> } = {},
): Add {
  const { spec, ...rest } = more;
  return {
    op: "add",
    sandbox: sandbox(id, spec),
    ...(eni !== undefined && { eni }),
    mode: "direct",
    network: "chaos",
    ...rest,
  };
}

/** The world after operations that have one outcome each. */
function after(...operations: readonly Operation[]): World {
  return operations.reduce((world, operation) => only(outcomesOf(world, operation)).world, newWorld());
}

function only(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (outcome === undefined || outcomes.length > 1) throw new Error(`${outcomes.length} outcomes`);
  return outcome;
}

function answerOf(world: World, call: Call): number | undefined {
  return only(outcomesOf(world, call)).answers[0]?.code;
}

const holders = (world: World) => world.attachments.map((attachment) => attachment.sandbox);

describe("ADD", () => {
  test("attaches the branch, and answers its addresses", () => {
    const { world, answers } = only(outcomesOf(newWorld(), add(1)));
    expect(answers).toEqual([{ code: 0, addresses: ["10.0.1.4", "2001:db8:1::103"] }]);
    expect(recordNames(world)).toEqual(["4:container-1:eth0.json"]);
  });

  test("without an annotation the primary's result goes out", () => {
    const { world, answers } = only(
      outcomesOf(newWorld(), { op: "add", sandbox: sandbox(1), mode: "direct", network: "chaos" }),
    );
    expect(answers).toEqual([{ code: 0, addresses: ["10.1.0.1"] }]);
    expect(world.attachments).toEqual([]);
  });

  test.each<{ what: string; before: Operation[]; call: Add; code: number }>([
    { what: "a broken annotation", before: [add(1)], call: add(2, ENI, { broken: true }), code: 101 },
    { what: "the branch of another pod that lives", before: [add(1)], call: add(2), code: 102 },
    {
      what: "another branch by the VLAN id of a pod that lives",
      before: [add(1)],
      call: add(2, NEXT),
      code: 102,
    },
    {
      what: "the branch of the last pod of its name, which lives",
      before: [add(1)],
      call: add(2, ENI, { spec: { pod: 1, incarnation: 1 } }),
      code: 102,
    },
    {
      what: "a namespace that is gone",
      before: [add(1), add(2, 5), { op: "destroy", sandbox: 2 }],
      call: add(2, 5),
      code: 104,
    },
    {
      what: "a pod's interface that is gone",
      before: [add(1), add(2, 5, { broken: true, spec: { pod: 1 } }), { op: "unplug", sandbox: 2 }],
      call: add(2, NEXT, { spec: { pod: 1 } }),
      code: 104,
    },
  ])("$what: an error, and nothing changes", ({ before, call, code }) => {
    const world = after(...before);
    expect(answerOf(world, call)).toBe(code);
    expect(only(outcomesOf(world, call)).world.attachments).toEqual(world.attachments);
  });

  test.each<{ what: string; before: Operation[]; call: Add }>([
    {
      what: "another branch of the VLAN id, when the namespace is gone",
      before: [add(1), { op: "destroy", sandbox: 1 }],
      call: add(2, NEXT),
    },
    {
      what: "another branch of the VLAN id, for the same pod",
      before: [add(1)],
      call: add(2, NEXT, { spec: { pod: 1 } }),
    },
    { what: "the same pod's next sandbox", before: [add(1)], call: add(2, ENI, { spec: { pod: 1 } }) },
    {
      what: "another pod, when the namespace is gone",
      before: [add(1), { op: "destroy", sandbox: 1 }],
      call: add(2),
    },
    {
      what: "another pod, when nothing of the first is in its namespace any more",
      before: [add(1, ENI, { mode: "standard" }), { op: "unplug", sandbox: 1 }],
      call: add(2),
    },
  ])("takes over: $what", ({ before, call }) => {
    const { world, answers, touched } = only(outcomesOf(after(...before), call));
    expect(answers[0]?.code).toBe(0);
    expect(holders(world)).toEqual([2]);
    expect(touched).toEqual([2, 1]);
  });

  test("a direct pod without its veth lives: its branch is in it", () => {
    expect(answerOf(after(add(1), { op: "unplug", sandbox: 1 }), add(2))).toBe(102);
  });

  test("again in the same sandbox: once attached", () => {
    const world = after(add(1), { op: "trunk", up: false }, add(1, ENI, { mode: "strict" }));
    expect(world.attachments).toEqual([
      { sandbox: 1, eni: ENI, mode: "strict", network: "chaos", loose: false, flushed: false },
    ]);
    expect(world.trunkUp).toBe(true);
  });
});

describe("CHECK", () => {
  const check: Call = { op: "check", sandbox: 1 };

  test.each<{ what: string; before: Operation[]; code: number }>([
    { what: "attached", before: [add(1)], code: 0 },
    {
      what: "no branch",
      before: [{ op: "add", sandbox: sandbox(1), mode: "direct", network: "chaos" }],
      code: 0,
    },
    { what: "detached", before: [add(1), { op: "del", sandbox: 1 }], code: 3 },
    { what: "refused", before: [add(2), add(1)], code: 3 },
    { what: "its namespace is gone", before: [add(1), { op: "destroy", sandbox: 1 }], code: 104 },
    {
      what: "its path leads to another",
      before: [add(1), { op: "replace", sandbox: 1, by: sandbox(2, { netns: "sb-1" }) }],
      code: 104,
    },
    { what: "its veth is gone", before: [add(1), { op: "unplug", sandbox: 1 }], code: 103 },
    {
      what: "its veth is gone, and so is all that was attached",
      before: [add(1, ENI, { mode: "strict" }), { op: "unplug", sandbox: 1 }],
      code: 104,
    },
    {
      what: "the trunk was down meanwhile",
      before: [add(1), { op: "trunk", up: false }, { op: "trunk", up: true }],
      code: 103,
    },
    { what: "attached again since", before: [add(1), { op: "trunk", up: false }, add(1)], code: 0 },
  ])("$what: $code", ({ before, code }) => {
    expect(answerOf(after(...before), check)).toBe(code);
  });
});

describe("DEL", () => {
  test("detaches, and the second succeeds as well", () => {
    const world = after(add(1), { op: "del", sandbox: 1 });
    expect(world.attachments).toEqual([]);
    expect(answerOf(world, { op: "del", sandbox: 1 })).toBe(0);
  });

  test("a late one of the old sandbox leaves the new one alone", () => {
    const world = after(add(1), add(2, NEXT, { spec: { pod: 1 } }), {
      op: "del",
      sandbox: 1,
      forgotten: "all",
    });
    expect(holders(world)).toEqual([2]);
  });

  test("the end of a sandbox takes its namespace, and its number is remembered for late calls", () => {
    const world = bury(after(add(1), { op: "del", sandbox: 1 }), 1);
    expect(world.sandboxes[1]).toMatchObject({ namespace: false, veth: false, buried: true });
    expect(answerOf(world, { op: "del", sandbox: 1 })).toBe(0);
  });
});

describe("GC", () => {
  const world = after(add(1, 1), add(2, 2), add(3, 3, { network: "second" }));

  test.each<{ what: string; gc: Extract<Call, { op: "gc" }>; left: number[] }>([
    { what: "all listed", gc: { op: "gc", network: "chaos", valid: [1, 2] }, left: [1, 2, 3] },
    { what: "some listed", gc: { op: "gc", network: "chaos", valid: [2] }, left: [2, 3] },
    { what: "none listed", gc: { op: "gc", network: "chaos", valid: [] }, left: [3] },
    { what: "the list is null", gc: { op: "gc", network: "chaos", valid: null }, left: [1, 2, 3] },
    { what: "no list", gc: { op: "gc", network: "chaos", valid: "absent" }, left: [1, 2, 3] },
    { what: "another network's name", gc: { op: "gc", network: "elsewhere", valid: [] }, left: [1, 2, 3] },
  ])("$what", ({ gc, left }) => {
    expect(holders(only(outcomesOf(world, gc)).world)).toEqual(left);
  });
});

describe("a call that was killed", () => {
  const states = (outcomes: readonly Outcome[]) =>
    outcomes.map(({ world }) =>
      world.attachments.map(({ sandbox: id, loose }) => `${id}${loose ? " loosely" : ""}`).join(", "),
    );

  test("ADD: nothing yet, or some of it with its record", () => {
    expect(states(outcomesOf(newWorld(), add(1), true))).toEqual(["", "1 loosely"]);
  });

  test("ADD that takes over: the old one in part, neither, or the new one in part; never both", () => {
    const next = add(2, NEXT, { spec: { pod: 1 } });
    expect(states(outcomesOf(after(add(1)), next, true))).toEqual(["1 loosely", "", "2 loosely"]);
  });

  test("ADD that would have been refused: nothing", () => {
    expect(states(outcomesOf(after(add(1)), add(2), true))).toEqual(["1"]);
    expect(states(outcomesOf(after(add(1)), add(2, NEXT), true))).toEqual(["1"]);
    expect(states(outcomesOf(after(add(1)), add(2, NEXT, { broken: true }), true))).toEqual(["1"]);
  });

  test("ADD with the trunk down: it may be up by now", () => {
    const outcomes = outcomesOf(after({ op: "trunk", up: false }), add(1), true);
    expect(outcomes.map(({ world }) => world.trunkUp)).toEqual([false, false, true]);
  });

  test("DEL: in part with its record, or gone", () => {
    expect(states(outcomesOf(after(add(1)), { op: "del", sandbox: 1 }, true))).toEqual(["1 loosely", ""]);
    expect(states(outcomesOf(after(add(1)), { op: "del", sandbox: 2 }, true))).toEqual(["1"]);
  });

  test("GC: any of them gone with its record, and any of the others in part", () => {
    const world = after(add(1, 1), add(2, 2), add(3, 3));
    expect(states(outcomesOf(world, { op: "gc", network: "chaos", valid: [3] }, true))).toEqual([
      "1 loosely, 2 loosely, 3",
      "2 loosely, 3",
      "1 loosely, 3",
      "3",
    ]);
    expect(states(outcomesOf(world, { op: "gc", network: "chaos", valid: null }, true))).toEqual(["1, 2, 3"]);
  });

  test("what it left goes with the next DEL, GC or ADD, whole", () => {
    const [loose] = outcomesOf(after(add(1)), { op: "del", sandbox: 1 }, true);
    if (loose === undefined) throw new Error("no outcome");
    for (const call of [
      { op: "del", sandbox: 1 },
      { op: "gc", network: "chaos", valid: [] },
    ] as const) {
      expect(only(outcomesOf(loose.world, call)).world.attachments).toEqual([]);
    }
    const { world } = only(outcomesOf(loose.world, add(1)));
    expect(attachmentOf(world, 1)?.loose).toBe(false);
    expect(outcomesOf(loose.world, { op: "check", sandbox: 1 })[0]?.answers).toEqual([undefined]);
  });

  test("whether it still has its branch cannot be known without its veth: both answers will do", () => {
    const [, loose] = outcomesOf(newWorld(), add(1), true);
    if (loose === undefined) throw new Error("no outcome");
    const { world } = only(outcomesOf(loose.world, { op: "unplug", sandbox: 1 }));
    expect(outcomesOf(world, add(2)).map(({ answers }) => answers[0]?.code)).toEqual([102, 0]);
  });
});

describe("strict mode, for the whole node", () => {
  const strict = (id: number, eni: number, earlyDemux?: true) =>
    add(id, eni, { mode: "strict", ...(earlyDemux && { earlyDemux }) });
  const home = { localRule: { 4: "home", 6: "home" }, earlyDemux: "on", file: "absent" };
  const moved = { localRule: { 4: "moved", 6: "moved" }, earlyDemux: "on", file: "present" };

  test("the first one moves the rule, the last one puts it back", () => {
    expect(after(strict(1, 1)).shared).toEqual(moved);
    expect(after(strict(1, 1), strict(2, 2), { op: "del", sandbox: 1 }).shared).toEqual(moved);
    expect(after(strict(1, 1), strict(2, 2), { op: "gc", network: "chaos", valid: [] }).shared).toEqual(home);
    expect(after(add(1, 1), add(2, 2, { mode: "standard" })).shared).toEqual(home);
  });

  test("early demux goes off with the first that asks, and on with the last of all", () => {
    const off = { ...moved, earlyDemux: "off" };
    expect(after(strict(1, 1), strict(2, 2, true)).shared).toEqual(off);
    expect(after(strict(1, 1), strict(2, 2, true), { op: "del", sandbox: 2 }).shared).toEqual(off);
    expect(after(strict(1, 1, true), add(1, 1)).shared).toEqual(home);
  });

  test("another maker's strict pod keeps it moved", () => {
    const neighbour: Operation = { op: "neighbour", strict: true };
    const kept = after(strict(1, 1), neighbour, { op: "del", sandbox: 1 });
    expect(kept.shared).toEqual(moved);
    const { world: alone } = only(outcomesOf(kept, { op: "neighbour", strict: false }));
    expect(alone.shared).toEqual(moved);
    // Whoever comes next sees that nobody needs it any more.
    const looks: Call[] = [
      { op: "del", sandbox: 1 },
      { op: "gc", network: "chaos", valid: [] },
      add(2, 2),
      add(2, 2, { mode: "standard" }),
    ];
    for (const look of looks) expect(only(outcomesOf(alone, look)).world.shared).toEqual(home);
    const unknown = { op: "gc", network: "chaos", valid: null } as const;
    expect(only(outcomesOf(alone, unknown)).world.shared).toEqual(moved);
    expect(after(neighbour).shared).toEqual(home);
  });

  test("a call killed in between leaves it anywhere, the next whole one does not", () => {
    const [, begun] = outcomesOf(newWorld(), strict(1, 1, true), true);
    if (begun === undefined) throw new Error("no outcome");
    expect(begun.world.shared).toEqual({
      localRule: { 4: "between", 6: "between" },
      earlyDemux: "either",
      file: "maybe",
    });
    expect(only(outcomesOf(begun.world, strict(2, 2))).world.shared).toMatchObject({
      localRule: { 4: "moved" },
    });
    expect(only(outcomesOf(begun.world, { op: "del", sandbox: 1 })).world.shared).toEqual(home);
    const [leaving] = outcomesOf(after(strict(1, 1)), { op: "del", sandbox: 1 }, true);
    expect(leaving?.world.shared).toEqual({
      localRule: { 4: "between", 6: "between" },
      earlyDemux: "on",
      file: "maybe",
    });
  });

  test("with another strict pod there, a killed one changes nothing of it", () => {
    const world = after(strict(1, 1));
    expect(outcomesOf(world, strict(2, 2), true).map((outcome) => outcome.world.shared)).toEqual([
      moved,
      moved,
    ]);
    const both = after(strict(1, 1), strict(2, 2));
    const del: Call = { op: "del", sandbox: 2 };
    expect(outcomesOf(both, del, true).map((outcome) => outcome.world.shared)).toEqual([moved, moved]);
  });

  test("whether a killed one whose pod is gone still needs it, nobody knows", () => {
    const [, begun] = outcomesOf(after(strict(2, 2, true)), strict(1, 1), true);
    const del: Call = { op: "del", sandbox: 2 };
    expect(only(outcomesOf(begun?.world ?? after(), del)).world.shared).toMatchObject({
      localRule: { 4: "moved" },
    });
    const gone = only(outcomesOf(begun?.world ?? after(), { op: "destroy", sandbox: 1 })).world;
    const uncertain = only(outcomesOf(gone, del)).world;
    expect(uncertain.shared).toEqual({
      localRule: { 4: "between", 6: "between" },
      earlyDemux: "either",
      file: "maybe",
    });
    expect(only(outcomesOf(uncertain, { op: "del", sandbox: 1 })).world.shared).toEqual(home);
  });
});

describe("two calls at the same time", () => {
  const pair = (world: World, ...calls: [Call, Call]) => outcomesOf(world, { op: "pair", calls });

  test("of different VLAN ids: one outcome, twice", () => {
    const outcomes = pair(newWorld(), add(1, 1), add(2, 2));
    expect(outcomes.map(({ world }) => holders(world))).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  test.each([
    { what: "one branch", second: ENI },
    { what: "two branches of one VLAN id", second: NEXT },
  ])("$what for two pods: the second is refused, and the answers say which", ({ second }) => {
    const outcomes = pair(newWorld(), add(1), add(2, second));
    expect(
      outcomes.map(({ world, answers }) => [holders(world), answers.map((answer) => answer?.code)]),
    ).toEqual([
      [[1], [0, 102]],
      [[2], [102, 0]],
    ]);
  });

  test("DEL of the old sandbox and ADD of the new one: the new one has it", () => {
    const outcomes = pair(after(add(1)), { op: "del", sandbox: 1 }, add(2, ENI, { spec: { pod: 1 } }));
    expect(outcomes.map(({ world }) => holders(world))).toEqual([[2], [2]]);
  });
});
