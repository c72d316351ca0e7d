// The routed datapath on the fault list of the direct one: each change of ADD and DEL refused, unanswered or impossible
// once, and a process that ends before any of them. What strict mode changes for the node is among what must come back.
import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { mustExec } from "../ground/index.ts";
import { aftermaths, plainNode, type Scene } from "./faults/aftermath.ts";
import { readOnlySysctls } from "./faults/read-only-sysctls.ts";
import { Gate, type Mishap } from "./faults/gate.ts";
import { gatedNode } from "./faults/gated-node.ts";
import { call, mustCall, type Answer, type Sandbox, type Verb } from "./faults/plugin.ts";
import { Before, Setting, recordsIn } from "./faults/setting.ts";
import { routed } from "./support/routed.ts";

vi.mock("../../src/sys/sysctl.ts", async (importOriginal) => {
  const real = await importOriginal<typeof import("../../src/sys/sysctl.ts")>();
  const { sysctlGate } = await import("./faults/gate.ts");
  return {
    ...real,
    writeSysctl: (key: string, value: string) =>
      sysctlGate().writeSysctl(key, () => real.writeSysctl(key, value)),
  };
});

let setting: Setting;
let pods: Sandbox[];
let state: string;

beforeAll(async () => {
  setting = await Setting.open();
  pods = [await setting.sandbox("pod", 50), await setting.sandbox("pod-again", 51)];
  state = path.join(setting.scratch, "state");
  // Each ADD would wait a second for duplicate address detection.
  for (const { netns } of pods)
    await mustExec(netns, ["sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad"]);
});

afterAll(() => setting.close());

