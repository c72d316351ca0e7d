// SIGKILL between any two changes: nothing may be left when DEL, or the next ADD, is through.
//
// Twice: in process, where a call that is "dead" from a certain change on does nothing any more, for every change and
// every way to go on; and the real executable, killed by strace as it enters the system call that would make the change.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { AttachmentStore, STATE_DIRECTORY } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { aftermaths, plainNode, type Scene } from "./faults/aftermath.ts";
import { Gate } from "./faults/gate.ts";
import { gatedNode } from "./faults/gated-node.ts";
import { isChange, typeName } from "./faults/messages.ts";
import { call, callExecutable, mustCall, type Sandbox, type Verb } from "./faults/plugin.ts";
import { Before, Setting } from "./faults/setting.ts";

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
let first: Sandbox;
let next: Sandbox;

beforeAll(async () => {
  setting = await Setting.open();
  first = await setting.sandbox("pod", 50);
  next = await setting.sandbox("pod-again", 51);
  new AttachmentStore(STATE_DIRECTORY, systemClock).prepare();
});

afterAll(() => setting.close());

function sceneIn(stateDirectory: string): Scene {
  new AttachmentStore(stateDirectory, systemClock).prepare();
  return { setting, stateDirectory, first, next, before: new Before([first, next]) };
}

/** A call that ends before its n-th change; gives how many it would have made. */
async function dieInProcess(
  { stateDirectory }: Scene,
  verb: Verb,
  sandbox: Sandbox,
  die: number,
): Promise<number> {
  const gate = new Gate({ die });
  await call(gatedNode(stateDirectory, gate), verb, sandbox);
  // What follows is another process, which nobody kills.
  gatedNode(stateDirectory, new Gate());
  return gate.changes;
}

/** Less than a minute for each test where the guest has a processor of the host to itself. */
const patience = { timeout: 400_000 };

describe("a process that ends before any of its changes", patience, () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = sceneIn(path.join(setting.scratch, "state"));
    for (const sandbox of [first, next]) await call(plainNode(scene.stateDirectory), "DEL", sandbox);
  });

  test.each(aftermaths)("ADD, then $name", async ({ prepare, proceed, every }) => {
    const all = await dieInProcess(scene, "ADD", first, Infinity);
    await mustCall(plainNode(scene.stateDirectory), "DEL", first);
    expect(all).toBeGreaterThan(12);
    for (let die = all + 1; die >= 1; die -= every) {
      const sandbox = await prepare(scene);
      await dieInProcess(scene, "ADD", sandbox, die);
      await proceed(scene, sandbox, `ADD dead before change ${die} of ${all}`);
    }
  });

  test.each(aftermaths)("DEL, then $name", async ({ prepare, proceed, every }) => {
    const node = plainNode(scene.stateDirectory);
    await mustCall(node, "ADD", first);
    const all = await dieInProcess(scene, "DEL", first, Infinity);
    expect(all).toBeGreaterThan(6);
    for (let die = all + 1; die >= 1; die -= every) {
      const sandbox = await prepare(scene);
      await mustCall(node, "ADD", sandbox);
      await dieInProcess(scene, "DEL", sandbox, die);
      await proceed(scene, sandbox, `DEL dead before change ${die} of ${all}`);
    }
  });
});

/** A system call that changes something, and how to tell strace to kill there. */
interface Point {
  readonly name: string;
  readonly strace: readonly string[];
}

const TRACED = ["sendto", "write", "rename", "unlink", "exit_group"];

