import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DatapathError } from "../datapath/error.ts";
import { Kernel } from "../datapath/kernel.ts";
import type { Step } from "../datapath/operation.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../netlink/message.ts";
import { RouteMessage } from "../netlink/route/constants.ts";
import type { Transport } from "../netlink/transport.ts";
import { NamespaceError, openNamespace } from "../netns/namespace.ts";
import { systemClock } from "../sys/clock.ts";
import { Errno } from "../sys/errno.ts";
import { attach, detachOther, takeOver } from "./attach.ts";
import { detachRecord } from "./detach.ts";
import { recordOf as anyRecord } from "../../test/unit/record.ts";
import type { Node } from "./node.ts";
import type { AttachmentRecord } from "../state/record.ts";
import { StateError, AttachmentStore } from "../state/store.ts";

let directory: string;
let store: AttachmentStore;
/** What the kernel refuses, by message type. */
let refuses: Record<number, number>;
/** Message types, as they came. */
let sent: number[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "attach-"));
  store = new AttachmentStore(directory, systemClock);
  refuses = {};
  sent = [];
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function transport(): Transport {
  const answers: Uint8Array[] = [];
  return {
    send(bytes) {
      for (const { type, flags, sequence } of decodeMessages(bytes)) {
        sent.push(type);
        const errno = refuses[type] ?? 0;
        if (errno === 0 && (flags & MessageFlag.ACK) === 0) continue;
        const payload = new Uint8Array(20);
        new DataView(payload.buffer).setInt32(0, -errno, true);
        answers.push(
          encodeMessage({ type: ControlType.ERROR, flags: MessageFlag.CAPPED, sequence, payload }),
        );
      }
    },
    receive() {
      const answer = answers.shift();
      if (answer === undefined) throw new Error("nothing to receive");
      return answer;
    },
    [Symbol.dispose]: () => undefined,
  };
}

const node = (): Node => ({ store, clock: systemClock, openTransport: transport });

/** A namespace that lives and is not the node's network: any will do where none is entered. */
function living(): { path: string; identity: string } {
  const path = "/proc/self/ns/uts";
  using namespace = openNamespace(path);
  return { path, identity: namespace.identity };
}

const gone = { path: "/nonexistent/netns", identity: "4:1" };

const rule = { family: 4, priority: 512, table: 107 } as const;
const step: Step = {
  do: { kind: "rule", at: "node", rule },
  undo: [{ kind: "rule", at: "node", rule, absent: true }],
};

const recordOf = (fields: Partial<AttachmentRecord> = {}) =>
  anyRecord({ containerId: "first", namespace: gone, ...fields });

/** A pod whose branch has nothing of the first one's but the VLAN id. */
const other = {
  pod: { uid: "u2", namespace: "default", name: "evil" },
  eniId: "eni-2",
  mac: "02:b1:00:00:02:07",
  addresses: ["10.0.0.99"],
};

const files = () => readdirSync(`${directory}/attachments`).sort();

