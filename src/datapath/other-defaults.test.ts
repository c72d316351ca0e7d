import { describe, expect, it } from "vitest";
import { RouteType } from "../netlink/route/constants.ts";
import { type Route, anyDestination, newRoute } from "../netlink/route/route.ts";
import { otherDefaults, replaceOtherDefaults } from "./other-defaults.ts";
import { undoOf } from "./operation.ts";

const PRIMARY = 2;
const V4IF0 = 5;

const four = (fields: Partial<Route> = {}): Route =>
  newRoute({ ...anyDestination(4), device: V4IF0, gateway: "169.254.172.1", protocol: 3, ...fields });
const six = (fields: Partial<Route> = {}): Route =>
  newRoute({ ...anyDestination(6), device: V4IF0, gateway: "fd00::1", priority: 1024, ...fields });

const multipath: Route = newRoute({ ...anyDestination(4), rest: [{ type: 9, hex: "00" }] });

describe("default routes of other plugins", () => {
  it("are those of table main by another device than the primary's", () => {
    const routes = [
      four(),
      four({ priority: 100 }),
      six(),
      multipath,
      four({ destination: "128.0.0.0", length: 1 }),
      six({ destination: "2000::", length: 3 }),
      four({ device: PRIMARY }),
      four({ table: 107 }),
      six({ type: 7, device: 1 }),
      newRoute({ family: 4, destination: "169.254.172.0", length: 22, device: V4IF0 }),
    ];
    expect(otherDefaults(routes, PRIMARY)).toEqual(routes.slice(0, 6));
    expect(RouteType.UNICAST).toBe(1);
  });

  const branchOf = (...families: (4 | 6)[]) => ({
    eniId: "eni-0b",
    mac: "02:b1:00:00:00:07",
    vlanId: 7,
    addresses: families.map((family) => ({
      family,
      address: family === 4 ? "10.0.1.30" : "fd00:1::30",
      prefixLength: family === 4 ? 24 : 128,
      subnet: family === 4 ? "10.0.1.0/24" : "fd00:1::/64",
      gateway: family === 4 ? "10.0.1.1" : "fe80:ec2::1",
    })),
  });
  const podOf = (...routes: Route[]) => ({
    primary: {
      link: { index: PRIMARY, name: "eth0", up: true, mtu: 9001, rest: [] },
      addresses: [],
      routes: [],
      permanentNeighbours: [],
    },
    otherDefaults: routes,
    loopbackUp: true,
    sysctls: [],
  });

  it("of the branch's families are taken away, all of them, and come back in full", () => {
    const odd = { priority: 100, source: "169.254.172.5", protocol: 16, onlink: true, tos: 16 };
    const steps = replaceOtherDefaults(branchOf(4), podOf(four(odd), four(), six()));
    const { device: _, ...route } = four(odd);
    const { device: __, ...plain } = four();
    expect(steps.map((step) => step.do)).toEqual([
      { kind: "route", at: "pod", device: V4IF0, route, absent: true },
      { kind: "route", at: "pod", device: V4IF0, route: plain, absent: true },
    ]);
    // The device is named first: that it is gone is no failure then.
    expect(undoOf(steps)).toEqual([
      { kind: "link", at: "pod", device: V4IF0, up: true },
      { kind: "route", at: "pod", device: V4IF0, route: plain },
      { kind: "link", at: "pod", device: V4IF0, up: true },
      { kind: "route", at: "pod", device: V4IF0, route },
    ]);
  });

  it("of a family that the branch lacks stay", () => {
    expect(replaceOtherDefaults(branchOf(6), podOf(four(), multipath))).toEqual([]);
    expect(replaceOtherDefaults(branchOf(4, 6), podOf(four(), six(), multipath))).toHaveLength(3);
  });
});
