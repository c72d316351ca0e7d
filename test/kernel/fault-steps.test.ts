// Each single change that ADD and DEL make is made to fail once, for a reason that the kernel itself has. In process: a
// start of the executable for each would take minutes in the guest.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { mustExec, must, snapshot, diffSnapshots } from "../ground/index.ts";
import { Gate, type Mishap } from "./faults/gate.ts";
import { readOnlySysctls } from "./faults/read-only-sysctls.ts";
import { gatedNode } from "./faults/gated-node.ts";
import { call, mustCall, type Answer, type Sandbox, type Verb } from "./faults/plugin.ts";
import { Before, Setting, recordsIn } from "./faults/setting.ts";

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
let pod: Sandbox;
let state: string;
let before: Before;

beforeAll(async () => {
  setting = await Setting.open();
  pod = await setting.sandbox("pod", 50);
  state = path.join(setting.scratch, "state");
  // What the first call of all leaves for good: directories and a lock file.
  await attempt("DEL");
  before = new Before([pod]);
});

beforeEach(async () => {
  // What a test that failed left is not the next one's.
  await attempt("DEL");
});

afterAll(() => setting.close());

/** One call with a mishap; gives what it answered and what the gate saw. */
async function attempt(
  verb: Verb,
  mishap: Mishap = {},
  directory = state,
): Promise<{ answer: Answer; gate: Gate }> {
  const gate = new Gate(mishap);
  return { answer: await call(gatedNode(directory, gate), verb, pod), gate };
}

async function succeed(verb: Verb, directory = state): Promise<Gate> {
  const gate = new Gate();
  await mustCall(gatedNode(directory, gate), verb, pod);
  return gate;
}

/** How an operation on each kind of thing is called in an error. */
const OPERATIONS: Readonly<Record<string, RegExp>> = {
  NEWLINK:
    /^(create VLAN device eth0|create VLAN device branchline7|rename device|set device|set rp_filter of device) /,
  DELLINK: /^delete device /,
  NEWADDR: /^add address /,
  DELADDR: /^delete address /,
  NEWROUTE: /^add route /,
  DELROUTE: /^delete route /,
  NEWNEIGH: /^add neighbour /,
  DELNEIGH: /^delete neighbour /,
  NEWRULE: /^add rule /,
  DELRULE: /^delete rule /,
};

/** Code 103; the operation, the errno's name and, where it said something, the kernel's text. */
function expectRefusal(answer: Answer, type: string, what: string): void {
  const { msg = "", details = "" } = answer;
  const parts = /^(?:VLAN 7 could not be detached completely: )?(.*): (E[A-Z]+)(?: \((.+)\))?$/.exec(msg);
  const [, operation = msg, errno, text] = parts ?? [];
  expect({ what, ...answer, operation, errno, details }).toMatchObject({
    what,
    status: 1,
    code: 103,
    operation: expect.stringMatching(OPERATIONS[type] ?? "a known type"),
    errno: expect.stringMatching(/^(EINVAL|EOPNOTSUPP)$/),
    details: expect.stringContaining(text === undefined ? "" : `kernel: ${errno}: ${text}`),
  });
}

/** Until ADD and DEL have been seen to be each other's inverse by iproute2, nothing below means anything. */
test("ADD and DEL, nothing going wrong", async () => {
  const [host, inPod] = [await snapshot(), await snapshot(pod.netns)];
  const adding = await succeed("ADD");
  expect(before.differences()).not.toEqual([]);
  const removing = await succeed("DEL");
  before.expectAgain("ADD and DEL", state);
  expect(diffSnapshots(host, await snapshot())).toEqual([]);
  expect(diffSnapshots(inPod, await snapshot(pod.netns))).toEqual([]);
  // A count of what follows: when it shrinks, the gate has lost sight of something.
  expect(adding.messages.length).toBeGreaterThan(25);
  expect(adding.sysctls.length).toBeGreaterThan(4);
  expect(removing.messages.length).toBeGreaterThan(15);
  console.log(
    `ADD: ${adding.messages.length} messages in ${adding.datagrams} datagrams, ${adding.sysctls.length} sysctls; ` +
      `DEL: ${removing.messages.length} in ${removing.datagrams}, ${removing.sysctls.length}`,
  );
});

/** Less than a minute for each test where the guest has a processor of the host to itself. */
const patience = { timeout: 400_000 };