describe.each(["strict", "standard"] as const)("%s", (mode) => {
  let pod: Sandbox;
  let next: Sandbox;
  let before: Before;

  beforeAll(async () => {
    // In strict mode with all that it may change for the node.
    const settings = routed(mode, mode === "strict" ? { manageEarlyDemux: true } : {});
    const [first, second] = pods;
    if (first === undefined || second === undefined) throw new Error("no pods");
    [pod, next] = [
      { ...first, settings },
      { ...second, settings },
    ];
    await attempt("DEL");
    before = new Before(pods);
  });

  beforeEach(async () => {
    // What a test that failed left is not the next one's.
    await attempt("DEL");
    await call(plainNode(state), "DEL", next);
  });

  async function attempt(verb: Verb, mishap: Mishap = {}): Promise<{ answer: Answer; gate: Gate }> {
    const gate = new Gate(mishap);
    return { answer: await call(gatedNode(state, gate), verb, pod), gate };
  }

  async function succeed(verb: Verb): Promise<Gate> {
    const gate = new Gate();
    await mustCall(gatedNode(state, gate), verb, pod);
    return gate;
  }

  /** Soon: the kernel makes an IPv6 address's local route on a work queue. */
  async function expectAgain(what: string): Promise<void> {
    await before.expectSoon(what, state);
    expect({ what, shared: existsSync(path.join(state, "strict.json")) }).toEqual({ what, shared: false });
  }

  test("ADD and DEL, nothing going wrong", async () => {
    const adding = await succeed("ADD");
    expect(before.differences()).not.toEqual([]);
    const removing = await succeed("DEL");
    await expectAgain("ADD and DEL");
    // A count of what follows: when it shrinks, the gate has lost sight of something.
    expect(adding.messages.length).toBeGreaterThan(25);
    expect(adding.sysctls.length).toBeGreaterThan(4);
    expect(removing.messages.length).toBeGreaterThan(25);
  });

  test("ADD, each message refused by the kernel: code 103, nothing left, and the next ADD succeeds", async () => {
    const { messages } = await succeed("ADD");
    await succeed("DEL");
    for (const [i, { type }] of messages.entries()) {
      const what = `message ${i + 1} of ${messages.length}, ${type}`;
      const { answer } = await attempt("ADD", { refuse: i + 1 });
      expect({ what, ...answer }).toMatchObject({
        what,
        status: 1,
        code: 103,
        msg: expect.stringMatching(/(create|set|add|delete) .*: (EINVAL|EOPNOTSUPP)( \(.+\))?$/),
      });
      await expectAgain(what);
      // Nothing is left, so one in a few is enough to show it.
      if (i % 5 !== 0) continue;
      await succeed("ADD");
      await succeed("DEL");
      await expectAgain(`${what}, then ADD and DEL`);
    }
  });

  test("ADD, each answer that does not come: code 103, nothing left", async () => {
    const { datagrams } = await succeed("ADD");
    await succeed("DEL");
    for (let swallow = 1; swallow <= datagrams; swallow += 1) {
      const what = `answer ${swallow} of ${datagrams}`;
      const { answer } = await attempt("ADD", { swallow });
      expect({ what, ...answer }).toMatchObject({
        what,
        status: 1,
        code: 103,
        msg: expect.stringContaining("the kernel did not answer within 0.5 s"),
      });
      await expectAgain(what);
    }
    await succeed("ADD");
    await succeed("DEL");
  });

  test.each(["ADD", "DEL"] as const)("%s, each sysctl on a read-only /proc/sys: code 103", async (verb) => {
    const adding = await succeed("ADD");
    const removing = await succeed("DEL");
    const { sysctls } = verb === "ADD" ? adding : removing;
    for (const [i, key] of sysctls.entries()) {
      if (verb === "DEL") await succeed("ADD");
      const { answer } = await attempt(verb, { sysctl: i + 1, around: readOnlySysctls });
      expect({ key, ...answer }).toMatchObject({
        key,
        status: 1,
        code: 103,
        msg: expect.stringMatching(`${key.replaceAll(".", "\\.")}: EROFS$`),
      });
      // A DEL that failed keeps the record, an ADD that was taken back does not.
      expect({ key, records: recordsIn(state).length }).toEqual({ key, records: verb === "DEL" ? 1 : 0 });
      if (verb === "DEL") await succeed("DEL");
      await expectAgain(key);
    }
  });

  test("DEL, each message refused by the kernel: code 103, the record stays, and the next DEL finishes", async () => {
    await succeed("ADD");
    const { messages } = await succeed("DEL");
    for (const [i, { type }] of messages.entries()) {
      const what = `message ${i + 1} of ${messages.length}, ${type}`;
      await succeed("ADD");
      const { answer } = await attempt("DEL", { refuse: i + 1 });
      expect({ what, status: answer.status, code: answer.code, records: recordsIn(state) }).toEqual({
        what,
        status: 1,
        code: 103,
        records: [`7:${pod.containerId}:eth0.json`],
      });
      await succeed("DEL");
      await expectAgain(what);
    }
  });

  test("DEL, each answer that does not come: code 103, the record stays, and the next DEL finishes", async () => {
    await succeed("ADD");
    const { datagrams } = await succeed("DEL");
    for (let swallow = 1; swallow <= datagrams; swallow += 1) {
      const what = `answer ${swallow} of ${datagrams}`;
      await succeed("ADD");
      const { answer } = await attempt("DEL", { swallow });
      expect({ what, code: answer.code, records: recordsIn(state).length }).toEqual({
        what,
        code: 103,
        records: 1,
      });
      await succeed("DEL");
      await expectAgain(what);
    }
  });

  describe("a process that ends before any of its changes", () => {
    const sceneOf = (): Scene => ({ setting, stateDirectory: state, first: pod, next, before });

    async function die(verb: Verb, sandbox: Sandbox, at: number): Promise<number> {
      const gate = new Gate({ die: at });
      await call(gatedNode(state, gate), verb, sandbox);
      // What follows is another process, which nobody kills.
      gatedNode(state, new Gate());
      return gate.changes;
    }

    // Each change once, the ways to go on taking turns; over the two modes and verbs each meets many of them.
    test.each(["ADD", "DEL"] as const)(
      "%s, then DEL, the next ADD, or the namespace deleted",
      async (verb) => {
        const scene = sceneOf();
        const node = plainNode(state);
        if (verb === "DEL") await mustCall(node, "ADD", pod);
        const all = await die(verb, pod, Infinity);
        await mustCall(node, "DEL", pod);
        expect(all).toBeGreaterThan(verb === "ADD" ? 8 : 4);
        for (let at = 1; at <= all + 1; at += 1) {
          const after = aftermaths[at % aftermaths.length];
          if (after === undefined) throw new Error("no aftermath");
          const sandbox = { ...(await after.prepare(scene)), settings: pod.settings ?? {} };
          if (verb === "DEL") await mustCall(node, "ADD", sandbox);
          await die(verb, sandbox, at);
          const what = `${verb} dead before change ${at} of ${all}, then ${after.name}`;
          await after.proceed(scene, sandbox, what);
          await expectAgain(what);
        }
      },
    );
  });
});
