// A second opinion on what we encode: the netlink package, whose codec was written by others from the same headers.
import netlink from "netlink";
import { describe, expect, it } from "vitest";
import { encodeMessage } from "./message.ts";
import { AddressFlag, addAddress, deleteAddress, listAddresses } from "./route/address.ts";
import { changeLink, createVlan, deleteLink, getLink, listLinks } from "./route/link.ts";
import {
  anyDestination,
  deleteRoute,
  listRoutes,
  lookUpRoute,
  newRoute,
  replaceRoute,
} from "./route/route.ts";
import type { Request } from "./socket.ts";

const { ifla, rt } = netlink;

/** The message that goes out, as the other codec reads it: every byte of it must be accounted for. */
function read(request: Request): { type: number; payload: Buffer } {
  const bytes = Buffer.from(encodeMessage({ flags: 0, ...request, sequence: 1 }));
  const [message, ...others] = netlink.parseMessages(bytes);
  if (message === undefined || others.length > 0) throw new Error("One message was sent");
  expect(message).toMatchObject({ flags: request.flags ?? 0, seq: 1, port: 0 });
  expect(message.data.length).toBe(request.payload.length);
  return { type: message.type, payload: message.data };
}

/** IPv6 addresses of these tests, written out: not by the code under test. */
const written: Readonly<Record<string, string>> = {
  "2001:db8::": "20010db8000000000000000000000000",
  "2001:db8::9": "20010db8000000000000000000000009",
  "2001:db8:2::": "20010db8000200000000000000000000",
  "fe80:ec2::1": "fe800ec2000000000000000000000001",
};
const ip = (address: string) =>
  address.includes(":")
    ? Buffer.from(written[address] ?? "", "hex")
    : Buffer.from(address.split(".").map(Number));
const mac = (address: string) => Buffer.from(address.replaceAll(":", ""), "hex");
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);

describe("links", () => {
  it("a VLAN device in another namespace", () => {
    const vlan = { name: "eth0", linkIndex: 3, vlanId: 4094, mac: "02:00:00:00:00:07", mtu: 9001 };
    const { type, payload } = read(createVlan({ ...vlan, namespaceFd: 20 }));
    const { data, attrs } = rt.parseLinkMessage(payload);
    expect(type).toBe(rt.MessageType.NEWLINK);
    expect(data).toMatchObject({ family: 0, index: 0, flags: {}, change: {} });
    const { linkinfo, ...others } = attrs;
    expect(others).toEqual({
      ifname: "eth0",
      link: u32(3),
      mtu: 9001,
      address: mac(vlan.mac),
      netNsFd: 20,
    });
    const info = ifla.parseInfo(Buffer.from(linkinfo as unknown as Buffer));
    expect(info.kind).toBe("vlan");
    // The package reads the protocol in the machine's order, the kernel in the network's: 0x8100.
    expect(ifla.parseVlan(info.data as Buffer)).toEqual({ id: 4094, protocol: 0x0081 });
  });

  it.each([
    ["up", changeLink(5, { up: true }), { flags: { up: true }, change: { up: true } }, {}],
    ["down", changeLink(5, { up: false }), { flags: {}, change: { up: true } }, {}],
    ["a name", changeLink(5, { name: "host0" }), { flags: {}, change: {} }, { ifname: "host0" }],
  ])("%s", (_, request, header, attrs) => {
    const { type, payload } = read(request);
    expect(type).toBe(rt.MessageType.NEWLINK);
    const link = rt.parseLinkMessage(payload);
    expect(link.data).toMatchObject({ index: 5, ...header });
    expect(link.attrs).toEqual(attrs);
  });

  it("delete, get and list", () => {
    const gone = read(deleteLink(5));
    expect([gone.type, rt.parseLinkMessage(gone.payload).data.index]).toEqual([rt.MessageType.DELLINK, 5]);
    const one = read(getLink("eth0"));
    expect(one.type).toBe(rt.MessageType.GETLINK);
    expect(rt.parseLinkMessage(one.payload).attrs).toEqual({ ifname: "eth0", extMask: u32(8) });
    expect(rt.parseLinkMessage(read(getLink(5)).payload).data.index).toBe(5);
    const vlans = rt.parseLinkMessage(read(listLinks("vlan")).payload).attrs;
    expect(ifla.parseInfo(vlans.linkinfo as unknown as Buffer)).toEqual({ kind: "vlan" });
  });
});