describe("takeOver", () => {
  it.each<{ who: string; held?: Partial<AttachmentRecord>; claim?: Partial<AttachmentRecord> }>([
    { who: "the same container again", held: { namespace: living() }, claim: { containerId: "first" } },
    { who: "the same pod in a new sandbox", held: { namespace: living() } },
    { who: "another pod, once the first one's namespace is gone", claim: { pod: { uid: "u2" } } },
    { who: "another ENI after a gone namespace", claim: { eniId: "eni-2" } },
  ])("takes from what is left: $who", ({ held, claim }) => {
    store.write(recordOf({ steps: [step], ...held }));
    store.write(recordOf({ containerId: "other", vlanId: 8 }));
    takeOver(node(), recordOf({ containerId: "second", ...claim }));
    expect(sent).toEqual([RouteMessage.DELRULE]);
    expect(files()).toEqual(["8:other:eth0.json"]);
  });

  it.each<{ who: string; held?: Partial<AttachmentRecord>; claim: Partial<AttachmentRecord> }>([
    { who: "another UID", claim: { pod: { uid: "u2", namespace: "default", name: "web-0" } } },
    { who: "an unknown pod", claim: { pod: {} } },
    { who: "an unknown pod, from an unknown one", held: { pod: {} }, claim: { pod: {} } },
    { who: "another interface of another pod", claim: { pod: { uid: "u2" }, ifName: "eth1" } },
    { who: "another ENI with its MAC", claim: { ...other, mac: "02:b1:00:00:00:07" } },
    { who: "another ENI with its address", claim: { ...other, addresses: ["fd00::9", "10.0.0.20"] } },
    { who: "another ENI, nobody to ask", claim: other },
  ])("never takes from a pod that lives: $who", ({ held, claim }) => {
    store.write(recordOf({ steps: [step], namespace: living(), ...held }));
    const take = () => takeOver(node(), recordOf({ containerId: "second", ...claim }));
    expect(take).toThrow(DatapathError);
    expect(take).toThrow(
      /^VLAN id 7 \(eni-1\)( with (MAC|address) \S+)? is held by .*, container first, which is alive in namespace \S+; asked for by .*, container second, with VLAN id 7 \(eni-\d\)$/,
    );
    expect(take).toThrow(expect.objectContaining({ failure: "held" }));
    expect(sent).toEqual([]);
    expect(files()).toEqual(["7:first:eth0.json"]);
  });

  describe("a living pod's id, for a branch that has nothing of its", () => {
    const claim = recordOf({ ...other, containerId: "second" });

    it.each<{ said: string; held?: Partial<AttachmentRecord>; gone: boolean; asked: unknown[] }>([
      { said: "is there", gone: false, asked: [{ uid: "u1", namespace: "default", name: "web-0" }] },
      { said: "cannot be asked about", held: { pod: { uid: "u1" } }, gone: true, asked: [] },
      { said: "is gone, but with the same MAC", held: { mac: other.mac }, gone: true, asked: [] },
      {
        said: "is gone, but with the same address",
        held: { addresses: other.addresses },
        gone: true,
        asked: [],
      },
    ])("stays where the pod $said", ({ held, gone: isGone, asked }) => {
      store.write(recordOf({ steps: [step], namespace: living(), ...held }));
      const questions: unknown[] = [];
      const podIsGone = (pod: unknown) => questions.push(pod) > 0 && isGone;
      expect(() => takeOver(node(), claim, undefined, { podIsGone })).toThrow(
        expect.objectContaining({ failure: "held" }),
      );
      expect(questions).toEqual(asked);
      expect(sent).toEqual([]);
      expect(files()).toEqual(["7:first:eth0.json"]);
    });

    it("is taken over where the API server has the pod no more, with both pods in the log", () => {
      store.write(recordOf({ steps: [step], namespace: living() }));
      const warnings: string[] = [];
      takeOver(node(), claim, undefined, { podIsGone: () => true, warn: (line) => warnings.push(line) });
      expect(warnings).toEqual([
        "VLAN id 7 is taken from default/web-0, container first, which the API server no longer has, and given to default/evil, container second, with VLAN id 7 (eni-2)",
      ]);
      expect(sent).toEqual([RouteMessage.DELRULE]);
      expect(files()).toEqual([]);
    });

    it("is asked for once a pod's namespace is gone: nobody need say so", () => {
      store.write(recordOf());
      takeOver(node(), claim, undefined, {
        podIsGone: () => {
          throw new Error("asked");
        },
      });
      expect(files()).toEqual([]);
    });
  });

  describe("what a living pod has under another VLAN id", () => {
    it.each<{ what: string; claim: Partial<AttachmentRecord> }>([
      { what: "its ENI", claim: { eniId: "eni-1" } },
      { what: "its MAC", claim: { mac: "02:b1:00:00:00:07" } },
      { what: "its address", claim: { addresses: ["10.0.0.20"] } },
    ])("is no other pod's: $what", ({ claim }) => {
      store.write(recordOf({ steps: [step], namespace: living() }));
      store.write(recordOf({ ...other, vlanId: 8, containerId: "old", namespace: gone }));
      const take = () => takeOver(node(), recordOf({ ...other, vlanId: 8, containerId: "second", ...claim }));
      expect(take).toThrow(expect.objectContaining({ failure: "held" }));
      expect(take).toThrow(/is held by default\/web-0, .*; asked for by default\/evil, .* VLAN id 8/);
      expect(sent).toEqual([]);
      expect(files()).toEqual(["7:first:eth0.json", "8:old:eth0.json"]);
    });

    it.each<{ who: string; held?: Partial<AttachmentRecord>; claim?: Partial<AttachmentRecord> }>([
      { who: "the pod itself in a new sandbox", claim: { pod: { uid: "u1" } } },
      { who: "another once its namespace is gone", held: { namespace: gone } },
      { who: "who only looks alike", held: { mac: "02:b1:00:00:00:08", addresses: ["10.0.0.2"] } },
    ])("may be had by $who", ({ held, claim }) => {
      store.write(recordOf({ namespace: living(), ...held }));
      const { mac, addresses } = recordOf();
      takeOver(node(), recordOf({ ...other, mac, addresses, vlanId: 8, containerId: "second", ...claim }));
      expect(files()).toEqual(["7:first:eth0.json"]);
    });

    it("fails nobody for a record of another that cannot be read", () => {
      store.write(recordOf());
      writeFileSync(`${directory}/attachments/7:first:eth0.json`, '{"mac":"02:b1:00:00:00:08"');
      takeOver(node(), recordOf({ ...other, vlanId: 8, containerId: "second" }));
      expect(files()).toEqual(["7:first:eth0.json"]);
    });
  });

  describe("a second interface of the same container", () => {
    it.each<{ which: string; held?: Partial<AttachmentRecord>; claim?: Partial<AttachmentRecord> }>([
      { which: "with the same branch" },
      { which: "of a pod that is not known", held: { pod: {} }, claim: { pod: {} } },
      { which: "with another ENI", claim: { eniId: "eni-2", mac: "02:b1:00:00:00:08", addresses: [] } },
      { which: "with another VLAN id", claim: { vlanId: 8 } },
      { which: "with all different", claim: { ...other, vlanId: 8 } },
    ])("takes nothing, $which", ({ held, claim }) => {
      store.write(recordOf({ steps: [step], namespace: living(), ...held }));
      const asked = recordOf({ ifName: "net1", ...claim });
      for (const take of [() => takeOver(node(), asked), () => detachOther(node(), asked)]) {
        expect(take).toThrow(expect.objectContaining({ failure: "config" }));
        expect(take).toThrow(/is held by eth0 of this container first already \(VLAN id 7, eni-1\): net1 /);
      }
      expect(sent).toEqual([]);
      expect(files()).toEqual(["7:first:eth0.json"]);
    });

    it("gets what the first had once that one's namespace is gone", () => {
      store.write(recordOf({ steps: [step] }));
      takeOver(node(), recordOf({ ifName: "net1" }));
      expect(files()).toEqual([]);
    });
  });

  describe("an ADD that cannot succeed", () => {
    const notReady = () => {
      throw new Error("no interface");
    };

    it.each<{ whose: string; claim: Partial<AttachmentRecord> }>([
      { whose: "another ENI's", claim: { eniId: "eni-2", pod: { uid: "u2" } } },
      { whose: "the same pod's other sandbox's", claim: {} },
    ])("takes nothing from $whose", ({ claim }) => {
      store.write(recordOf({ steps: [step] }));
      const take = () => takeOver(node(), recordOf({ containerId: "second", ...claim }), notReady);
      expect(take).toThrow("no interface");
      expect(sent).toEqual([]);
      expect(files()).toEqual(["7:first:eth0.json"]);
    });

    it("is looked at by what comes after, where there is nobody to take from", () => {
      takeOver(node(), recordOf(), notReady);
      store.write(recordOf({ steps: [step] }));
      takeOver(node(), recordOf(), notReady);
      expect(files()).toEqual([]);
    });
  });

  it("changes nothing where no record of the new one could be written", () => {
    store.write(recordOf({ steps: [step] }));
    // A name that is taken is what a file system without room looks like, as far as this goes.
    mkdirSync(`${directory}/attachments/7:trial.tmp`);
    expect(() => takeOver(node(), recordOf({ containerId: "second" }))).toThrow(
      new StateError(`Cannot write into ${directory}/attachments: EISDIR`),
    );
    expect(sent).toEqual([]);
    expect(files()).toContain("7:first:eth0.json");
  });

  it("names the failure, so that the runtime gets its code", () => {
    store.write(recordOf({ namespace: living() }));
    const take = () => takeOver(node(), recordOf({ pod: { uid: "u2" }, containerId: "second" }));
    expect(take).toThrow(expect.objectContaining({ failure: "held" }));
  });

  it("takes both of two records that a killed take-over left", () => {
    store.write(recordOf({ steps: [step] }));
    store.write(recordOf({ containerId: "second", steps: [step] }));
    takeOver(node(), recordOf({ containerId: "third" }));
    expect(sent).toEqual([RouteMessage.DELRULE, RouteMessage.DELRULE]);
    expect(files()).toEqual([]);
  });

  it("leaves no descriptor open when a namespace cannot be looked into", () => {
    // It is one of another kind, which shows only when it is entered.
    store.write(recordOf({ namespace: { ...living(), veth: 4 } }));
    const open = readdirSync("/proc/self/fd").length;
    expect(() => takeOver(node(), recordOf({ pod: { uid: "u2" }, containerId: "second" }))).toThrow(
      NamespaceError,
    );
    expect(readdirSync("/proc/self/fd")).toHaveLength(open);
  });

  it("a path that leads to another namespace by now does not keep the first one alive", () => {
    store.write(recordOf({ namespace: { path: living().path, identity: "4:1" } }));
    takeOver(node(), recordOf({ pod: { uid: "u2" }, containerId: "second" }));
    expect(files()).toEqual([]);
  });
});

