import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../sys/clock.ts";
import { recordOf } from "../../test/unit/record.ts";
import { lockFile } from "../sys/lock.ts";
import { parseRecord, podName } from "./record.ts";
import { StateError, AttachmentStore, LockTimeoutError } from "./store.ts";

let directory: string;
let store: AttachmentStore;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "store-")), "state");
  store = new AttachmentStore(directory, systemClock);
});

afterEach(() => {
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);
const files = () => readdirSync(`${directory}/attachments`).sort();

describe("AttachmentStore", () => {
  it("keeps a record as a file that its owner alone may read, named by VLAN, container and interface", () => {
    store.write(recordOf());
    expect(files()).toEqual(["7:c1:eth0.json"]);
    expect(mode(`${directory}/attachments/7:c1:eth0.json`)).toBe("600");
    expect(mode(`${directory}/attachments`)).toBe("700");
    expect(mode(`${directory}/locks`)).toBe("700");
  });

  it("writes the file in the words of version 0.1.0, and reads them", () => {
    const rule = { family: 4, priority: 10, table: 107 } as const;
    const record = recordOf({ steps: [{ do: { kind: "rule", at: "node", rule }, undo: [] }] });
    store.write(record);
    expect(readFileSync(`${directory}/attachments/7:c1:eth0.json`, "utf8")).toContain('"at":"host"');
    expect(store.withVlanId(7)).toEqual([record]);
  });

  it("gives a record back as it was written, by container and interface, and by VLAN id", () => {
    const [one, two] = [recordOf(), recordOf({ containerId: "c2", vlanId: 8 })];
    store.write(one);
    store.write(two);
    expect(store.find({ containerId: "c1", ifName: "eth0" })).toEqual(one);
    expect(store.find({ containerId: "c1", ifName: "eth1" })).toBeUndefined();
    expect(store.withVlanId(8)).toEqual([two]);
    expect(store.withVlanId(80)).toEqual([]);
  });

  it("keeps two records of one VLAN id apart", () => {
    const [one, two] = [recordOf(), recordOf({ containerId: "c2" })];
    store.write(one);
    store.write(two);
    expect(
      store
        .withVlanId(7)
        .map(({ containerId }) => containerId)
        .toSorted(),
    ).toEqual(["c1", "c2"]);
    store.remove(one);
    expect(store.withVlanId(7)).toEqual([two]);
    expect(store.keysOf(7)).toEqual([{ containerId: "c2", ifName: "eth0" }]);
  });

  it("reads names back whatever a container id and an interface name may hold", () => {
    const odd = recordOf({ containerId: "a_b.c-d.json", ifName: "eth0.7@x", vlanId: 4094 });
    store.write(odd);
    expect(store.keys()).toEqual([{ containerId: "a_b.c-d.json", ifName: "eth0.7@x" }]);
    expect(store.vlanIdsOf(odd)).toEqual([4094]);
    expect(store.find(odd)).toEqual(odd);
  });

  it("is empty before anything was written, and making nothing", () => {
    expect(store.keys()).toEqual([]);
    expect(store.find(recordOf())).toBeUndefined();
    expect(() => statSync(directory)).toThrow("ENOENT");
  });

  it("removes a record, and one that is gone too", () => {
    store.write(recordOf());
    store.remove(recordOf());
    expect(files()).toEqual([]);
    expect(() => store.remove(recordOf())).not.toThrow();
  });

  it("replaces a record whole and leaves nothing else behind", () => {
    store.write(recordOf());
    store.write(recordOf({ eniId: "eni-2" }));
    expect(files()).toEqual(["7:c1:eth0.json"]);
    expect(store.find(recordOf())?.eniId).toBe("eni-2");
  });

  it("passes over files that are no records", () => {
    store.write(recordOf());
    for (const name of ["7:c1:eth0.json.4711.tmp", "x.json", "7:c9.json", "seven:c:e.json"]) {
      writeFileSync(`${directory}/attachments/${name}`, "{");
    }
    expect(store.keys()).toEqual([{ containerId: "c1", ifName: "eth0" }]);
  });

  it.each([
    ["cut off", '{"version":1'],
    ["empty", ""],
    ["of another version", JSON.stringify({ ...recordOf(), version: 2 })],
    ["no object", "[]"],
    ["without steps", JSON.stringify({ ...recordOf(), steps: undefined })],
    ["of a null namespace", JSON.stringify({ ...recordOf(), namespace: null })],
    ["of a null trunk", JSON.stringify({ ...recordOf(), trunk: null })],
    ["of a null pod", JSON.stringify({ ...recordOf(), pod: null })],
    ["of a namespace without a path", JSON.stringify({ ...recordOf(), namespace: { identity: "4:1" } })],
    ["of a trunk without a number", JSON.stringify({ ...recordOf(), trunk: { name: "eth1", mac: "" } })],
    ["of a pod with a number for its name", JSON.stringify({ ...recordOf(), pod: { name: 1 } })],
    ["of an address that is none", JSON.stringify({ ...recordOf(), addresses: [null] })],
    ["of another datapath", JSON.stringify({ ...recordOf(), datapath: "bridge" })],
    ...[
      null,
      {},
      [],
      { do: null, undo: [] },
      { do: { kind: "rule", at: "host", rule: { family: 4, priority: 1, table: 7 } } },
      { do: { kind: "rule", at: "host", rule: { family: 4, priority: 1, table: 7 } }, undo: [null] },
      { do: { kind: "rule", at: "host", rule: null }, undo: [] },
      { do: { kind: "rule", at: "host", rule: { family: 4, priority: 1, table: 7, to: null } }, undo: [] },
      { do: { kind: "rule", at: "moon", rule: { family: 4, priority: 1, table: 7 } }, undo: [] },
      { do: { kind: "hairpin", at: "host", family: 4, table: "branchline-7", from: "10.0.0.9" }, undo: [] },
      { do: { kind: "hairpin", at: "host", family: 4, absent: true }, undo: [] },
      { do: { kind: "toString", at: "host" }, undo: [] },
      { do: { kind: "link", at: "pod" }, undo: [] },
      { do: { kind: "sysctl", at: "pod", key: "net/ipv4/ip_forward" }, undo: [] },
      { do: { kind: "vlan", at: "pod", vlan: { name: "eth0" } }, undo: [] },
    ].map((step) => [
      `of the step ${JSON.stringify(step)}`,
      JSON.stringify({ ...recordOf(), steps: [step] }),
    ]),
  ])("says which file is %s, though its VLAN id is known all the same", (_what, text) => {
    store.write(recordOf());
    writeFileSync(`${directory}/attachments/7:c1:eth0.json`, text);
    const message = `${directory}/attachments/7:c1:eth0.json is not an attachment record of this version; remove it if container c1 is gone`;
    expect(() => store.find(recordOf())).toThrow(new StateError(message));
    expect(() => store.withVlanId(7)).toThrow(StateError);
    expect(store.vlanIdsOf(recordOf())).toEqual([7]);
    expect(store.keysOf(7)).toHaveLength(1);
  });

  it("does not trust a directory that others can write to", () => {
    store.prepare();
    chmodSync(`${directory}/attachments`, 0o722);
    expect(() => store.write(recordOf())).toThrow(
      new StateError(`${directory}/attachments is writable by others; expected mode 0700`),
    );
    chmodSync(`${directory}/attachments`, 0o700);
    chmodSync(`${directory}/locks`, 0o770);
    expect(() => store.withVlan(7, 0, () => undefined)).toThrow(/locks is writable by others/);
  });

  const placeOf = (file: string) => join(directory, file);
  const calls: Readonly<Record<string, () => unknown>> = {
    writing: () => store.write(recordOf()),
    locking: () => store.withVlan(7, 0, () => undefined),
    listing: () => store.keys(),
    finding: () => store.find(recordOf()),
  };

  it.each([
    {
      file: ".",
      what: "is a symbolic link; remove it",
      concerns: ["writing", "locking", "listing", "finding"],
    },
    {
      file: "attachments",
      what: "is a symbolic link; remove it",
      concerns: ["writing", "listing", "finding"],
    },
    { file: "locks", what: "is a symbolic link; remove it", concerns: ["writing", "locking"] },
    { file: "locks/vlan-7", what: "is a symbolic link; remove it", concerns: ["locking"] },
    { file: "attachments/7:c1:eth0.json", what: "is a symbolic link; remove it", concerns: ["finding"] },
    {
      file: `attachments/7:c1:eth0.json.${process.pid}.tmp`,
      what: "is a symbolic link; remove it",
      concerns: ["writing", "locking"],
    },
  ])(
    "follows no link at $file: $concerns fail, and what it leads to stays as it was",
    ({ file, what, concerns }) => {
      store.write(recordOf());
      store.withVlan(7, 0, () => undefined);
      const place = placeOf(file);
      const elsewhere = join(directory, "..", "elsewhere");
      // A link to what would be right.
      if (existsSync(place)) renameSync(place, elsewhere);
      else writeFileSync(elsewhere, "theirs");
      symlinkSync(elsewhere, place);
      const before = listing(elsewhere);
      for (const name of concerns) {
        expect(() => calls[name]?.()).toThrow(new StateError(`${place.replace(/\/\.$/, "")} ${what}`));
      }
      expect(listing(elsewhere)).toEqual(before);
      expect(lstatSync(place).isSymbolicLink()).toBe(true);
    },
  );

  it("removes a link in the place of a record, and not what it leads to", () => {
    store.prepare();
    writeFileSync(placeOf("../elsewhere"), "theirs");
    symlinkSync(placeOf("../elsewhere"), placeOf("attachments/7:c1:eth0.json"));
    store.remove(recordOf());
    expect(files()).toEqual([]);
    expect(readFileSync(placeOf("../elsewhere"), "utf8")).toBe("theirs");
  });

  it("says what stands in a directory's place, or in a file's, and waits for nobody", () => {
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(placeOf("attachments"), "");
    expect(() => store.prepare()).toThrow(
      new StateError(`${placeOf("attachments")} is not a directory; remove it`),
    );
    rmSync(placeOf("attachments"));
    store.prepare();
    for (const file of ["attachments/7:c1:eth0.json", "locks/vlan-7"]) {
      expect(spawnSync("mkfifo", [placeOf(file)]).status).toBe(0);
    }
    const what = "is not a regular file; remove it";
    expect(() => store.find(recordOf())).toThrow(`${placeOf("attachments/7:c1:eth0.json")} ${what}`);
    expect(() => store.withVlan(7, 0, () => undefined)).toThrow(`${placeOf("locks/vlan-7")} ${what}`);
  });

  it("reads no record of more than 16 MiB", () => {
    store.write(recordOf());
    truncateSync(placeOf("attachments/7:c1:eth0.json"), 16 * 1024 * 1024 + 1);
    expect(() => store.find(recordOf())).toThrow(
      /7:c1:eth0\.json has 16777217 bytes, more than the 16777216 it may have/,
    );
  });

  it.each([0o000, 0o077, 0o777])("makes all with modes of its own, whatever the umask (%o)", (umask) => {
    const before = process.umask(umask);
    try {
      store.withVlan(7, 0, () => store.write(recordOf()));
    } finally {
      process.umask(before);
    }
    expect(["", "attachments", "locks"].map((name) => mode(placeOf(name)))).toEqual(["700", "700", "700"]);
    expect(["attachments/7:c1:eth0.json", "locks/vlan-7"].map((name) => mode(placeOf(name)))).toEqual([
      "600",
      "600",
    ]);
  });

  it("says so when a container id is longer than a file's name may be", () => {
    expect(() => store.write(recordOf({ containerId: "c".repeat(300) }))).toThrow(
      /^Cannot write .*\/7:c+:eth0\.json: ENAMETOOLONG$/,
    );
  });

  it("tries whether a record could be written, and leaves nothing of that", () => {
    store.prepare();
    store.tryToWrite(7);
    expect(files()).toEqual([]);
    rmSync(placeOf("attachments"), { recursive: true });
    expect(() => store.tryToWrite(7)).toThrow(
      new StateError(`Cannot write into ${placeOf("attachments")}: ENOENT`),
    );
  });
});

/** A file or a directory with what is in it. */
function listing(path: string): unknown {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) return [stats.mode, readFileSync(path, "utf8")];
  return [stats.mode, readdirSync(path).map((name): unknown => [name, listing(join(path, name))])];
}

