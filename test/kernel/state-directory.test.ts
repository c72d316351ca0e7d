// The state directory full, read-only, tampered with, or with a record that cannot be read: ADD says so in one line and
// changes nothing, DEL takes back what it can find all the same. docs/decisions/del-without-a-state-directory.md says why.
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AttachmentStore } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { errorCode } from "../../src/sys/errno.ts";
import { mustExec, settled } from "../ground/index.ts";
import { recordsIn } from "./faults/setting.ts";
import { changes, viewOf, type View } from "./faults/view.ts";
import { B, P, logOf, routed } from "./support/routed.ts";
import { annotationOf, createSandbox, useGround, type CallOptions, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let state: string;

beforeAll(async () => {
  state = path.join(ground.scratch, "state");
  mkdirSync(state);
});

const branch = annotationOf({ vlanId: 7, ipv4: B[4] });
const otherEni = annotationOf({ vlanId: 7, ipv4: "10.0.0.21", eniId: "eni-0c", mac: "02:b1:00:00:00:77" });

describe.each([
  { datapath: "direct", settings: {} },
  { datapath: "routed, strict", settings: routed("strict") },
])("$datapath:", ({ datapath, settings }) => {
  let pod: Sandbox;
  let another: Sandbox;
  let before: { node: View; pod: View };

  beforeAll(async () => {
    const options = { primary: "veth", branch, settings } as const;
    pod = await createSandbox(ground, { ...options, name: "one", addresses: [P[4]] });
    another = await createSandbox(ground, { ...options, name: "two", addresses: ["10.0.0.60"] });
    before = look();
  });

  beforeEach(async () => {
    await mustExec(undefined, [
      "mount",
      "-t",
      "tmpfs",
      "-o",
      "size=64k,nr_inodes=32,mode=700",
      "tmpfs",
      state,
    ]);
  });

  afterEach(async () => {
    // A test that failed half way must not be the next one's trouble.
    for (const sandbox of [pod, another]) await sandbox.del(call());
    await mustExec(undefined, ["umount", state]);
  });

  afterAll(async () => {
    for (const sandbox of [pod, another]) await sandbox.dispose();
    await settled(undefined, ground.before);
  });

  const node = () => ({ store: new AttachmentStore(state, systemClock), clock: systemClock });
  const call = (more: CallOptions = {}) => ({ node: node(), ...more });
  const look = () => ({ node: viewOf(), pod: viewOf(pod.path) });
  const since = (then: { node: View; pod: View }) => {
    const now = look();
    return { node: changes(then.node, now.node), pod: changes(then.pod, now.pod) };
  };
  const nothing = { node: [], pod: [] };
  const at = (...names: string[]) => path.join(state, ...names);
  /** What another pod is told as long as the record can be read. */
  const heldByOne = { code: 102, says: /^VLAN id 7 .* is held by default\/one, / };
  const recordFile = () => at("attachments", "7:sandbox-one:eth0.json");
  const remount = (mode: "ro" | "rw") => mustExec(undefined, ["mount", "-o", `remount,${mode}`, state]);
  const lastWarning = () => logOf(ground).findLast(({ level }) => level === "warn")?.message;

  /**
   * Another pod's ADD must fail so, with the same branch, and the same pod's in its next sandbox, with another branch by
   * the VLAN id; the one that is attached is left.
   */
  async function expectRefused(says: RegExp, ofSameBranch = { code: 105, says }): Promise<void> {
    const then = look();
    const records = recordsIn(state);
    for (const { asked, uid, code, says: text } of [
      { asked: branch, uid: another.uid, ...ofSameBranch },
      { asked: otherEni, uid: pod.uid, code: 105, says },
    ]) {
      const { failure } = await another.add(call({ branch: asked, uid }));
      expect(failure).toMatchObject({ code, msg: expect.stringMatching(text) });
    }
    expect(since(then)).toEqual(nothing);
    expect(recordsIn(state)).toEqual(records);
  }

  /** Files until none can be made, or one that takes all the room. */
  function fill(what: "room" | "inodes"): () => void {
    const files: string[] = [];
    try {
      for (let i = 0; i < 1000; i++) {
        files.push(at(`ballast-${i}`));
        writeFileSync(at(`ballast-${i}`), what === "room" ? Buffer.alloc(4096) : "");
      }
    } catch (error) {
      if (errorCode(error) !== "ENOSPC") throw error;
    }
    return () => files.forEach((file) => rmSync(file, { force: true }));
  }

  test.each(["room", "inodes"] as const)("no %s is left: ADD fails, DEL does not", async (what) => {
    // What a first call makes, so that only the record is what cannot be written.
    node().store.prepare();
    const empty = fill(what);
    expect((await pod.add(call())).failure).toMatchObject({
      code: 105,
      msg: expect.stringContaining("ENOSPC"),
    });
    expect(since(before)).toEqual(nothing);
    empty();

    await pod.mustAdd(call());
    fill(what);
    await expectRefused(/^Cannot write into .*\/attachments: ENOSPC$/, heldByOne);
    expect((await pod.check(call())).failure).toBeUndefined();
    await pod.mustDel(call());
    expect(since(before)).toEqual(nothing);
    expect(recordsIn(state)).toEqual([]);
    await pod.mustDel(call());
  });

  test("no inode is left, and the lock's file is gone: DEL locks the directory", async () => {
    await pod.mustAdd(call());
    rmSync(at("locks", "vlan-7"));
    fill("inodes");
    await pod.mustDel(call());
    expect(lastWarning()).toBe("Cannot lock VLAN id 7: ENOSPC");
    expect(since(before)).toEqual(nothing);
    expect(recordsIn(state)).toEqual([]);
  });

  test("read-only: ADD fails, DEL leaves only the record, which the next ADD clears", async () => {
    await remount("ro");
    expect((await pod.add(call())).failure).toMatchObject({
      code: 105,
      msg: expect.stringContaining("EROFS"),
    });
    expect(since(before)).toEqual(nothing);
    await remount("rw");

    await pod.mustAdd(call());
    await remount("ro");
    await expectRefused(/^Cannot write into .*\/attachments: EROFS$/, heldByOne);
    expect((await pod.check(call())).failure).toBeUndefined();
    for (const more of [{}, { netns: "", prevResult: null }]) {
      await pod.mustDel(call(more));
      expect(since(before)).toEqual(nothing);
      expect(lastWarning()).toMatch(
        /Cannot remove .*\/7:sandbox-one:eth0\.json: EROFS; everything else is detached, and the next ADD/,
      );
    }
    expect(logOf(ground).at(-1)?.message).toBe("DEL");
    expect(recordsIn(state)).toEqual(["7:sandbox-one:eth0.json"]);

    await remount("rw");
    // The same pod with another branch by the same VLAN id, while its first namespace is still there.
    await another.mustAdd(call({ branch: otherEni, uid: pod.uid }));
    expect(recordsIn(state)).toEqual(["7:sandbox-two:eth0.json"]);
    await another.mustDel(call());
    expect(since(before)).toEqual(nothing);
    expect(recordsIn(state)).toEqual([]);
  });

  test("read-only, and the lock's file is gone: DEL locks the directory", async () => {
    await pod.mustAdd(call());
    rmSync(at("locks", "vlan-7"));
    await remount("ro");
    await pod.mustDel(call());
    expect(since(before)).toEqual(nothing);
    await remount("rw");
    await pod.mustDel(call());
    expect(recordsIn(state)).toEqual([]);
  });

  test.each<[string, (text: string) => string]>([
    ["cut off", (text) => text.slice(0, 100)],
    ["empty", () => ""],
    ["of a newer version", (text) => text.replace('"version":1', '"version":2')],
  ])("the record is %s: no ADD takes the VLAN id, DEL of its container frees it", async (_how, spoil) => {
    await pod.mustAdd(call());
    const text = readFileSync(recordFile(), "utf8");
    writeFileSync(recordFile(), spoil(text));
    await expectRefused(
      /7:sandbox-one:eth0\.json is not an attachment record of this version; remove it if container sandbox-one is gone$/,
    );
    await pod.mustDel(call());
    expect(recordsIn(state)).toEqual([]);
    await expectFreed();
  });

  test("a link in the record's place: not followed, and DEL frees the VLAN id", async () => {
    await pod.mustAdd(call());
    renameSync(recordFile(), at("elsewhere"));
    symlinkSync(at("elsewhere"), recordFile());
    const theirs = readFileSync(at("elsewhere"), "utf8");
    await expectRefused(/7:sandbox-one:eth0\.json is a symbolic link; remove it$/);
    await pod.mustDel(call());
    expect(recordsIn(state)).toEqual([]);
    expect(readFileSync(at("elsewhere"), "utf8")).toBe(theirs);
    await expectFreed();
  });

  /**
   * Without a record the direct datapath is recognised and taken back whole. Of the routed one what is on the node goes;
   * what the pod's primary had is not known any more.
   */
  async function expectFreed(): Promise<void> {
    const left = since(before);
    expect(left.node.filter((line) => /vlan\.eth\.7|"table":107|"priority":(10|20)\b/.test(line))).toEqual(
      [],
    );
    if (datapath !== "direct") await restorePrimary();
    expect(since(before)).toEqual(nothing);
  }

  /** As the primary's own ADD would. */
  async function restorePrimary(): Promise<void> {
    await mustExec(undefined, ["ip", "-n", pod.netns, "addr", "flush", "dev", "eth0", "scope", "global"]);
    const batch = `addr add ${P[4]}/32 dev eth0\nroute replace 169.254.1.1 dev eth0 scope link\n`;
    await mustExec(undefined, ["ip", "-n", pod.netns, "-batch", "-"], {
      input: `${batch}route replace default via 169.254.1.1 dev eth0\nneigh replace 169.254.1.1 lladdr 02:0e:0e:0e:0e:01 dev eth0 nud permanent\n`,
    });
    await mustExec(undefined, ["ip", "route", "replace", `${P[4]}/32`, "dev", "eni-one", "scope", "link"]);
  }

  test("a link in the directory's place: what is in the pod is put right, and DEL says that there may be more", async () => {
    await pod.mustAdd(call());
    renameSync(at("attachments"), at("elsewhere"));
    symlinkSync(at("elsewhere"), at("attachments"));
    const says = `${at("attachments")} is a symbolic link; remove it`;
    const then = look();
    expect((await another.add(call({ branch: otherEni }))).failure).toMatchObject({ code: 105, msg: says });
    expect(since(then)).toEqual(nothing);
    expect((await pod.del(call())).failure).toMatchObject({ code: 105, msg: says });
    const left = since(before);
    expect(datapath === "direct" ? left.pod : []).toEqual([]);
    expect(readFileSync(path.join(at("elsewhere"), "7:sandbox-one:eth0.json"), "utf8")).toContain(
      "sandbox-one",
    );

    rmSync(at("attachments"));
    renameSync(at("elsewhere"), at("attachments"));
    await pod.mustDel(call());
    expect(since(before)).toEqual(nothing);
    expect(recordsIn(state)).toEqual([]);
  });
});