describe("detachOther", () => {
  it("takes back what the same interface has by another VLAN id, and nothing else", () => {
    store.write(recordOf({ steps: [step], vlanId: 7 }));
    store.write(recordOf({ steps: [step], vlanId: 8 }));
    store.write(recordOf({ steps: [step], vlanId: 7, ifName: "eth1" }));
    store.write(recordOf({ steps: [step], vlanId: 9, containerId: "other" }));
    detachOther(node(), recordOf({ vlanId: 8 }));
    expect(sent).toEqual([RouteMessage.DELRULE]);
    expect(files()).toEqual(["7:first:eth1.json", "8:first:eth0.json", "9:other:eth0.json"]);
  });
});

describe("attach", () => {
  const attachRecord = (record: AttachmentRecord) => {
    using kernel = new Kernel(undefined, transport);
    attach(node(), kernel, record);
  };

  it("leaves the record beside what it made", () => {
    attachRecord(recordOf({ steps: [step] }));
    expect(sent).toEqual([RouteMessage.NEWRULE]);
    expect(files()).toEqual(["7:first:eth0.json"]);
  });

  it("has the record on disk before the first change", () => {
    let onDisk: string[] = [];
    using kernel = new Kernel(undefined, () => {
      onDisk = files();
      return transport();
    });
    attach(node(), kernel, recordOf({ steps: [step] }));
    expect(onDisk).toEqual(["7:first:eth0.json"]);
  });

  const second: Step = {
    do: {
      kind: "neighbour",
      at: "node",
      device: 9,
      neighbour: { address: "fe80::1", mac: "02:00:00:00:00:01" },
    },
    undo: [],
  };

  it("takes all back when a step is refused, and the record goes too", () => {
    refuses[RouteMessage.NEWNEIGH] = Errno.EPERM;
    expect(() => attachRecord(recordOf({ steps: [step, second] }))).toThrow(/add neighbour fe80::1 .*EPERM/);
    expect(sent).toEqual([RouteMessage.NEWRULE, RouteMessage.NEWNEIGH, RouteMessage.DELRULE]);
    expect(files()).toEqual([]);
  });

  it.each([
    ["the kernel's", new DatapathError("kernel", "first"), DatapathError],
    ["the records'", new StateError("first"), StateError],
  ])("tells %s error that came first, and that the record could not go", (_whose, first, kind) => {
    const record = recordOf({ steps: [step] });
    const file = `${directory}/attachments/7:first:eth0.json`;
    using kernel = new Kernel(undefined, transport);
    const fail = () => {
      rmSync(file);
      mkdirSync(file);
      throw first;
    };
    const attempt = () => attach(node(), kernel, record, fail);
    expect(attempt).toThrow(kind);
    rmSync(file, { recursive: true });
    expect(attempt).toThrow(
      expect.objectContaining({
        message: "first",
        details: [`not undone: Cannot remove ${file}: EISDIR`],
      }),
    );
  });

  const silent = new DatapathError("gateway", "the gateway 10.0.1.1 does not answer");
  const neverReady = (record: AttachmentRecord) => () => {
    using kernel = new Kernel(undefined, transport);
    const fail = () => {
      // DEL would find it, were we killed while waiting.
      expect(files()).toEqual(["7:first:eth0.json"]);
      throw silent;
    };
    attach(node(), kernel, record, undefined, fail);
  };

  it("takes all steps back, and the record, when the branch does not get ready", () => {
    expect(neverReady(recordOf({ steps: [step] }))).toThrow(
      expect.objectContaining({ failure: "gateway", message: silent.message, details: [] }),
    );
    expect(sent).toEqual([RouteMessage.NEWRULE, RouteMessage.DELRULE]);
    expect(files()).toEqual([]);
  });

  it("keeps the record of what could not be taken back of a branch that does not get ready", () => {
    refuses[RouteMessage.DELRULE] = Errno.EBUSY;
    expect(neverReady(recordOf({ steps: [step] }))).toThrow(
      expect.objectContaining({
        failure: "gateway",
        message: silent.message,
        details: [expect.stringMatching(/^not undone: delete rule .*EBUSY$/)],
      }),
    );
    expect(files()).toEqual(["7:first:eth0.json"]);
  });

  it("tries no second time when the VLAN id is taken and something could not be taken back", () => {
    refuses[RouteMessage.NEWLINK] = Errno.EEXIST;
    refuses[RouteMessage.DELRULE] = Errno.EBUSY;
    const vlan = { name: "vlan.eth.7", vlanId: 7, mac: "02:b1:00:00:00:07", mtu: 1500, trunk: 3 };
    const device: Step = { do: { kind: "vlan", at: "node", vlan }, undo: [] };
    expect(() => attachRecord(recordOf({ steps: [step, device] }))).toThrow(
      expect.objectContaining({ details: [expect.stringMatching(/^not undone: delete rule .*EBUSY$/)] }),
    );
    expect(sent).toEqual([RouteMessage.NEWRULE, RouteMessage.NEWLINK, RouteMessage.DELRULE]);
    expect(files()).toEqual(["7:first:eth0.json"]);
  });

  it("keeps the record when something could not be taken back: DEL tries again", () => {
    refuses[RouteMessage.NEWNEIGH] = Errno.EPERM;
    refuses[RouteMessage.DELRULE] = Errno.EBUSY;
    const record = recordOf({ steps: [step, second] });
    expect(() => attachRecord(record)).toThrow(DatapathError);
    expect(files()).toEqual(["7:first:eth0.json"]);

    expect(() => detachRecord(node(), record)).toThrow(
      /^VLAN 7 could not be detached completely: delete rule/,
    );
    expect(files()).toEqual(["7:first:eth0.json"]);
    refuses = {};
    detachRecord(node(), record);
    expect(files()).toEqual([]);
  });
});

describe("detachRecord", () => {
  const away: Step = {
    do: { kind: "rule", at: "node", rule, absent: true },
    undo: [{ kind: "rule", at: "node", rule }],
  };

  it.each([
    { pod: "lives", namespace: living, expected: [RouteMessage.DELRULE, RouteMessage.NEWRULE] },
    { pod: "is gone", namespace: () => gone, expected: [RouteMessage.DELRULE] },
  ])(
    "puts back what the primary had on the node only for a pod that lives: it $pod",
    ({ namespace, expected }) => {
      const record = recordOf({ steps: [away, step], namespace: namespace() });
      store.write(record);
      detachRecord(node(), record);
      expect(sent).toEqual(expected);
      expect(files()).toEqual([]);
    },
  );
});