describe("a lock for who only takes something back", () => {
  const troubles: string[] = [];
  const tolerate = ({ message }: StateError) => void troubles.push(message);
  beforeEach(() => void troubles.splice(0));

  it("is the usual one while that can be had", () => {
    const other = new AttachmentStore(directory, systemClock);
    store.withVlan(
      7,
      0,
      () => {
        expect(() => other.withVlan(7, 0, () => undefined)).toThrow(LockTimeoutError);
        expect(other.withVlan(8, 0, () => "another id")).toBe("another id");
      },
      tolerate,
    );
    expect(troubles).toEqual([]);
  });

  it("is the directory's where its file cannot be used: no file can be made then", () => {
    store.prepare();
    symlinkSync("elsewhere", `${directory}/locks/vlan-7`);
    const other = new AttachmentStore(directory, systemClock);
    other.withVlan(9, 0, () => undefined);
    const done = store.withVlan(
      7,
      0,
      () => {
        // Nobody else gets in by the same way, nor makes a lock's file; those that there are can be had.
        expect(() =>
          other.withVlan(
            7,
            0,
            () => undefined,
            () => undefined,
          ),
        ).toThrow(LockTimeoutError);
        expect(() => other.withVlan(8, 0, () => undefined)).toThrow(LockTimeoutError);
        expect(other.withVlan(9, 0, () => "there")).toBe("there");
        return "done";
      },
      tolerate,
    );
    expect(done).toBe("done");
    expect(troubles).toEqual([`${directory}/locks/vlan-7 is a symbolic link; remove it`]);
    expect(other.withVlan(8, 0, () => "free again")).toBe("free again");
  });

  it("covers what the node's pods share, when neither file can be used", () => {
    store.prepare();
    for (const file of ["vlan-7", "node"]) symlinkSync("elsewhere", `${directory}/locks/${file}`);
    const both = () => store.withNode(0, () => "both", tolerate);
    expect(store.withVlan(7, 0, both, tolerate)).toBe("both");
    expect(troubles).toHaveLength(2);
    // And it is given back with the VLAN's.
    expect(new AttachmentStore(directory, systemClock).withVlan(8, 0, () => "free")).toBe("free");
  });

  it("needs no state directory at all", () => {
    writeFileSync(directory, "a file in its place");
    expect(store.withVlan(7, 0, () => "done", tolerate)).toBe("done");
    expect(troubles).toEqual([
      `${directory} is not a directory; remove it`,
      `${directory} is not a directory; remove it`,
    ]);
  });
});

