import { describe, expect, it } from "vitest";
import { KERNELS, goldenPayloads } from "../../../test/golden/golden.ts";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError } from "../attribute.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import {
  changeLink,
  createVlan,
  decodeLink,
  deleteLink,
  getLink,
  listLinks,
  reversePathFilterOf,
} from "./link.ts";

const vlan = { name: "eth0", linkIndex: 3, vlanId: 7, mac: "02:00:00:00:00:07", mtu: 9001 };

/** `struct ifinfomsg`: family, padding, device type, ifindex, flags, and the mask of those to change. */
const ifinfo = (index: string, flags = "00000000", mask = "00000000") =>
  `00 00 0000 ${index} ${flags} ${mask}`;

describe("encoding", () => {
  it.each<[what: string, request: Request, type: number, flags: number, bytes: string]>([
    [
      "a VLAN device in another namespace",
      createVlan({ ...vlan, namespaceFd: 20 }),
      16,
      MessageFlag.CREATE | MessageFlag.EXCL,
      `${ifinfo("00000000")}
       0900 0300 65746830 00 000000                     # IFLA_IFNAME eth0
       0800 0500 03000000                               # IFLA_LINK 3
       0800 0400 29230000                               # IFLA_MTU 9001
       0a00 0100 020000000007 0000                      # IFLA_ADDRESS
       0800 1c00 14000000                               # IFLA_NET_NS_FD 20
       2400 1280                                        # IFLA_LINKINFO, nested
         0900 0100 766c616e 00 000000                   #   IFLA_INFO_KIND vlan
         1400 0280                                      #   IFLA_INFO_DATA, nested
           0600 0100 0700 0000                          #     IFLA_VLAN_ID 7
           0600 0500 8100 0000                          #     IFLA_VLAN_PROTOCOL 802.1Q, network order`,
    ],
    [
      "a VLAN device in the sender's own",
      createVlan({ ...vlan, vlanId: 4094 }),
      16,
      MessageFlag.CREATE | MessageFlag.EXCL,
      `${ifinfo("00000000")} 0900 0300 65746830 00 000000 0800 0500 03000000 0800 0400 29230000
       0a00 0100 020000000007 0000
       2400 1280 0900 0100 766c616e 00 000000 1400 0280 0600 0100 fe0f 0000 0600 0500 8100 0000`,
    ],
    ["up", changeLink(5, { up: true }), 16, 0, ifinfo("05000000", "01000000", "01000000")],
    ["down", changeLink(5, { up: false }), 16, 0, ifinfo("05000000", "00000000", "01000000")],
    [
      "a name, the flags left alone",
      changeLink(5, { name: "host0" }),
      16,
      0,
      `${ifinfo("05000000")} 0a00 0300 686f737430 00 0000`,
    ],
    [
      "both at once",
      changeLink(5, { name: "host0", up: true }),
      16,
      0,
      `${ifinfo("05000000", "01000000", "01000000")} 0a00 0300 686f737430 00 0000`,
    ],
    [
      "rp_filter",
      changeLink(5, { reversePathFilter: 2 }),
      16,
      0,
      `${ifinfo("05000000")}
       1400 1a80                                        # IFLA_AF_SPEC, nested
         1000 0280                                      #   AF_INET
           0c00 0180                                    #     IFLA_INET_CONF
             0800 0800 02000000                         #       IPV4_DEVCONF_RP_FILTER`,
    ],
    ["delete", deleteLink(0x01020304), 17, 0, ifinfo("04030201")],
    // IFLA_EXT_MASK: without statistics.
    ["by index", getLink(5), 18, 0, `${ifinfo("05000000")} 0800 1d00 08000000`],
    [
      "by name",
      getLink("eth0"),
      18,
      0,
      `${ifinfo("00000000")} 0900 0300 65746830 00 000000 0800 1d00 08000000`,
    ],
    ["all", listLinks(), 18, 0, `${ifinfo("00000000")} 0800 1d00 08000000`],
    [
      "all of a kind",
      listLinks("vlan"),
      18,
      0,
      `${ifinfo("00000000")} 0800 1d00 08000000 1000 1280 0900 0100 766c616e 00 000000`,
    ],
  ])("%s", (what, request, type, flags, bytes) => {
    expect({ ...request, flags: request.flags ?? 0, payload: toHex(request.payload) }).toEqual({
      type,
      flags,
      payload: toHex(hex(bytes)),
      operation: request.operation,
      // What asks for one device is answered anyway.
      ...(type === 18 && what.startsWith("by ") && { answered: true }),
    });
  });

  it("says what it does", () => {
    expect(changeLink(5, { name: "host0", up: true }).operation).toBe(
      "rename device 5 to host0 and set device host0 up",
    );
    expect(createVlan(vlan).operation).toContain("eth0 with id 7 on the trunk (ifindex 3)");
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  const node = goldenPayloads(kernel, "links of the node").map((payload) => decodeLink(payload));
  const pod = goldenPayloads(kernel, "links of the pod").map((payload) => decodeLink(payload));
  const named = (name: string) => [...node, ...pod].find((link) => link.name === name);

  it("rp_filter of each device, where the kernel's message has it", () => {
    for (const link of [...node, ...pod]) expect(reversePathFilterOf(link)).toBe(0);
    expect(reversePathFilterOf({ index: 1, name: "lo", up: true, mtu: 1, rest: [] })).toBeUndefined();
  });

  it("the trunk, one end of a veth pair", () => {
    const [trunk, wire] = [named("trunk0"), named("wire0")];
    expect(trunk).toEqual({
      index: 3,
      name: "trunk0",
      up: true,
      mac: "02:00:00:00:01:00",
      mtu: 9001,
      linkIndex: wire?.index,
      kind: "veth",
      rest: trunk?.rest,
    });
  });

  it("the VLAN device of the pod, whose parent is in another namespace", () => {
    const eth0 = named("eth0");
    expect(eth0).toEqual({
      index: 2,
      name: "eth0",
      up: true,
      mac: "02:00:00:00:00:07",
      mtu: 9001,
      linkIndex: 3,
      linkNetnsId: 0,
      kind: "vlan",
      vlan: { id: 7, protocol: 0x8100, rest: eth0?.vlan?.rest },
      rest: eth0?.rest,
    });
    // IFLA_VLAN_FLAGS: value 1 (reorder header), mask all.
    expect(eth0?.vlan?.rest.map(({ type, data }) => [type, toHex(data)])).toEqual([[2, "01000000ffffffff"]]);
  });

  it("VLAN devices beside their parent, down, one of 802.1ad", () => {
    expect(named("vlan.eth.8")).toMatchObject({ up: false, vlan: { id: 8, protocol: 0x8100 } });
    expect(named("vlan.eth.8")).not.toHaveProperty("linkNetnsId");
    expect(named("qinq")).toMatchObject({ mtu: 1400, vlan: { id: 4094, protocol: 0x88a8 } });
  });

  it("lo, which is of no kind", () => {
    const lo = node[0];
    expect(lo).toMatchObject({ index: 1, name: "lo", mtu: 65536 });
    expect(lo).not.toHaveProperty("kind");
    expect(lo).not.toHaveProperty("linkIndex");
  });

  it("keeps what nobody reads: IFLA_QDISC of the trunk, for one", () => {
    const rest = named("trunk0")?.rest ?? [];
    const qdisc = rest.find(({ type }) => type === 6)?.data ?? new Uint8Array();
    expect(Buffer.from(qdisc).toString()).toBe("noqueue\0");
    // What was read is not there twice.
    expect(rest.filter(({ type }) => [1, 3, 4, 5, 18, 37].includes(type))).toEqual([]);
  });
});

describe("decoding what is odd", () => {
  it.each([
    ["nothing", ""],
    ["a header one byte short", "00000000 01000000 00000000 000000"],
    ["an MTU of two bytes", `${ifinfo("01000000")} 0600 0400 0010 0000`],
    ["a name with bytes after its NUL", `${ifinfo("01000000")} 0800 0300 61006200`],
    [
      "a VLAN id of four bytes",
      `${ifinfo("01000000")} 1c00 1280 0900 0100 766c616e 00000000 0c00 0280 0800 0100 07000000`,
    ],
    ["VLAN data cut off", `${ifinfo("01000000")} 1400 1280 0900 0100 766c616e 00000000 0800 0280`],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeLink(hex(bytes))).toThrow(NetlinkFormatError);
  });

  it("the address of a device that is no Ethernet has no MAC", () => {
    expect(decodeLink(hex(`${ifinfo("01000000")} 0800 0100 0a000001`))).not.toHaveProperty("mac");
  });

  it("the data of another kind is not read as a VLAN's", () => {
    const link = decodeLink(hex(`${ifinfo("01000000")} 1400 1280 0700 0100 78797a 00 0500 0280 ff 000000`));
    expect(link.kind).toBe("xyz");
    expect(link).not.toHaveProperty("vlan");
  });
});