/** Runs the call once under strace, and reads from the trace where it changes something. */
async function pointsOf(verb: Verb, sandbox: Sandbox): Promise<Point[]> {
  const trace = path.join(setting.scratch, `${verb}.trace`);
  const format = ["-f", "-y", "-qq", "-e", "abbrev=none", "-o", trace];
  const answer = await callExecutable(verb, sandbox, [
    "strace",
    ...format,
    "-e",
    `trace=${TRACED.join(",")}`,
  ]);
  if (answer.status !== 0) throw new Error(`${verb}: ${JSON.stringify(answer)}`);
  const counts: Record<string, number> = {};
  let inSysctls = false;
  return (await readFile(trace, "utf8")).split("\n").flatMap((line): Point[] => {
    const [, syscall = "", rest = ""] = /^\d+ +(\w+)\((.*)/.exec(line) ?? [];
    const when = (counts[syscall] = (counts[syscall] ?? 0) + 1);
    const point = (name: string): Point[] => [
      {
        name: `${syscall} ${name}`,
        strace: ["-e", `trace=${syscall}`, "-e", `inject=${syscall}:signal=KILL:when=${when}`],
      },
    ];
    switch (syscall) {
      case "sendto": {
        const changed = changesIn(rest);
        if (changed.length === 0) return [];
        inSysctls = false;
        return point(changed.join(" "));
      }
      case "write": {
        const sysctl = /^\d+<(\/proc\/sys\/[^>]+)>/.exec(rest)?.[1];
        // The first of several in a row: in process each has its turn, and a kill here takes seconds.
        if (sysctl === undefined || inSysctls) return [];
        inSysctls = true;
        // Other threads write too, and each is counted by itself: the path says which write is meant.
        const strace = ["-P", sysctl, "-e", "trace=write", "-e", "inject=write:signal=KILL:when=1"];
        return [{ name: `sysctl ${sysctl}`, strace }];
      }
      case "exit_group":
        return point("after everything");
      default:
        return rest.startsWith(`"${STATE_DIRECTORY}/`) ? point(rest.slice(0, 100)) : [];
    }
  });
}

/**
 * The types of the changing messages in the arguments of sendto: by name for a socket of strace's own namespace, by
 * number for one of the pod's, whose protocol strace cannot find out.
 */
function changesIn(rest: string): string[] {
  return [...rest.matchAll(/nlmsg_type=(?:RTM_(\w+)|(0x[0-9a-f]+))/g)]
    .map(([, name, number]) => ({ type: name ?? typeName(Number(number)) }))
    .filter(isChange)
    .map(({ type }) => type);
}

/** Throws unless the executable was killed, and by strace. */
async function killAt(point: Point, verb: Verb, sandbox: Sandbox): Promise<void> {
  const prefix = ["strace", "-f", "-qq", "-o", "/dev/null", ...point.strace];
  const { signal, status, stderr } = await callExecutable(verb, sandbox, prefix);
  if (signal !== "SIGKILL") throw new Error(`${verb} at ${point.name}: not killed but ${status}: ${stderr}`);
}

describe("the executable, killed", patience, () => {
  let scene: Scene;
  // Its very first start puts its native library on disk, which no other does.
  beforeAll(async () => {
    const { status, msg } = await callExecutable("DEL", first);
    if (status !== 0) throw new Error(`DEL: ${status} ${msg}`);
  });
  beforeEach(async () => {
    scene = sceneIn(STATE_DIRECTORY);
    for (const sandbox of [first, next]) await call(plainNode(STATE_DIRECTORY), "DEL", sandbox);
  });

  test("during ADD", async () => {
    const points = await pointsOf("ADD", first);
    await mustCall(plainNode(STATE_DIRECTORY), "DEL", first);
    scene.before.expectAgain("ADD under strace, then DEL", STATE_DIRECTORY);
    expect(points.length).toBeGreaterThan(8);
    for (const [i, point] of points.entries()) {
      const after = aftermaths[i % aftermaths.length];
      if (after === undefined) throw new Error("no aftermath");
      const sandbox = await after.prepare(scene);
      await killAt(point, "ADD", sandbox);
      await after.proceed(scene, sandbox, `ADD killed at ${point.name}, then ${after.name}`);
    }
  });

  test("during DEL", async () => {
    const node = plainNode(STATE_DIRECTORY);
    await mustCall(node, "ADD", first);
    const points = await pointsOf("DEL", first);
    scene.before.expectAgain("DEL under strace", STATE_DIRECTORY);
    expect(points.length).toBeGreaterThan(5);
    for (const [i, point] of points.entries()) {
      const after = aftermaths[i % aftermaths.length];
      if (after === undefined) throw new Error("no aftermath");
      const sandbox = await after.prepare(scene);
      await mustCall(node, "ADD", sandbox);
      await killAt(point, "DEL", sandbox);
      await after.proceed(scene, sandbox, `DEL killed at ${point.name}, then ${after.name}`);
    }
  });
});
