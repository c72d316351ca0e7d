// What we send has the layout of what the kernel lists, so our own decoders must read it back unchanged.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalIp, parsePrefix, formatPrefix } from "../../src/values/ip.ts";
import { AddressFlag, addAddress, decodeAddress, deleteAddress } from "../../src/netlink/route/address.ts";
import { changeLink, createVlan, decodeLink } from "../../src/netlink/route/link.ts";
import {
  NUD_PERMANENT,
  decodeNeighbour,
  deleteNeighbour,
  replaceNeighbour,
} from "../../src/netlink/route/neighbour.ts";
import {
  type Route,
  decodeRoute,
  deleteRoute,
  newRoute,
  replaceRoute,
} from "../../src/netlink/route/route.ts";
import { addRule, decodeRule, deleteRule, plainRule } from "../../src/netlink/route/rule.ts";
import { addresses, families, macs, networks, u32 } from "./ip.ts";
import { patience, runs } from "./runs.ts";

const index = fc.integer({ min: 1, max: 2 ** 31 - 1 });
/** Of a device: as long as the kernel allows, in characters of one to three bytes. */
const names = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 15 })
  .filter((name) => Buffer.byteLength(name) <= 15 && !name.includes("\0"));

function optional<T extends object>(arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> }) {
  return fc.record(arbitraries, { requiredKeys: [] });
}

const routes: fc.Arbitrary<Route> = families.chain((family) =>
  fc
    .tuple(
      fc.oneof(networks(family), fc.constant({ address: family === 4 ? "0.0.0.0" : "::", length: 0 })),
      optional({
        table: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        protocol: fc.nat(255),
        scope: fc.nat(255),
        type: fc.nat(12),
        gateway: addresses(family),
        device: index,
        source: addresses(family),
        priority: u32,
        onlink: fc.constant(true),
        rest: fc.array(
          fc.record({
            // None that is read by name.
            type: fc.integer({ min: 20, max: 40 }),
            hex: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("hex")),
          }),
          { minLength: 1, maxLength: 3 },
        ),
      }),
    )
    .map(([{ address, length }, more]) => newRoute({ family, destination: address, length, ...more })),
);

describe("what is encoded decodes to the same:", patience, () => {
  it("routes", () => {
    const property = fc.property(routes, (route) => {
      expect(decodeRoute(replaceRoute(route).payload)).toEqual(route);
      expect(decodeRoute(deleteRoute(route).payload)).toEqual(route);
    });
    fc.assert(property, runs(300, 0.2));
  });

  it("rules", () => {
    const rules = families.chain((family) =>
      fc
        .tuple(
          fc.record({ priority: u32, table: fc.integer({ min: 1, max: 2 ** 32 - 1 }) }),
          optional({
            from: networks(family),
            to: networks(family),
            inputDevice: names,
            ipProtocol: fc.nat(255),
            protocol: fc.nat(255),
          }),
        )
        .map(([needed, more]) => ({ family, ...needed, ...more })),
    );
    const property = fc.property(rules, (rule) => {
      for (const { payload } of [addRule(rule), deleteRule(rule)]) {
        const listed = decodeRule(payload);
        expect(listed && plainRule(listed)).toEqual(rule);
        expect(listed).toMatchObject({ action: 1, rest: [] });
      }
    });
    fc.assert(property, runs(300, 0.2));
  });

  it("addresses", () => {
    const given = families.chain((family) =>
      fc
        .tuple(
          fc.record({
            index,
            address: addresses(family),
            prefixLength: fc.nat(family === 4 ? 32 : 128),
            scope: fc.nat(255),
            flags: fc.constantFrom(0, AddressFlag.NODAD, AddressFlag.NOPREFIXROUTE, 0x202),
          }),
          optional({ peer: addresses(family), broadcast: addresses(family) }),
        )
        .map(([needed, more]) => ({ ...needed, ...more }))
        // A peer that is the address itself is none.
        .filter(({ address, ...rest }) => !("peer" in rest) || rest.peer !== address),
    );
    const property = fc.property(given, (address) => {
      for (const { payload } of [addAddress(address), deleteAddress(address)]) {
        expect(decodeAddress(payload)).toEqual({ ...address, rest: [] });
      }
    });
    fc.assert(property, runs(300, 0.2));
  });

  it("neighbours", () => {
    const given = families.chain((family) =>
      fc.record({ address: addresses(family), device: index, mac: macs }),
    );
    const property = fc.property(given, (neighbour) => {
      for (const { payload } of [replaceNeighbour(neighbour), deleteNeighbour(neighbour)]) {
        expect(decodeNeighbour(payload)).toEqual({ ...neighbour, state: NUD_PERMANENT, rest: [] });
      }
    });
    fc.assert(property, runs(200, 0.2));
  });

  it("devices", () => {
    const given = fc.record({
      name: names,
      linkIndex: index,
      vlanId: fc.integer({ min: 1, max: 4094 }),
      mac: macs,
      mtu: fc.integer({ min: 68, max: 65_535 }),
    });
    const property = fc.property(given, index, fc.boolean(), (vlan, device, up) => {
      expect(decodeLink(createVlan(vlan).payload)).toEqual({
        index: 0,
        name: vlan.name,
        up: false,
        mac: vlan.mac,
        mtu: vlan.mtu,
        linkIndex: vlan.linkIndex,
        kind: "vlan",
        vlan: { id: vlan.vlanId, protocol: 0x8100, rest: [] },
        rest: [],
      });
      const changed = decodeLink(changeLink(device, { name: vlan.name, up }).payload);
      expect(changed).toMatchObject({ index: device, name: vlan.name, up, rest: [] });
    });
    fc.assert(property, runs(200, 0.2));
  });
});

/** The address with each group written out; one of IPv4, or that ends in its dots, as it is. */
function atLength(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail = ""] = address.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(missing).fill("0"), ...groups(tail)];
  return all.map((group) => group.padStart(4, "0")).join(":");
}

it("an address and a network have one spelling, and are read from any", patience, () => {
  const given = families.chain((family) => fc.tuple(addresses(family), networks(family)));
  const property = fc.property(given, ([address, network]) => {
    for (const spelling of [address, address.toUpperCase(), atLength(address)]) {
      expect(canonicalIp(spelling)).toBe(address);
    }
    expect(parsePrefix(formatPrefix(network))).toEqual(network);
  });
  fc.assert(property, runs(300, 0.2));
});

it("text is no address, or an address that is read again to the same", patience, () => {
  const nearly = fc
    .tuple(
      families.chain(addresses),
      fc.nat(40),
      fc.constantFrom("", ":", "::", ".", "%eth0", " ", "0", "g", "/"),
    )
    .map(([address, at, more]) => address.slice(0, at) + more + address.slice(at));
  const property = fc.property(fc.oneof(nearly, fc.string()), (text) => {
    const canonical = canonicalIp(text);
    expect(canonical === undefined ? undefined : canonicalIp(canonical)).toBe(canonical);
    const prefix = parsePrefix(text);
    expect(prefix === undefined ? undefined : parsePrefix(formatPrefix(prefix))).toEqual(prefix);
  });
  fc.assert(property, runs(500));
});
