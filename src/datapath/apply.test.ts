import { describe, expect, it } from "vitest";
import { NetlinkProtocolError } from "../netlink/error.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../netlink/message.ts";
import { RouteMessage } from "../netlink/route/constants.ts";
import { decodeLink } from "../netlink/route/link.ts";
import { anyDestination, decodeRoute, newRoute } from "../netlink/route/route.ts";
import { decodeRule, type Rule } from "../netlink/route/rule.ts";
import type { Transport } from "../netlink/transport.ts";
import { Errno } from "../sys/errno.ts";
import { apply, undo } from "./apply.ts";
import { DatapathError } from "./error.ts";
import { Kernel } from "./kernel.ts";
import type { Operation, Step } from "./operation.ts";

/** A kernel of rules above all: `+10` adds the one of priority 10, `-10` deletes it. What it refuses, it refuses each time. */
class FakeKernel {
  /** One entry a datagram. */
  readonly datagrams: string[][] = [];
  readonly refuses: Record<string, number> = {};
  /** From this message on no answer comes. */
  silentFrom: string | undefined;

  open(): Kernel {
    return new Kernel(undefined, () => this.#transport());
  }

  #transport(): Transport {
    const answers: Uint8Array[] = [];
    return {
      send: (bytes) => {
        const messages = decodeMessages(bytes);
        const texts = messages.map(({ type, payload }) => textOf(type, payload));
        this.datagrams.push(texts);
        if (this.silentFrom !== undefined && texts.includes(this.silentFrom)) return;
        for (const [i, { flags, sequence }] of messages.entries()) {
          const errno = this.refuses[texts[i] ?? ""] ?? 0;
          if (errno === 0 && (flags & MessageFlag.ACK) === 0) continue;
          const payload = new Uint8Array(20);
          new DataView(payload.buffer).setInt32(0, -errno, true);
          answers.push(
            encodeMessage({ type: ControlType.ERROR, flags: MessageFlag.CAPPED, sequence, payload }),
          );
        }
      },
      receive: () => answers.shift() ?? fail(new NetlinkProtocolError("no answer within 10 s")),
      [Symbol.dispose]: () => undefined,
    };
  }
}

function textOf(type: number, payload: Uint8Array): string {
  if (type === RouteMessage.NEWLINK) return `link ${decodeLink(payload).index}`;
  if (type === RouteMessage.NEWROUTE) return `route ${decodeRoute(payload)?.device}`;
  return `${type === RouteMessage.NEWRULE ? "+" : "-"}${decodeRule(payload)?.priority}`;
}

function fail(error: Error): never {
  throw error;
}

const rule = (priority: number): Rule => ({ family: 4, priority, table: 107 });
const adds = (priority: number): Operation => ({ kind: "rule", at: "node", rule: rule(priority) });
const deletes = (priority: number): Operation => ({
  kind: "rule",
  at: "node",
  rule: rule(priority),
  absent: true,
});
const step = (priority: number): Step => ({ do: adds(priority), undo: [deletes(priority)] });
const missingSysctl = (fields: object = {}): Operation => ({
  kind: "sysctl",
  at: "node",
  key: "ipv4/conf/no such device/rp_filter",
  value: "2",
  ...fields,
});

