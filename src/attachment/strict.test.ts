import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Kernel } from "../datapath/kernel.ts";
import type { Operation } from "../datapath/operation.ts";
import { localRulesToMove, moveLocalRule, restoreLocalRule } from "../datapath/local-rule.ts";
import { NetlinkError } from "../netlink/error.ts";
import { type Rule, addRule, describeRule } from "../netlink/route/rule.ts";
import type { Request } from "../netlink/socket.ts";
import { openNamespace } from "../netns/namespace.ts";
import { systemClock } from "../sys/clock.ts";
import { Errno } from "../sys/errno.ts";
import type { Node } from "./node.ts";
import { type AttachmentRecord, RECORD_VERSION } from "../state/record.ts";
import { StateError, AttachmentStore, LeftBehindError } from "../state/store.ts";
import { enterStrict, leaveStrict, reviewStrict } from "./strict.ts";

const LOCAL = 255;
const AF_INET6 = 10;
const local = (family: 4 | 6, priority: number): Rule => ({ family, priority, table: LOCAL });
const main = (family: 4 | 6): Rule => ({ family, priority: 32_766, table: 254 });
const strictRule = (name: string): Rule => ({ family: 4, priority: 10, table: 107, inputDevice: name });
const say = (rule: Rule) => `${rule.family} ${describeRule(rule)}`;

/** The rules of a node, added and deleted as the kernel does it, and one sysctl. */
class FakeKernel {
  rules: Rule[] = [local(4, 0), local(6, 0)];
  demux: string | undefined = "0";
  /** All that was changed, in order. */
  readonly log: string[] = [];
  /** Refuses the n-th change, counted from 1. */
  refuse = 0;
  /** Told before each change. */
  onChange: () => void = () => undefined;
  readonly podIsGone = true;

  get kernel(): Kernel {
    return this as unknown as Kernel;
  }

  request(operation: Operation): unknown {
    return operation;
  }

  socket() {
    return {
      batch: (operations: readonly Operation[]) => operations.map((operation) => this.#change(operation)),
      dump: ({ payload }: Request) =>
        this.rules
          .filter(({ family }) => (payload[0] === AF_INET6 ? 6 : 4) === family)
          .toSorted((a, b) => a.priority - b.priority)
          .map((rule) => ({ payload: addRule(rule).payload })),
    };
  }

  within<T>(_at: string, callback: () => T): T {
    return callback();
  }

  readSysctl(): string | undefined {
    return this.demux;
  }

  writeSysctl(_at: string, key: string, value: string): boolean {
    this.onChange();
    this.log.push(`${key}=${value}`);
    this.demux = value;
    return true;
  }

  #change(operation: Operation): { error?: Error } {
    if (operation.kind !== "rule") throw new Error(operation.kind);
    this.onChange();
    const { rule, absent } = operation;
    this.log.push(`${absent === true ? "-" : "+"} ${say(rule)}`);
    if (this.log.length === this.refuse) return { error: new NetlinkError("rule", Errno.EINVAL) };
    if (absent !== true) {
      if (this.rules.some((one) => say(one) === say(rule)))
        return { error: new NetlinkError("rule", Errno.EEXIST) };
      // Behind those of the same priority.
      this.rules.push(rule);
      return {};
    }
    // The first that matches in all that is given; what is not given matches everything (fib_rules.c rule_find).
    const found = this.rules.find(
      (one) =>
        one.family === rule.family &&
        one.priority === rule.priority &&
        one.table === rule.table &&
        (rule.from === undefined || one.from?.address === rule.from.address) &&
        (rule.inputDevice === undefined || one.inputDevice === rule.inputDevice),
    );
    if (found === undefined) return { error: new NetlinkError("rule", Errno.ENOENT) };
    this.rules = this.rules.filter((one) => one !== found);
    return {};
  }

  said(): string[] {
    return this.rules.map(say).toSorted();
  }
}

const untouched = ["4 0: from all lookup 255", "6 0: from all lookup 255"];
const moved = [
  "4 20: from all lookup 255",
  "6 0: from fe80:ec2::1/128 ipproto 58 lookup 255",
  "6 20: from all lookup 255",
];