describe("addresses", () => {
  it.each([
    ["10.0.0.9", 24, 0, {}, undefined, undefined],
    ["10.0.0.9", 24, AddressFlag.NOPREFIXROUTE, { noprefixroute: true }, "10.0.0.255", undefined],
    ["10.1.0.1", 32, 0, {}, undefined, "10.1.0.2"],
    ["2001:db8::9", 128, AddressFlag.NODAD, { nodad: true }, undefined, undefined],
  ])("%s/%d with flags %d", (address, prefixLength, flags, names, broadcast, peer) => {
    const given = {
      index: 5,
      address,
      prefixLength,
      scope: 253,
      flags,
      ...(broadcast !== undefined && { broadcast }),
      ...(peer !== undefined && { peer }),
    };
    for (const [request, expected] of [
      [addAddress(given), rt.MessageType.NEWADDR],
      [deleteAddress(given), rt.MessageType.DELADDR],
    ] as const) {
      const { type, payload } = read(request);
      const { data, attrs } = rt.parseAddressMessage(payload);
      expect(type).toBe(expected);
      const family = address.includes(":") ? 10 : 2;
      expect(data).toMatchObject({ family, prefixlen: prefixLength, scope: 253, index: 5 });
      expect(attrs).toEqual({
        local: ip(address),
        address: ip(peer ?? address),
        flags: names,
        ...(broadcast !== undefined && { broadcast: ip(broadcast) }),
      });
    }
  });

  it("list", () => {
    const { type, payload } = read(listAddresses(5, 6));
    expect(type).toBe(rt.MessageType.GETADDR);
    expect(rt.parseAddressMessage(payload)).toMatchObject({ data: { family: 10, index: 5 }, attrs: {} });
  });
});

describe("routes", () => {
  const everything = newRoute({
    family: 4,
    destination: "172.20.0.0",
    length: 16,
    gateway: "169.254.1.1",
    device: 2,
    source: "10.0.0.9",
    priority: 100,
    table: 300,
    onlink: true,
  });
  const six = newRoute({
    family: 6,
    destination: "2001:db8:2::",
    length: 64,
    gateway: "fe80:ec2::1",
    device: 2,
    source: "2001:db8::9",
    table: 107,
  });

  it.each([
    ["everything, IPv4", everything, { onlink: true }],
    ["IPv6", six, {}],
  ])("%s", (_, route, flags) => {
    for (const [request, expected] of [
      [replaceRoute(route), rt.MessageType.NEWROUTE],
      [deleteRoute(route), rt.MessageType.DELROUTE],
    ] as const) {
      const { type, payload } = read(request);
      const { data, attrs } = rt.parseRouteMessage(payload);
      expect(type).toBe(expected);
      expect(data).toMatchObject({
        family: route.family === 4 ? 2 : 10,
        dstLen: route.length,
        srcLen: 0,
        tos: 0,
        protocol: "STATIC",
        scope: "UNIVERSE",
        type: "UNICAST",
      });
      // RTNH_F_ONLINK is a flag of next hops, which the package reads elsewhere only.
      expect(rt.parseRouteNextHopFlags(payload.readUInt32LE(8))).toEqual(flags);
      expect(attrs).toEqual({
        dst: ip(route.destination),
        table: route.table,
        oif: 2,
        gateway: ip(route.gateway ?? ""),
        prefsrc: ip(route.source ?? ""),
        ...(route.priority !== undefined && { priority: route.priority }),
      });
    }
  });

  it("a default by a device alone", () => {
    const { payload } = read(replaceRoute(newRoute({ ...anyDestination(4), device: 2 })));
    const { data, attrs } = rt.parseRouteMessage(payload);
    expect(data).toMatchObject({ dstLen: 0, scope: "LINK" });
    expect(attrs).toEqual({ table: 254, oif: 2 });
  });

  it("metrics that were kept come back whole", () => {
    const rest = [{ type: 8, hex: "08000200780500000800080050050000" }];
    const { payload } = read(replaceRoute({ ...everything, rest }));
    expect(rt.parseRouteMessage(payload).attrs.metrics).toEqual({ mtu: u32(1400), advmss: u32(1360) });
  });

  it("list and look up", () => {
    const list = read(listRoutes(6, 300));
    expect(list.type).toBe(rt.MessageType.GETROUTE);
    expect(rt.parseRouteMessage(list.payload)).toMatchObject({ data: { family: 10 }, attrs: { table: 300 } });
    const look = rt.parseRouteMessage(read(lookUpRoute(4, "10.0.0.1")).payload);
    expect(look).toMatchObject({ data: { family: 2, dstLen: 32 }, attrs: { dst: ip("10.0.0.1") } });
  });
});