function thrownBy(callback: () => void): DatapathError {
  try {
    callback();
  } catch (error) {
    if (error instanceof DatapathError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("apply", () => {
  it("sends neighbouring operations in one datagram, in order", () => {
    const fake = new FakeKernel();
    apply(fake.open(), [step(1), step(2), step(3)]);
    expect(fake.datagrams).toEqual([["+1", "+2", "+3"]]);
  });

  it("starts another where a sysctl comes between", () => {
    const fake = new FakeKernel();
    const optional = { do: missingSysctl({ optional: true }), undo: [] };
    apply(fake.open(), [step(1), optional, step(2)]);
    expect(fake.datagrams).toEqual([["+1"], ["+2"]]);
  });

  it("does nothing for nothing", () => {
    const fake = new FakeKernel();
    apply(fake.open(), []);
    expect(fake.datagrams).toEqual([]);
  });

  it("takes back what was carried out when one is refused, last first, and says which and why", () => {
    const fake = new FakeKernel();
    fake.refuses["+3"] = Errno.EPERM;
    const optional = { do: missingSysctl({ optional: true }), undo: [] };
    const error = thrownBy(() => apply(fake.open(), [step(1), step(2), optional, step(3), step(4)]));
    expect(error.failure).toBe("kernel");
    expect(error.message).toBe("add rule 3: from all lookup 107: EPERM");
    expect(error.operation).toEqual(adds(3));
    expect(error.details).toEqual([]);
    const taken = fake.datagrams.slice(2).flat();
    // 4 was in the same datagram: the kernel does not stop at what it refuses.
    expect(taken.filter((text) => text !== "-3")).toEqual(["-4", "-2", "-1"]);
  });

  it("says what could not be taken back, and takes back the rest", () => {
    const fake = new FakeKernel();
    fake.refuses["+3"] = Errno.EPERM;
    fake.refuses["-2"] = Errno.EBUSY;
    const error = thrownBy(() => apply(fake.open(), [step(1), step(2), step(3)]));
    expect(error.details).toEqual(["not undone: delete rule 2: from all lookup 107: EBUSY"]);
    expect(fake.datagrams.slice(1).flat()).toContain("-1");
  });

  it("takes a rule that is there for added, and any that is gone for deleted", () => {
    const fake = new FakeKernel();
    fake.refuses["+1"] = Errno.EEXIST;
    fake.refuses["-2"] = Errno.ENOENT;
    expect(() => apply(fake.open(), [step(1), { do: deletes(2), undo: [] }])).not.toThrow();
  });

  it("takes back all of a datagram whose answer does not come: any of it may have been carried out", () => {
    const fake = new FakeKernel();
    fake.silentFrom = "+2";
    const error = thrownBy(() => apply(fake.open(), [step(1), step(2), step(3)]));
    expect(error.message).toMatch(/no answer/);
    expect(fake.datagrams.slice(1).flat()).toEqual(["-3", "-2", "-1"]);
  });

  it("fails for a sysctl that this kernel lacks, unless that is fine", () => {
    const fake = new FakeKernel();
    const error = thrownBy(() => apply(fake.open(), [step(1), { do: missingSysctl(), undo: [] }]));
    expect(error.message).toBe("write 2 to sysctl ipv4/conf/no such device/rp_filter: ENOENT");
    expect(fake.datagrams).toEqual([["+1"], ["-1"]]);
  });

  it("fails in a pod whose namespace is gone", () => {
    const inPod: Step = { do: { ...adds(1), at: "pod" }, undo: [] };
    expect(thrownBy(() => apply(new FakeKernel().open(), [inPod])).message).toMatch(/namespace is gone/);
  });
});

describe("undo", () => {
  it("goes on after a failure and gives each, but not what was absent already", () => {
    const fake = new FakeKernel();
    Object.assign(fake.refuses, { "-1": Errno.EPERM, "-2": Errno.ESRCH, "-4": Errno.EBUSY });
    const errors = undo(fake.open(), [1, 2, 3, 4].map(deletes));
    expect(fake.datagrams.flat()).toEqual(["-1", "-2", "-3", "-4"]);
    expect(errors.map(({ message }) => message)).toEqual([
      "delete rule 1: from all lookup 107: EPERM",
      "delete rule 4: from all lookup 107: EBUSY",
    ]);
  });

  it("leaves out what lay in a pod that is gone", () => {
    const fake = new FakeKernel();
    expect(undo(fake.open(), [{ ...deletes(1), at: "pod" }, deletes(2)])).toEqual([]);
    expect(fake.datagrams).toEqual([["-2"]]);
  });

  it("has nothing to say of what belonged to a device that is gone, in whatever words it is refused", () => {
    const route = newRoute({ ...anyDestination(4), gateway: "10.0.0.1" });
    const fake = new FakeKernel();
    // A link that is changed, and routes by it.
    Object.assign(fake.refuses, {
      "link 5": Errno.ENODEV,
      "route 5": Errno.ENETUNREACH,
      "route 6": Errno.ENETUNREACH,
    });
    const errors = undo(fake.open(), [
      { kind: "link", at: "node", device: 5, up: true },
      { kind: "route", at: "node", device: 5, route },
      { kind: "link", at: "node", device: 6, up: true },
      { kind: "route", at: "node", device: 6, route },
    ]);
    expect(fake.datagrams.flat()).toEqual(["link 5", "route 5", "link 6", "route 6"]);
    expect(errors.map(({ message }) => message)).toEqual([
      "add route default via 10.0.0.1 dev 6: ENETUNREACH",
    ]);
  });

  it("has nothing to say of a device that is gone with its sysctls", () => {
    expect(undo(new FakeKernel().open(), [missingSysctl(), missingSysctl({ optional: true })])).toEqual([]);
  });
});
