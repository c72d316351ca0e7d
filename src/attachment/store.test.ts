import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../sys/clock.ts";
import { lockFile } from "../sys/lock.ts";
import { type AttachmentRecord, RECORD_VERSION, parseRecord, podName } from "./record.ts";
import { AttachmentError, AttachmentStore, LockTimeoutError } from "./store.ts";

let directory: string;
let store: AttachmentStore;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "store-")), "state");
  store = new AttachmentStore(directory, systemClock);
});

afterEach(() => {
  rmSync(join(directory, ".."), { recursive: true, force: true });
});

function recordOf(fields: Partial<AttachmentRecord> = {}): AttachmentRecord {
  return {
    version: RECORD_VERSION,
    containerId: "c1",
    ifName: "eth0",
    network: "aws-cni",
    pod: { uid: "u1", namespace: "default", name: "web-0" },
    eniId: "eni-1",
    mac: "02:b1:00:00:00:07",
    vlanId: 7,
    addresses: ["10.0.0.20"],
    namespace: { path: "/run/netns/x", identity: "4:1" },
    datapath: "direct",
    mode: "standard",
    trunk: { name: "eth1", index: 3, mac: "02:00:00:00:00:11" },
    hostInterfaceName: "host0",
    steps: [],
    ...fields,
  };
}

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
  ])("says which file is %s, though its VLAN id is known all the same", (_what, text) => {
    store.write(recordOf());
    writeFileSync(`${directory}/attachments/7:c1:eth0.json`, text);
    const message = `${directory}/attachments/7:c1:eth0.json is no attachment record of this version of branchline`;
    expect(() => store.find(recordOf())).toThrow(new AttachmentError(message));
    expect(() => store.withVlanId(7)).toThrow(AttachmentError);
    expect(store.vlanIdsOf(recordOf())).toEqual([7]);
    expect(store.keysOf(7)).toHaveLength(1);
  });

  it("does not trust a directory that others can write to", () => {
    store.prepare();
    chmodSync(`${directory}/attachments`, 0o722);
    expect(() => store.write(recordOf())).toThrow(
      new AttachmentError(`${directory}/attachments can be written by others; expected mode 0700`),
    );
    chmodSync(`${directory}/attachments`, 0o700);
    chmodSync(`${directory}/locks`, 0o770);
    expect(() => store.withVlan(7, 0, () => undefined)).toThrow(/locks can be written by others/);
  });

  it("does not follow a link in a directory's place, and says what stands in its way", () => {
    mkdirSync(`${directory}/elsewhere`, { recursive: true, mode: 0o700 });
    symlinkSync("elsewhere", `${directory}/attachments`);
    expect(() => store.prepare()).toThrow(AttachmentError);
    rmSync(`${directory}/attachments`);
    writeFileSync(`${directory}/attachments`, "");
    expect(() => store.prepare()).toThrow(/^Cannot make .*attachments: EEXIST$/);
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
