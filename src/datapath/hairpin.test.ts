import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { viewOf } from "../netlink/attribute.ts";
import { NetlinkProtocolError } from "../netlink/error.ts";
import { ControlType, type Message, MessageFlag, decodeMessages, encodeMessage } from "../netlink/message.ts";
import { NETLINK_NETFILTER, type Transport } from "../netlink/transport.ts";
import { Errno, SysError } from "../sys/errno.ts";
import { apply, undo } from "./apply.ts";
import { Kernel } from "./kernel.ts";
import { type Operation, undoOf } from "./operation.ts";
import { step } from "./steps.ts";
import { verify } from "./verify.ts";

const MADE: Operation = {
  kind: "hairpin",
  at: "node",
  family: 4,
  table: "branchline-7",
  from: "10.0.0.50",
  to: "10.0.0.20",
};
const GONE: Operation = { kind: "hairpin", at: "node", family: 4, table: "branchline-7", absent: true };
const steps = [step(MADE, [GONE])];

const [NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE, GETRULE] = [0xa00, 0xa02, 0xa03, 0xa06, 0xa07];
const BEGIN = 0x10;

/** Says what it is told to about messages of a type; without a word everything is fine. */
class Nftables {
  readonly sent: number[][] = [];
  refusals: ReadonlyMap<number, number> = new Map();
  answers = true;
  isThere = true;

  open(protocol: number | undefined): Transport {
    if (protocol !== NETLINK_NETFILTER) throw new Error("no rtnetlink is needed");
    if (!this.isThere) throw new SysError("socket", Errno.EPROTONOSUPPORT);
    const waiting: Uint8Array[] = [];
    return {
      send: (bytes) => {
        const messages = decodeMessages(Uint8Array.from(bytes));
        this.sent.push(messages.map(({ type }) => type));
        // A dump is over as soon as it begins.
        for (const message of messages) {
          const errno = this.refusals.get(message.type);
          const isDump = message.type === GETRULE;
          if (errno !== undefined || isDump || (message.flags & MessageFlag.ACK) !== 0) {
            waiting.push(answer(message, errno ?? 0, isDump && errno === undefined));
          }
        }
      },
      receive: () => {
        const next = this.answers ? waiting.shift() : undefined;
        if (next === undefined) throw new NetlinkProtocolError("the kernel did not answer within 10 s");
        return next;
      },
      [Symbol.dispose]: () => undefined,
    };
  }
}

function answer({ sequence }: Message, errno: number, isDone: boolean): Uint8Array {
  const payload = new Uint8Array(isDone ? 4 : 20);
  viewOf(payload).setInt32(0, -errno, true);
  const kind = isDone
    ? { type: ControlType.DONE, flags: MessageFlag.MULTI }
    : { type: ControlType.ERROR, flags: MessageFlag.CAPPED };
  return encodeMessage({ ...kind, sequence, payload });
}

let nftables: Nftables;
let kernel: Kernel;

beforeEach(() => {
  nftables = new Nftables();
  kernel = new Kernel(undefined, (_at, protocol) => nftables.open(protocol));
});

afterEach(() => kernel[Symbol.dispose]());

const BATCH = [BEGIN, NEWTABLE, DELTABLE, NEWTABLE, NEWCHAIN, NEWRULE];
const END = 0x11;

it("one transaction replaces the table, another deletes it", () => {
  apply(kernel, steps);
  expect(undo(kernel, undoOf(steps))).toEqual([]);
  expect(nftables.sent).toEqual([
    [...BATCH, END],
    [BEGIN, DELTABLE, END],
  ]);
  expect([...kernel.warnings]).toEqual([]);
});

describe("a kernel that lacks something", () => {
  const lacks = [
    { what: "nfnetlink", make: () => (nftables.isThere = false) },
    { what: "nf_tables", make: () => (nftables.refusals = new Map([[BEGIN, Errno.EOPNOTSUPP]])) },
    { what: "the family", make: () => (nftables.refusals = new Map([[NEWTABLE, Errno.EAFNOSUPPORT]])) },
    { what: "chains of type nat", make: () => (nftables.refusals = new Map([[NEWCHAIN, Errno.ENOENT]])) },
    { what: "masquerading", make: () => (nftables.refusals = new Map([[NEWRULE, Errno.ENOENT]])) },
  ];

  it.each(lacks)("$what: the pod starts, with one warning; CHECK and DEL are content", ({ make }) => {
    make();
    apply(kernel, steps);
    apply(kernel, steps);
    expect(kernel.warnings.size).toBe(1);
    expect([...kernel.warnings][0]).toMatch(
      /^a Service whose endpoint is the calling pod itself will not answer it: this kernel lacks nftables' masquerading: /,
    );
    expect(verify(kernel, steps)).toEqual([]);
    expect(undo(kernel, undoOf(steps))).toEqual([]);
  });
});

it("a kernel that refuses for another reason: the pod does not start, and the table is taken back", () => {
  nftables.refusals = new Map([[NEWRULE, Errno.EPERM]]);
  expect(() => apply(kernel, steps)).toThrow(
    "make nftables table branchline-7, to masquerade from 10.0.0.50 to 10.0.0.20: EPERM",
  );
  expect(nftables.sent.at(-1)).toEqual([BEGIN, DELTABLE, END]);
});

it("an answer that does not come: the table may be there, and is taken back", () => {
  nftables.answers = false;
  expect(() => apply(kernel, steps)).toThrow("did not answer within 10 s");
  expect(nftables.sent.at(-1)).toEqual([BEGIN, DELTABLE, END]);
});

it("a table that is not there: CHECK says so, changing nothing; DEL is content", () => {
  expect(verify(kernel, steps)).toEqual([
    "on the node: nftables table branchline-7 with one rule, to masquerade from 10.0.0.50 to 10.0.0.20, is missing",
  ]);
  expect(nftables.sent).toEqual([[GETRULE], BATCH]);
  nftables.refusals = new Map([[DELTABLE, Errno.ENOENT]]);
  expect(undo(kernel, [GONE])).toEqual([]);
});
