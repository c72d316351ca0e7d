import { describe, expect, it } from "vitest";
import { KERNELS, goldenPayloads } from "../../../test/golden/golden.ts";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError } from "../attribute.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import {
  type Route,
  anyDestination,
  decodeRoute,
  deleteRoute,
  describeRoute,
  listRoutes,
  lookUpRoute,
  newRoute,
  replaceRoute,
} from "./route.ts";

const REPLACE = MessageFlag.CREATE | MessageFlag.REPLACE;
const default4 = newRoute({ ...anyDestination(4), gateway: "10.0.0.1", device: 2 });
const service = newRoute({
  family: 4,
  destination: "172.20.0.0",
  length: 16,
  gateway: "169.254.1.1",
  device: 2,
  source: "10.0.0.9",
  onlink: true,
  table: 300,
  priority: 100,
});

describe("encoding", () => {
  it.each<[what: string, request: Request, type: number, flags: number, bytes: string]>([
    [
      "a default route",
      replaceRoute(default4),
      24,
      REPLACE,
      `02 00 00 00 00 04 00 01 00000000   # struct rtmsg: AF_INET, /0, …, table in RTA_TABLE, STATIC, universe, unicast
       0800 0f00 fe000000                 # RTA_TABLE main
       0800 0400 02000000                 # RTA_OIF
       0800 0500 0a000001                 # RTA_GATEWAY`,
    ],
    [
      "one with everything",
      replaceRoute(service),
      24,
      REPLACE,
      `02 10 00 00 00 04 00 01 04000000   # RTNH_F_ONLINK
       0800 0100 ac140000                 # RTA_DST
       0800 0f00 2c010000                 # RTA_TABLE 300
       0800 0400 02000000
       0800 0500 a9fe0101
       0800 0700 0a000009                 # RTA_PREFSRC
       0800 0600 64000000                 # RTA_PRIORITY`,
    ],
    [
      "without a gateway: link scope",
      replaceRoute(newRoute({ family: 4, destination: "10.0.0.1", length: 32, device: 2 })),
      24,
      REPLACE,
      "02 20 00 00 00 04 fd 01 00000000 0800 0100 0a000001 0800 0f00 fe000000 0800 0400 02000000",
    ],
    [
      "IPv6 has no scopes",
      replaceRoute(newRoute({ ...anyDestination(6), device: 2 })),
      24,
      REPLACE,
      "0a 00 00 00 00 04 00 01 00000000 0800 0f00 fe000000 0800 0400 02000000",
    ],
    [
      "IPv6, by a gateway",
      replaceRoute(
        newRoute({ family: 6, destination: "2001:db8::", length: 64, gateway: "fe80:ec2::1", device: 2 }),
      ),
      24,
      REPLACE,
      `0a 40 00 00 00 04 00 01 00000000 1400 0100 20010db8000000000000000000000000
       0800 0f00 fe000000 0800 0400 02000000 1400 0500 fe800ec2000000000000000000000001`,
    ],
    [
      "delete",
      deleteRoute(default4),
      25,
      0,
      "02 00 00 00 00 04 00 01 00000000 0800 0f00 fe000000 0800 0400 02000000 0800 0500 0a000001",
    ],
    ["list both families", listRoutes(), 26, 0, "00 00 00 00 00 00 00 00 00000000"],
    ["list all", listRoutes(4), 26, 0, "02 00 00 00 00 00 00 00 00000000"],
    ["list a table", listRoutes(6, 300), 26, 0, "0a 00 00 00 00 00 00 00 00000000 0800 0f00 2c010000"],
    ["look up", lookUpRoute(4, "10.0.0.1"), 26, 0, "02 20 00 00 00 00 00 00 00000000 0800 0100 0a000001"],
    [
      "look up, IPv6",
      lookUpRoute(6, "fe80:ec2::1"),
      26,
      0,
      "0a 80 00 00 00 00 00 00 00000000 1400 0100 fe800ec2000000000000000000000001",
    ],
  ])("%s", (_, request, type, flags, bytes) => {
    expect([request.type, request.flags ?? 0, toHex(request.payload)]).toEqual([
      type,
      flags,
      toHex(hex(bytes)),
    ]);
  });

  it("says what it does", () => {
    expect(describeRoute(default4)).toBe("default via 10.0.0.1 dev 2");
    expect(replaceRoute(service).operation).toBe(
      "add route 172.20.0.0/16 via 169.254.1.1 dev 2 src 10.0.0.9 table 300",
    );
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  const table = (name: string) =>
    goldenPayloads(kernel, name).map((payload) => {
      const route = decodeRoute(payload);
      if (route === undefined) throw new Error("no route of IP");
      return route;
    });
  const common = { family: 4, table: 300, protocol: 3, scope: 0, type: 1 } as const;

  it("the main table of IPv4", () => {
    const main = { ...common, table: 254 };
    expect(table("IPv4 routes, main table")).toEqual([
      { ...main, destination: "0.0.0.0", length: 0, gateway: "10.0.0.1", device: 2 },
      {
        ...main,
        destination: "10.0.0.0",
        length: 24,
        protocol: 2,
        scope: 253,
        device: 2,
        source: "10.0.0.9",
      },
      {
        ...main,
        destination: "10.1.0.2",
        length: 32,
        protocol: 2,
        scope: 253,
        device: 2,
        source: "10.1.0.1",
      },
      {
        ...main,
        destination: "172.20.0.0",
        length: 16,
        gateway: "10.0.0.1",
        device: 2,
        source: "10.0.0.9",
        priority: 100,
      },
    ]);
  });

  it("a table above 255, with kinds of routes that nobody here makes", () => {
    expect(table("IPv4 routes, table 300")).toEqual([
      // RTA_VIA: an IPv6 gateway.
      {
        ...common,
        destination: "10.5.0.0",
        length: 16,
        device: 2,
        rest: [{ type: 18, hex: "0a00fe800ec2000000000000000000000001" }],
      },
      // RTA_MULTIPATH: two of struct rtnexthop, each with its gateway.
      {
        ...common,
        destination: "10.6.0.0",
        length: 16,
        rest: [{ type: 9, hex: "1000000002000000080005000a0000011000000002000000080005000a000002" }],
      },
      { ...common, destination: "10.7.0.0", length: 16, type: 6 },
      // RTA_METRICS: MTU and advertised MSS.
      {
        ...common,
        destination: "10.8.0.0",
        length: 16,
        scope: 253,
        device: 2,
        rest: [{ type: 8, hex: "08000200780500000800080050050000" }],
      },
      { ...common, destination: "10.9.0.0", length: 16, scope: 253, device: 2 },
      {
        ...common,
        destination: "169.254.170.23",
        length: 32,
        gateway: "192.0.2.1",
        device: 2,
        onlink: true,
      },
    ]);
  });

  it("IPv6; RTA_PREF is kept, RTA_CACHEINFO is no part of a route", () => {
    const six = {
      ...common,
      family: 6,
      gateway: "fe80:ec2::1",
      device: 2,
      rest: [{ type: 20, hex: "00" }],
    } as const;
    expect(table("IPv6 routes, table 300")).toEqual([
      { ...six, destination: "2001:db8:2::", length: 64, source: "2001:db8::9", priority: 7 },
      { ...six, destination: "::", length: 0, priority: 1024 },
    ]);
  });

  it("the answer to a look-up", () => {
    const [payload] = goldenPayloads(kernel, "route looked up");
    expect(decodeRoute(payload ?? new Uint8Array())).toMatchObject({
      destination: "172.20.0.10",
      length: 32,
      gateway: "10.0.0.1",
      device: 2,
      source: "10.0.0.9",
    });
  });

  it("encoding what was decoded loses nothing: it decodes to the same", () => {
    for (const name of ["IPv4 routes, main table", "IPv4 routes, table 300", "IPv6 routes, table 300"]) {
      const routes = table(name);
      expect(routes.map((route) => decodeRoute(replaceRoute(route).payload))).toEqual(routes);
    }
  });
});

describe("decoding what is odd", () => {
  const rtmsg = "02 18 00 00 fe 04 00 01 00000000";
  it.each([
    ["nothing", ""],
    ["a header one byte short", "02 18 00 00 fe 04 00 01 000000"],
    ["a destination of three bytes", `${rtmsg} 0700 0100 0a0000 00`],
    ["an IPv4 destination of sixteen", `${rtmsg} 1400 0100 fe800ec2000000000000000000000001`],
    ["a gateway of five", `${rtmsg} 0900 0500 0a00000100 000000`],
    ["an IPv6 gateway of four", "0a 40 00 00 fe 04 00 01 00000000 0800 0500 0a000001"],
    ["a table of one byte", `${rtmsg} 0500 0f00 fe 000000`],
    ["a device of eight", `${rtmsg} 0c00 0400 0200000000000000`],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeRoute(hex(bytes))).toThrow(NetlinkFormatError);
  });

  it("routes of other families are none of ours", () => {
    expect(decodeRoute(hex("1c 14 00 00 fe 04 00 01 00000000"))).toBeUndefined();
  });

  it("the table stands in the header where there is no attribute", () => {
    expect(decodeRoute(hex(rtmsg))?.table).toBe(254);
  });

  it("a second attribute of a type that is known is kept too", () => {
    const route: Route | undefined = decodeRoute(hex(`${rtmsg} 0800 0400 02000000 0800 0400 03000000`));
    expect(route).toMatchObject({ device: 2, rest: [{ type: 4, hex: "03000000" }] });
  });
});
