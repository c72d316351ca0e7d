import { describe, expect, test } from "vitest";
import { concat } from "../attribute.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../message.ts";
import type { Transport } from "../transport.ts";
import { commit, rehearse } from "./batch.ts";
import { deleteTable, isMasquerade, replaceMasquerade } from "./masquerade.ts";

/** What nft 1.0.6 sends to make the same table, all of its datagram, as strace showed it. */
const byNft = {
  4: [
    "140000001000010000000000000000000000000a30000000000a0100010000000000000002000000110001006272616e",
    "63686c696e652d3700000000080002000000000028000000020a0100020000000000000002000000110001006272616e",
    "63686c696e652d370000000030000000000a0100030000000000000002000000110001006272616e63686c696e652d37",
    "0000000008000200000000004c000000030a0104040000000000000002000000110001006272616e63686c696e652d37",
    "00000000080003006f776e00080007006e617400140004800800010000000004080002000000006308010000060a010c",
    "050000000000000002000000110001006272616e63686c696e652d3700000000080002006f776e00d800048034000180",
    "0c0001007061796c6f6164002400028008000100000000010800020000000001080003000000000c0800040000000004",
    "2c00018008000100636d700020000280080001000000000108000200000000000c000380080001000a00003234000180",
    "0c0001007061796c6f616400240002800800010000000001080002000000000108000300000000100800040000000004",
    "2c00018008000100636d700020000280080001000000000108000200000000000c000380080001000a00001414000180",
    "090001006d6173710000000004000280140000001100010006000000000000000000000a",
  ].join(""),
  6: [
    "140000001000010000000000000000000000000a30000000000a010001000000000000000a000000110001006272616e",
    "63686c696e652d3700000000080002000000000028000000020a010002000000000000000a000000110001006272616e",
    "63686c696e652d370000000030000000000a010003000000000000000a000000110001006272616e63686c696e652d37",
    "0000000008000200000000004c000000030a010404000000000000000a000000110001006272616e63686c696e652d37",
    "00000000080003006f776e00080007006e617400140004800800010000000004080002000000006320010000060a010c",
    "05000000000000000a000000110001006272616e63686c696e652d3700000000080002006f776e00f000048034000180",
    "0c0001007061796c6f616400240002800800010000000001080002000000000108000300000000080800040000000010",
    "3800018008000100636d70002c00028008000100000000010800020000000000180003801400010020010db800010000",
    "0000000000000050340001800c0001007061796c6f616400240002800800010000000001080002000000000108000300",
    "0000001808000400000000103800018008000100636d70002c0002800800010000000001080002000000000018000380",
    "1400010020010db800010000000000000000002014000180090001006d61737100000000040002801400000011000100",
    "06000000000000000000000a",
  ].join(""),
};

/** What Linux 6.18 lists of it: one message, from `struct nfgenmsg` on. */
const listed = {
  4: [
    "02000002110001006272616e63686c696e652d370000000010000200706f7374726f7574696e67000c00030000000000",
    "00000002d8000400340001000c0001007061796c6f616400240002000800010000000001080002000000000108000300",
    "0000000c08000400000000042c00010008000100636d700020000200080001000000000108000200000000000c000300",
    "080001000a000032340001000c0001007061796c6f616400240002000800010000000001080002000000000108000300",
    "0000001008000400000000042c00010008000100636d700020000200080001000000000108000200000000000c000300",
    "080001000a00001414000100090001006d6173710000000004000200",
  ].join(""),
  6: [
    "0a000003110001006272616e63686c696e652d370000000010000200706f7374726f7574696e67000c00030000000000",
    "00000002f0000400340001000c0001007061796c6f616400240002000800010000000001080002000000000108000300",
    "0000000808000400000000103800010008000100636d70002c0002000800010000000001080002000000000018000300",
    "1400010020010db8000100000000000000000050340001000c0001007061796c6f616400240002000800010000000001",
    "0800020000000001080003000000001808000400000000103800010008000100636d70002c0002000800010000000001",
    "0800020000000000180003001400010020010db800010000000000000000002014000100090001006d61737100000000",
    "04000200",
  ].join(""),
};

const tables = {
  4: { table: "branchline-7", family: 4, from: "10.0.0.50", to: "10.0.0.20" },
  6: { table: "branchline-7", family: 6, from: "2001:db8:1::50", to: "2001:db8:1::20" },
} as const;

