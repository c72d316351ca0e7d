import { describe, expect, test } from "vitest";
import { textAttribute, u32Attribute, nested, attribute, concat } from "../../../src/netlink/attribute.ts";
import { decodeMessages, encodeMessage } from "../../../src/netlink/message.ts";
import { changeLink, createVlan, decodeLink, listLinks } from "../../../src/netlink/route/link.ts";
import { toMacvlan, toVlan } from "./messages.ts";

const [NEWLINK, GETLINK, NEWROUTE] = [16, 18, 24];
const message = (type: number, payload: Uint8Array) =>
  encodeMessage({ type, flags: 5, sequence: 9, payload });

const vlan = createVlan({ name: "b", linkIndex: 3, vlanId: 4094, mac: "02:00:00:00:00:01", mtu: 9001 });

/** A device as the kernel would list it. */
function listed(kind: string, group: number, data: readonly Uint8Array[] = []): Uint8Array {
  const info = [textAttribute(1, kind), nested(2, data), textAttribute(4, "bridge")];
  return message(
    NEWLINK,
    concat([
      new Uint8Array(16).fill(1),
      textAttribute(3, "dev"),
      u32Attribute(27, group),
      nested(18, info),
      // Of odd length, and behind what changes.
      attribute(7, Uint8Array.of(1, 2, 3)),
    ]),
  );
}

describe("to the kernel", () => {
  test("a VLAN device becomes a macvlan whose group is the id; all else is as it was", () => {
    const [made] = decodeMessages(toMacvlan(message(NEWLINK, vlan.payload)));
    const hex = Buffer.from(made?.payload ?? []).toString("hex");
    // IFLA_LINKINFO, nested, of 16 bytes: IFLA_INFO_KIND "macvlan". IFLA_GROUP 4094.
    expect(hex.endsWith("100012800c0001006d6163766c616e0008001b00fe0f0000")).toBe(true);
    const before = Buffer.from(vlan.payload).toString("hex");
    const info = before.indexOf("1280") - 4;
    expect(hex.slice(0, info)).toBe(before.slice(0, info));
    expect(made).toMatchObject({ type: NEWLINK, flags: 5, sequence: 9 });
  });

  test("each message of a batch, whatever is before and behind", () => {
    const route = message(NEWROUTE, Buffer.from("vlan\0vlan\0"));
    const up = message(NEWLINK, changeLink(7, { up: true, name: "vlan" }).payload);
    const odd = concat([route, message(NEWLINK, vlan.payload), up, message(NEWLINK, vlan.payload)]);
    const made = toMacvlan(odd);
    expect(decodeMessages(made).map(({ type }) => type)).toEqual([NEWROUTE, NEWLINK, NEWLINK, NEWLINK]);
    expect(Buffer.from(made.subarray(0, route.length))).toEqual(Buffer.from(route));
    const kinds = decodeMessages(made)
      .slice(1)
      .map(({ payload }) => decodeLink(payload).kind);
    expect(kinds).toEqual(["macvlan", undefined, "macvlan"]);
  });

  test("a list of VLAN devices is one of macvlans, of others is of those", () => {
    const kindOf = (kind: string) => {
      const [made] = decodeMessages(toMacvlan(message(GETLINK, listLinks(kind).payload)));
      return decodeLink(made?.payload ?? new Uint8Array()).kind;
    };
    expect([kindOf("vlan"), kindOf("veth"), kindOf("vlaN")]).toEqual(["macvlan", "veth", "vlaN"]);
  });
});

describe("from the kernel", () => {
  test("a macvlan in a group is a VLAN device with that id", () => {
    const [link] = decodeMessages(toVlan(listed("macvlan", 7, [u32Attribute(1, 2)])));
    expect(decodeLink(link?.payload ?? new Uint8Array())).toMatchObject({
      name: "dev",
      kind: "vlan",
      vlan: { id: 7, protocol: 0x8100 },
    });
    // IFLA_INFO_SLAVE_KIND stays, and so does what is behind.
    const hex = Buffer.from(link?.payload ?? []).toString("hex");
    expect(hex).toContain(`0b000400${Buffer.from("bridge\0").toString("hex")}00`);
    expect(hex).toContain("0700070001020300");
    expect(link).toMatchObject({ type: NEWLINK, flags: 5, sequence: 9 });
  });

  test.each([
    ["a macvlan in none", listed("macvlan", 0)],
    ["another device in a group", listed("veth", 7)],
    ["what is no device", message(3, new Uint8Array(4))],
  ])("%s stays", (_what, bytes) => {
    expect(Buffer.from(toVlan(bytes))).toEqual(Buffer.from(bytes));
  });

  test("each of a list", () => {
    const list = concat([listed("macvlan", 7), listed("veth", 7), listed("macvlan", 8)]);
    const ids = decodeMessages(toVlan(list)).map(({ payload }) => decodeLink(payload).vlan?.id);
    expect(ids).toEqual([7, undefined, 8]);
  });
});