let directory: string;
let node: Node;
let fake: FakeKernel;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "branchline-strict-"));
  node = { store: new AttachmentStore(directory, systemClock), clock: systemClock };
  fake = new FakeKernel();
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const stateFile = () => join(directory, "strict.json");
const state = (): unknown =>
  existsSync(stateFile()) ? JSON.parse(readFileSync(stateFile(), "utf8")) : undefined;

/** A namespace that lives: any will do where none is entered. */
function living(): { path: string; identity: string } {
  const path = "/proc/self/ns/uts";
  using namespace = openNamespace(path);
  return { path, identity: namespace.identity };
}

function recordOf(containerId: string, mode: AttachmentRecord["mode"] = "strict"): AttachmentRecord {
  return {
    version: RECORD_VERSION,
    containerId,
    ifName: "eth0",
    network: "n",
    pod: {},
    eniId: "eni-0b",
    mac: "02:b1:00:00:00:07",
    vlanId: 7,
    addresses: [],
    namespace: living(),
    datapath: "routed",
    mode,
    trunk: { name: "eth1", index: 3, mac: "" },
    hostInterfaceName: "host0",
    steps: [],
  };
}

/** As ADD does it: the record first. */
function enter(record: AttachmentRecord, manageEarlyDemux = false, families: readonly (4 | 6)[] = [4, 6]) {
  node.store.write(record);
  return enterStrict(node, fake.kernel, { families, manageEarlyDemux });
}

const review = () => reviewStrict(node, fake.kernel);
const leave = (record: AttachmentRecord) => leaveStrict(node, fake.kernel, record);