/** Keeps what is sent, and answers with one datagram for each list of [sequence, errno]. */
function answering(...datagrams: (readonly [sequence: number, errno: number])[][]) {
  const waiting = datagrams.map((answers) =>
    concat(
      answers.map(([sequence, errno]) => {
        const payload = new Uint8Array(20);
        new DataView(payload.buffer).setInt32(0, -errno, true);
        return encodeMessage({ type: ControlType.ERROR, flags: MessageFlag.CAPPED, sequence, payload });
      }),
    ),
  );
  const sent: Uint8Array[] = [];
  const transport: Transport = {
    send: (bytes) => void sent.push(bytes),
    receive: () => {
      const next = waiting.shift();
      if (next === undefined) throw new Error("nothing more is sent");
      return next;
    },
    [Symbol.dispose]: () => undefined,
  };
  return { transport, sent };
}

describe.each([4, 6] as const)("a table of IPv%i", (family) => {
  const table = tables[family];
  const { transport, sent } = answering([[6, 0]]);
  commit(transport, "make it", replaceMasquerade(table));
  const ours = decodeMessages(concat(sent));
  const theirs = decodeMessages(Buffer.from(byNft[family], "hex"));

  test("the same messages as nft's, in one datagram", () => {
    expect(sent).toHaveLength(1);
    expect(ours.map(({ type }) => type)).toEqual(theirs.map(({ type }) => type));
    // The frame of the batch, to the byte.
    for (const at of [0, -1]) expect(ours.at(at)?.payload).toEqual(theirs.at(at)?.payload);
  });

  test("the rule says what nft's does, to the byte", () => {
    // After `struct nfgenmsg` and the names of table and chain: ours is called otherwise.
    const expressionsOf = (payload: Uint8Array | undefined) => {
      const hex = Buffer.from(payload ?? []).toString("hex");
      return hex.slice(hex.indexOf("0c0001007061796c6f6164"));
    };
    expect(expressionsOf(ours[5]?.payload)).toBe(expressionsOf(theirs[5]?.payload));
  });

  test("only the last message before the end asks for an acknowledgement", () => {
    expect(ours.map(({ flags }) => (flags & MessageFlag.ACK) !== 0)).toEqual(
      ours.map((_, i) => i === ours.length - 2),
    );
  });

  test("what the kernel lists of it is known again, and nothing else is", () => {
    const payload = Buffer.from(listed[family], "hex");
    expect(isMasquerade(payload, table)).toBe(true);
    expect(isMasquerade(payload, { ...table, from: table.to })).toBe(false);
    expect(isMasquerade(payload, { ...table, to: table.from })).toBe(false);
    expect(isMasquerade(payload, tables[family === 4 ? 6 : 4])).toBe(false);
    expect(isMasquerade(payload.subarray(0, 4), table)).toBe(false);
  });
});

describe("the kernel's answer", () => {
  const run = (...datagrams: (readonly [number, number])[][]) =>
    commit(answering(...datagrams).transport, "make it", replaceMasquerade(tables[4]));

  test("the last message's acknowledgement is all there is", () => {
    expect(() => run([[6, 0]])).not.toThrow();
  });

  test("a refusal of the whole, as without nf_tables, is said of its beginning only: no wait for more", () => {
    expect(() => run([[1, 95]])).toThrow("make it: EOPNOTSUPP");
  });

  test("a refusal in the middle: the first one counts, though the last message is acknowledged", () => {
    expect(() => run([[5, 2]], [[6, 0]])).toThrow("make it: ENOENT");
    const inOne = [
      [5, 2],
      [6, 22],
    ] as const;
    expect(() => run([...inOne])).toThrow("make it: ENOENT");
  });

  test("answers to something else are passed over", () => {
    expect(() => run([[99, 1]], [[6, 0]])).not.toThrow();
  });

  test("one message alone is the last one", () => {
    expect(() =>
      commit(answering([[2, 2]]).transport, "delete it", [deleteTable(4, "branchline-7")]),
    ).toThrow("delete it: ENOENT");
  });

  test("answers without an end are not waited for for ever", () => {
    const endless: Transport = {
      ...answering().transport,
      receive: () => new Uint8Array(),
    };
    expect(() => commit(endless, "make it", replaceMasquerade(tables[4]))).toThrow("has no end");
  });
});

test("a rehearsal is the same without its end", () => {
  const { transport, sent } = answering([[6, 0]]);
  rehearse(transport, "try it", replaceMasquerade(tables[4]));
  const whole = answering([[6, 0]]);
  commit(whole.transport, "make it", replaceMasquerade(tables[4]));
  const [rehearsed, committed] = [concat(sent), concat(whole.sent)];
  expect(committed.length - rehearsed.length).toBe(20);
  expect(Buffer.from(committed.subarray(0, rehearsed.length))).toEqual(Buffer.from(rehearsed));
});