describe("the lock of a VLAN id", () => {
  it("is held for the callback, given back after it, and after an error", () => {
    const other = new AttachmentStore(directory, systemClock);
    const tryOther = () => other.withVlan(7, 0, () => "mine");
    store.withVlan(7, 0, () => {
      expect(tryOther).toThrow(LockTimeoutError);
      expect(other.withVlan(8, 0, () => "another id")).toBe("another id");
    });
    expect(tryOther()).toBe("mine");
    expect(() => store.withVlan(7, 0, () => fail("wrong"))).toThrow("wrong");
    expect(tryOther()).toBe("mine");
    expect(mode(`${directory}/locks/vlan-7`)).toBe("600");
  });

  it("is waited for as long as said, by the clock", () => {
    let now = 0;
    const clock = { now: () => now, sleep: (milliseconds: number) => (now += milliseconds) };
    const other = new AttachmentStore(directory, clock);
    store.withVlan(7, 0, () => {
      expect(() => other.withVlan(7, 30_000, () => undefined)).toThrow(
        "VLAN id 7 is still being worked on by another call after 30 s",
      );
    });
    expect(now).toBeGreaterThanOrEqual(30_000);
    expect(now).toBeLessThan(31_000);
  });

  it("is taken as soon as it is free", () => {
    store.prepare();
    const holder = lockFile(`${directory}/locks/vlan-7`, 0, systemClock);
    // The holder ends in the middle of the other's wait.
    const clock = { now: () => 0, sleep: () => holder?.[Symbol.dispose]() };
    const other = new AttachmentStore(directory, clock);
    expect(other.withVlan(7, 1_000, () => "mine")).toBe("mine");
  });
});

function fail(message: string): never {
  throw new Error(message);
}

describe("parseRecord and podName", () => {
  it("takes what was written", () => {
    expect(parseRecord(JSON.stringify(recordOf()))).toEqual(recordOf());
  });

  it("names a pod as a person would, as far as it is known", () => {
    expect(podName({ namespace: "default", name: "web-0" })).toBe("default/web-0");
    expect(podName({ name: "web-0" })).toBe("?/web-0");
    expect(podName({ uid: "u" })).toBe("a pod the runtime did not name");
  });
});