describe("the rule for table local", () => {
  it("is moved in both families, the new one added before the old one goes, with the router's exception", () => {
    enter(recordOf("a"));
    expect(fake.said()).toEqual(moved);
    const at = (line: string) => fake.log.indexOf(line);
    expect(at("+ 4 20: from all lookup 255")).toBeLessThan(at("- 4 0: from all lookup 255"));
    expect(at("+ 6 20: from all lookup 255")).toBeLessThan(at("- 6 0: from all lookup 255"));
    expect(at("+ 6 0: from fe80:ec2::1/128 ipproto 58 lookup 255")).toBeLessThan(
      at("- 6 0: from all lookup 255"),
    );
  });

  it("is put back by the kernel's name, before the moved one goes", () => {
    enter(recordOf("a"));
    fake.log.length = 0;
    leave(recordOf("a"));
    expect(fake.said()).toEqual(untouched);
    expect(fake.rules.map(({ protocol }) => protocol)).toEqual([2, 2]);
    expect(fake.log.indexOf("+ 4 0: from all lookup 255")).toBeLessThan(
      fake.log.indexOf("- 4 20: from all lookup 255"),
    );
    expect(state()).toBeUndefined();
    expect(node.store.keys()).toEqual([]);
  });

  it("is the kernel's by its protocol, where it is moved to as well: what is not, systemd-networkd removes", () => {
    enter(recordOf("a"));
    expect(fake.rules.map(({ protocol }) => protocol)).toEqual([2, 2, 2]);
  });

  it("of a family that the branch lacks stays where it is", () => {
    enter(recordOf("a"), false, [4]);
    expect(fake.said()).toEqual(["4 20: from all lookup 255", "6 0: from all lookup 255"]);
    expect(state()).toEqual({ moved: [4] });
    enter(recordOf("b"), false, [6]);
    expect(fake.said()).toEqual(moved);
    leave(recordOf("b"));
    leave(recordOf("a"));
    expect(fake.said()).toEqual(untouched);
  });

  it("that somebody removed comes back behind the pods' rules with the next strict pod, also of a family it lacks", () => {
    enter(recordOf("a"));
    fake.rules = fake.rules.filter(({ priority }) => priority !== 20);
    enter(recordOf("b"), false, [4]);
    expect(fake.said()).toEqual(moved);
    leave(recordOf("a"));
    leave(recordOf("b"));
    expect(fake.said()).toEqual(untouched);
  });

  it("that somebody removed before the first strict pod is put where the kernel has it by the last", () => {
    fake.rules = [main(4), main(6)];
    enter(recordOf("a"));
    expect(state()).toEqual({ moved: [4, 6] });
    leave(recordOf("a"));
    expect(fake.said()).toEqual([...untouched, say(main(4)), say(main(6))].toSorted());
  });

  it("of a kernel without IPv6 is not missed", () => {
    fake.rules = [local(4, 0)];
    enter(recordOf("a"), false, [4, 6]);
    expect(fake.said()).toEqual(["4 20: from all lookup 255"]);
    expect(state()).toEqual({ moved: [4] });
  });

  it("is one rule, and the kernel's, also where aws-cni's own, of another protocol, stands behind already", () => {
    fake.rules = [local(4, 0), local(4, 20)];
    enter(recordOf("a"), false, [4]);
    expect(fake.rules).toEqual([{ ...local(4, 20), protocol: 2 }]);
    leave(recordOf("a"));
    expect(fake.said()).toEqual(["4 0: from all lookup 255"]);
  });

  it("is moved from any place before the pods' rules", () => {
    fake.rules = [local(4, 0), local(4, 5), local(4, 10)];
    enter(recordOf("a"), false, [4]);
    expect(fake.said()).toEqual(["4 20: from all lookup 255"]);
  });

  it("is written down as ours before anything is changed", () => {
    const seen: unknown[] = [];
    fake.onChange = () => seen.push(state());
    enter(recordOf("a"));
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen.map((value) => JSON.stringify(value)))).toEqual(new Set(['{"moved":[4,6]}']));
  });

  it("stays where aws-cni moved it, as the kernel's, and nothing is written down; the node is never without", () => {
    fake.rules = [local(4, 20), local(6, 20)];
    const counts: number[] = [];
    fake.onChange = () => counts.push(fake.rules.filter(({ family }) => family === 4).length);
    enter(recordOf("a"));
    const kernels = [4, 6].map((family) => ({ ...local(family as 4 | 6, 20), protocol: 2 }));
    expect(fake.rules.filter(({ from }) => from === undefined)).toEqual(kernels);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(state()).toBeUndefined();
    leave(recordOf("a"));
    expect(fake.rules.filter(({ from }) => from === undefined)).toEqual(kernels);
    expect(localRulesToMove(fake.kernel, [4, 6])).toEqual([]);
  });

  it("goes back in the family that we moved, and stays in the one that aws-cni did", () => {
    fake.rules = [local(4, 20), local(6, 0)];
    enter(recordOf("a"));
    expect(state()).toEqual({ moved: [6] });
    leave(recordOf("a"));
    expect(fake.said()).toEqual(["4 20: from all lookup 255", "6 0: from all lookup 255"]);
  });

  it("stays while another strict record is there, whichever goes first", () => {
    for (const [first, last] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      enter(recordOf("a"));
      enter(recordOf("b"));
      leave(recordOf(first));
      expect(fake.said()).toEqual(moved);
      expect(node.store.keys()).toEqual([{ containerId: last, ifName: "eth0" }]);
      leave(recordOf(last));
      expect(fake.said()).toEqual(untouched);
    }
  });

  it("two that leave at once: each record goes before the other's turn to look for one", () => {
    let held = false;
    class Watched extends AttachmentStore {
      override withNode<T>(waitMs: number, callback: () => T): T {
        return super.withNode(waitMs, () => {
          held = true;
          try {
            return callback();
          } finally {
            held = false;
          }
        });
      }
      override remove(...args: Parameters<AttachmentStore["remove"]>): void {
        removals.push(held);
        super.remove(...args);
      }
    }
    const removals: boolean[] = [];
    node = { store: new Watched(directory, systemClock), clock: systemClock };
    enter(recordOf("a"));
    leave(recordOf("a"));
    expect(removals).toEqual([true]);
  });

  it("is not kept by a standard pod's record", () => {
    node.store.write(recordOf("other", "standard"));
    enter(recordOf("a"));
    leave(recordOf("a"));
    expect(fake.said()).toEqual(untouched);
  });

  it("stays while aws-cni has a strict pod of its own, which no record speaks of", () => {
    enter(recordOf("a"));
    fake.rules.push(strictRule("vlan.eth.9"));
    leave(recordOf("a"));
    expect(fake.said()).toEqual(expect.arrayContaining(moved));
    expect(state()).toEqual({ moved: [4, 6] });
    fake.rules = fake.rules.filter(({ inputDevice }) => inputDevice === undefined);
    enter(recordOf("b"));
    leave(recordOf("b"));
    expect(fake.said()).toEqual(untouched);
  });

  it("that stayed for a strict pod of aws-cni goes back at the next look after that pod has gone", () => {
    enter(recordOf("a"));
    fake.rules.push(strictRule("vlan.eth.9"));
    leave(recordOf("a"));
    review();
    expect(fake.said()).toEqual(expect.arrayContaining(moved));
    fake.rules = fake.rules.filter(({ inputDevice }) => inputDevice === undefined);
    review();
    expect([fake.said(), state()]).toEqual([untouched, undefined]);
    fake.log.length = 0;
    review();
    expect(fake.log).toEqual([]);
  });

  it("stays at a look while a strict pod is being attached, whose rules are not there yet", () => {
    enter(recordOf("a"));
    review();
    expect(fake.said()).toEqual(moved);
  });

  it("comes back at a look while strict pods need it, and nothing else is changed", () => {
    enter(recordOf("a"));
    fake.rules = [strictRule("vlan.eth.9"), ...fake.rules.filter(({ priority }) => priority !== 20)];
    review();
    expect(fake.said()).toEqual([...moved, say(strictRule("vlan.eth.9"))].toSorted());
  });

  it("what a killed call was writing goes with the next one that has the node's lock", () => {
    for (const call of [() => enter(recordOf("a")), () => review(), () => leave(recordOf("a"))]) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(`${stateFile()}.4242.tmp`, '{"mov');
      writeFileSync(join(directory, "trunk.json.4242.tmp"), "not ours");
      // So that a look has something to do.
      fake.rules = fake.rules.filter(({ priority }) => priority !== 20);
      call();
      expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual(["trunk.json.4242.tmp"]);
    }
  });

  it("stays while there is a record that cannot be read: it may be a strict pod's", () => {
    enter(recordOf("a"));
    writeFileSync(join(directory, "attachments", "8:broken:eth0.json"), "{");
    leave(recordOf("a"));
    expect(fake.said()).toEqual(moved);
    expect(node.store.keys()).toEqual([{ containerId: "broken", ifName: "eth0" }]);
  });

  it("does not stay for a record that was left behind: its namespace is gone", () => {
    const left = { ...recordOf("left"), namespace: { path: "/nonexistent/netns", identity: "4:1" } };
    node.store.write(left);
    enter(recordOf("a"));
    leave(recordOf("a"));
    expect(fake.said()).toEqual(untouched);
    expect(node.store.keys()).toEqual([{ containerId: "left", ifName: "eth0" }]);
  });

  const notOurs = (text: string) => () => writeFileSync(stateFile(), text);
  it.each([
    ["is cut off", notOurs('{"mov'), "is not what this version of branchline writes; remove it"],
    ["is null", notOurs("null"), "is not what this version of branchline writes; remove it"],
    [
      "names other families",
      notOurs('{"moved":[5]}'),
      "is not what this version of branchline writes; remove it",
    ],
    ["has no list", notOurs('{"moved":6}'), "is not what this version of branchline writes; remove it"],
    ["is large", notOurs(" ".repeat(5000)), "has 5000 bytes, more than the 4096 it may have; remove it"],
    ["is a link", () => symlinkSync("elsewhere", stateFile()), "is a symbolic link; remove it"],
    ["is a directory", () => mkdirSync(stateFile()), "is not a regular file; remove it"],
  ])(
    "a strict.json that %s: nothing is changed for a new pod, and the last one's record goes all the same",
    (_what, spoil, said) => {
      enter(recordOf("a"));
      rmSync(stateFile());
      spoil();
      const error = `${stateFile()} ${said}`;
      fake.log.length = 0;
      expect(() => enter(recordOf("b"))).toThrow(new StateError(error));
      expect(() => leave(recordOf("b"))).toThrow(new LeftBehindError(error));
      expect(() => leave(recordOf("a"))).toThrow(new LeftBehindError(error));
      expect(node.store.keys()).toEqual([]);
      expect(fake.log).toEqual([]);
    },
  );

  it("the record stays when the kernel refuses to put it back, and the next try finishes", () => {
    for (const refuse of [1, 2, 3, 4, 5]) {
      enter(recordOf("a"));
      fake.log.length = 0;
      fake.refuse = refuse;
      expect(() => leave(recordOf("a"))).toThrow(/the rule for table local could not be moved: .*EINVAL/);
      expect(node.store.keys()).toHaveLength(1);
      expect(state()).toEqual({ moved: [4, 6] });
      fake.refuse = 0;
      leave(recordOf("a"));
      expect(fake.said()).toEqual(untouched);
    }
  });

  it("is moved whatever change a call was killed before, and put back from there as well", () => {
    const count = () => {
      const probe = new FakeKernel();
      moveLocalRule(probe.kernel, localRulesToMove(probe.kernel, [4, 6]));
      const moving = probe.log.length;
      restoreLocalRule(probe.kernel, [4, 6]);
      return { moving, restoring: probe.log.length - moving };
    };
    const { moving, restoring } = count();
    const killed = (call: () => void, after: number) => {
      let changes = 0;
      fake.onChange = () => {
        if (changes === after) throw new Error("killed");
        changes += 1;
      };
      expect(call).toThrow("killed");
      fake.onChange = () => undefined;
    };
    for (let after = 0; after < moving; after += 1) {
      killed(() => enter(recordOf("a")), after);
      enter(recordOf("a"));
      expect(fake.said()).toEqual(moved);
      leave(recordOf("a"));
      expect(fake.said()).toEqual(untouched);
    }
    for (let after = 0; after < restoring; after += 1) {
      enter(recordOf("a"));
      killed(() => leave(recordOf("a")), after);
      // The next pod comes before anybody has cleaned up.
      enter(recordOf("b"));
      expect({ after, rules: fake.said() }).toEqual({ after, rules: moved });
      leave(recordOf("a"));
      expect({ after, rules: fake.said() }).toEqual({ after, rules: moved });
      leave(recordOf("b"));
      expect({ after, rules: fake.said() }).toEqual({ after, rules: untouched });
    }
  });

  it("a rule that asks table local for some packets only is not the rule", () => {
    fake.rules = [
      { ...local(4, 20), protocol: 2 },
      { ...local(6, 20), protocol: 2 },
      { ...local(4, 0), inputDevice: "x" },
      { ...local(4, 0), to: { address: "10.0.0.1", length: 32 } },
      { ...local(6, 0), from: { address: "fe80:ec2::1", length: 128 }, ipProtocol: 58 },
    ];
    expect(localRulesToMove(fake.kernel, [4, 6])).toEqual([]);
  });
});