describe("ADD", patience, () => {
  test("each message refused by the kernel: code 103, nothing left, and the next ADD succeeds", async () => {
    const texts = new Set<string>();
    const { messages } = await succeed("ADD");
    await succeed("DEL");
    for (const [i, { type }] of messages.entries()) {
      const what = `message ${i + 1} of ${messages.length}, ${type}`;
      const { answer } = await attempt("ADD", { refuse: i + 1 });
      expectRefusal(answer, type, what);
      texts.add(answer.msg ?? "");
      before.expectAgain(what, state);
      // What this pair might leave, the next round finds.
      await succeed("ADD");
      await succeed("DEL");
    }
    // Each its own; and the kernel's words came along, or this would pass without extended ACKs.
    expect(texts.size).toBe(messages.length);
    expect(
      [...texts].filter((text) => text.endsWith("EINVAL (Invalid prefix length)")).length,
    ).toBeGreaterThan(5);
    expect([...texts].join("\n")).toContain("EOPNOTSUPP (Unknown device type)");
  });

  test("each answer that does not come: code 103 with the operation, nothing left", async () => {
    const { datagrams } = await succeed("ADD");
    await succeed("DEL");
    for (let swallow = 1; swallow <= datagrams; swallow += 1) {
      const what = `answer ${swallow} of ${datagrams}`;
      const { answer } = await attempt("ADD", { swallow });
      expect({ at: what, ...answer }).toMatchObject({
        at: what,
        status: 1,
        code: 103,
        msg: expect.stringMatching(
          /^(create|make|rename|set|add|delete) .*: the kernel did not answer within 0.5 s$/,
        ),
      });
      before.expectAgain(what, state);
    }
    await succeed("ADD");
    await succeed("DEL");
  });

  test("each sysctl on a read-only /proc/sys: code 103 with the key, nothing left", async () => {
    const { sysctls } = await succeed("ADD");
    await succeed("DEL");
    for (const [i, key] of sysctls.entries()) {
      const { answer } = await attempt("ADD", { sysctl: i + 1, around: readOnlySysctls });
      expect({ at: key, ...answer }).toMatchObject({
        at: key,
        status: 1,
        code: 103,
        msg: expect.stringMatching(`^write \\d to sysctl ${key}: EROFS$`),
      });
      before.expectAgain(key, state);
      await succeed("ADD");
      await succeed("DEL");
    }
  });

  test("the record on a full file system: code 105, nothing touched", async () => {
    await using full = await tinyFileSystem();
    // Room for names, none for content.
    await must(["sh", "-c", `cat /dev/zero >${full.path}/ballast 2>/dev/null || true`]);
    const { answer, gate } = await attempt("ADD", {}, full.path);
    expect(answer).toMatchObject({
      status: 1,
      code: 105,
      msg: expect.stringMatching(/^Cannot write .*\/attachments\/7:.*\.json: ENOSPC$/),
    });
    expect(gate.messages).toEqual([]);
    before.expectAgain("full", full.path);
    await must(["rm", `${full.path}/ballast`]);
    await succeed("ADD", full.path);
    await succeed("DEL", full.path);
    before.expectAgain("no longer full", full.path);
  });

  test("the record on a read-only file system: code 105, nothing touched", async () => {
    await using files = await tinyFileSystem();
    await files.remount("ro");
    const { answer, gate } = await attempt("ADD", {}, files.path);
    expect(answer).toMatchObject({
      status: 1,
      code: 105,
      msg: expect.stringMatching(/^Cannot write .*\/attachments\/7:.*\.json: EROFS$/),
    });
    expect(gate.messages).toEqual([]);
    await files.remount("rw");
    before.expectAgain("read-only", files.path);
  });
});

describe("DEL", patience, () => {
  test("each message refused by the kernel: code 103, the record stays, and the next DEL finishes", async () => {
    await succeed("ADD");
    const { messages } = await succeed("DEL");
    for (const [i, { type }] of messages.entries()) {
      const what = `message ${i + 1} of ${messages.length}, ${type}`;
      await succeed("ADD");
      const { answer } = await attempt("DEL", { refuse: i + 1 });
      expectRefusal(answer, type, what);
      expect({ what, records: recordsIn(state) }).toEqual({
        what,
        records: [`7:${pod.containerId}:eth0.json`],
      });
      await succeed("DEL");
      before.expectAgain(what, state);
    }
  });

  test("each answer that does not come: code 103, the record stays, and the next DEL finishes", async () => {
    await succeed("ADD");
    const { datagrams } = await succeed("DEL");
    for (let swallow = 1; swallow <= datagrams; swallow += 1) {
      const what = `answer ${swallow} of ${datagrams}`;
      await succeed("ADD");
      const { answer } = await attempt("DEL", { swallow });
      expect({ at: what, ...answer }).toMatchObject({
        at: what,
        status: 1,
        code: 103,
        msg: expect.stringContaining("the kernel did not answer within 0.5 s"),
      });
      expect({ at: what, records: recordsIn(state).length }).toEqual({ at: what, records: 1 });
      await succeed("DEL");
      before.expectAgain(what, state);
    }
  });

  test("each sysctl on a read-only /proc/sys: code 103, the record stays, and the next DEL finishes", async () => {
    await succeed("ADD");
    const { sysctls } = await succeed("DEL");
    for (const [i, key] of sysctls.entries()) {
      await succeed("ADD");
      const { answer } = await attempt("DEL", { sysctl: i + 1, around: readOnlySysctls });
      expect({ at: key, ...answer }).toMatchObject({
        at: key,
        status: 1,
        code: 103,
        msg: expect.stringMatching(`sysctl ${key}: EROFS$`),
      });
      expect({ at: key, records: recordsIn(state).length }).toEqual({ at: key, records: 1 });
      await succeed("DEL");
      before.expectAgain(key, state);
    }
  });
});

let fileSystems = 0;

/** A file system of a few pages for the state directory, with what a first call makes in it. */
async function tinyFileSystem() {
  const at = path.join(setting.scratch, `tiny-${(fileSystems += 1)}`);
  await mkdir(at);
  await mustExec(undefined, ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", at]);
  for (const directory of ["attachments", "locks"]) await mkdir(path.join(at, directory), { mode: 0o700 });
  await writeFile(path.join(at, "locks", "vlan-7"), "");
  return {
    path: at,
    remount: (mode: "ro" | "rw") => mustExec(undefined, ["mount", "-o", `remount,${mode}`, at]),
    [Symbol.asyncDispose]: async () => {
      await mustExec(undefined, ["umount", at]);
    },
  };
}