describe("tcp_early_demux", () => {
  it.each([
    { what: "on, not ours to switch", demux: "1", manage: false, probesFail: true, after: "1" },
    { what: "off", demux: "0", manage: false, probesFail: false, after: "0" },
    { what: "on, and ours", demux: "1", manage: true, probesFail: false, after: "0" },
    { what: "off, and ours", demux: "0", manage: true, probesFail: false, after: "0" },
    { what: "not in this kernel", demux: undefined, manage: true, probesFail: false, after: undefined },
  ])("$what", ({ demux, manage, probesFail, after }) => {
    fake.demux = demux;
    expect(enter(recordOf("a"), manage)).toEqual({ probesFail });
    expect(fake.demux).toBe(after);
    leave(recordOf("a"));
    expect(fake.demux).toBe(demux);
  });

  it("is what it was before the first of two pods when the last has gone", () => {
    fake.demux = "1";
    enter(recordOf("a"), true);
    enter(recordOf("b"), true);
    leave(recordOf("a"));
    expect(fake.demux).toBe("0");
    leave(recordOf("b"));
    expect(fake.demux).toBe("1");
  });

  it("is written down before it is changed", () => {
    fake.demux = "1";
    fake.rules = [local(4, 20), local(6, 20)];
    let seen: unknown;
    fake.onChange = () => (seen = state());
    enter(recordOf("a"), true);
    expect(seen).toEqual({ moved: [], earlyDemux: "1" });
  });
});
