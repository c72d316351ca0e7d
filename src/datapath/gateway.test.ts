import { describe, expect, it } from "vitest";
import { NetlinkError } from "../netlink/error.ts";
import { RouteMessage } from "../netlink/route/constants.ts";
import { decodeNeighbour } from "../netlink/route/neighbour.ts";
import type { NetlinkSocket, Outcome, Request } from "../netlink/socket.ts";
import type { Clock } from "../sys/clock.ts";
import { Errno } from "../sys/errno.ts";
import { type Gateways, gatewayState, waitForGateways } from "./gateway.ts";
import type { Kernel } from "./kernel.ts";

const INCOMPLETE = 0x01;
const REACHABLE = 0x02;
const FAILED = 0x20;

/** What a neighbour table would do: the state of an entry by the time that passed and how often it was asked for. */
type Behaviour = (now: number, asked: number) => number | undefined;

class Table {
  now = 0;
  readonly asked: Record<string, number[]> = {};
  trips = 0;
  refuses: number | undefined;
  readonly #behaviour: Readonly<Record<string, Behaviour>>;

  constructor(behaviour: Readonly<Record<string, Behaviour>>) {
    this.#behaviour = behaviour;
  }

  readonly clock: Clock = {
    now: () => this.now,
    sleep: (milliseconds) => void (this.now += milliseconds),
  };

  readonly kernel = {
    indexOf: () => 7,
    socket: () => ({ batch: (requests: Request[]) => this.#batch(requests) }) as unknown as NetlinkSocket,
  } as unknown as Kernel;

  #batch(requests: readonly Request[]): Outcome[] {
    this.trips += 1;
    return requests.map((request): Outcome => {
      const address = decodeNeighbour(request.payload)?.address ?? "";
      const asked = (this.asked[address] ??= []);
      if (request.type === RouteMessage.NEWNEIGH) {
        asked.push(this.now);
        if (this.refuses === undefined) return { replies: [] };
        return { replies: [], error: new NetlinkError(request.operation, this.refuses) };
      }
      if (request.type === RouteMessage.DELNEIGH) return { replies: [] };
      const state = this.#behaviour[address]?.(this.now, asked.length);
      if (state === undefined)
        return { replies: [], error: new NetlinkError(request.operation, Errno.ENOENT) };
      const payload = Uint8Array.from(request.payload);
      new DataView(payload.buffer).setUint16(8, state, true);
      return { replies: [{ type: RouteMessage.NEWNEIGH, flags: 0, sequence: 0, payload }] };
    });
  }
}

const gateways: Gateways = {
  at: "pod",
  device: "eth0",
  addresses: ["10.0.1.1"],
  vlanId: 7,
  eniId: "eni-0b",
  seconds: 10,
};

const wait = (table: Table, more: Partial<Gateways> = {}) =>
  waitForGateways(table.kernel, table.clock, { ...gateways, ...more });

it.each([
  [undefined, "failed"],
  [0, "failed"],
  [INCOMPLETE, "asked"],
  [REACHABLE, "answers"],
  [0x04, "answers"],
  [0x08, "answers"],
  [0x10, "answers"],
  [FAILED, "failed"],
  [0x40, "answers"],
  [0x80, "answers"],
])("an entry of state %o: %s", (state, found) => expect(gatewayState(state)).toBe(found));

describe("waiting for the gateways", () => {
  it("takes one round trip when both answer at once", () => {
    const table = new Table({ "10.0.1.1": () => REACHABLE, "fe80:ec2::1": () => REACHABLE });
    wait(table, { addresses: ["10.0.1.1", "fe80:ec2::1"] });
    expect([table.trips, table.now]).toEqual([1, 0]);
  });

  it("takes as long as an answer takes, and asks every 200 ms meanwhile", () => {
    const table = new Table({ "10.0.1.1": (now) => (now < 2000 ? INCOMPLETE : REACHABLE) });
    wait(table);
    expect(table.now).toBeGreaterThanOrEqual(2000);
    expect(table.now).toBeLessThan(2025);
    const asked = table.asked["10.0.1.1"] ?? [];
    expect(asked.length).toBeGreaterThanOrEqual(10);
    expect(asked.length).toBeLessThan(20);
    expect(Math.max(...asked.map((at, i) => at - (asked[i - 1] ?? 0)))).toBeLessThan(225);
  });

  it("asks again soon what the kernel has given up", () => {
    const table = new Table({ "10.0.1.1": (_now, asked) => (asked < 4 ? FAILED : REACHABLE) });
    wait(table);
    expect(table.now).toBeLessThan(200);
  });

  it("asks again for an entry that was thrown away", () => {
    const table = new Table({ "10.0.1.1": (_now, asked) => (asked < 2 ? undefined : REACHABLE) });
    wait(table);
    expect(table.now).toBeLessThan(50);
  });

  it("waits for the family that comes last, and leaves the other one alone", () => {
    const table = new Table({
      "10.0.1.1": () => REACHABLE,
      "fe80:ec2::1": (now) => (now < 500 ? INCOMPLETE : REACHABLE),
    });
    wait(table, { addresses: ["10.0.1.1", "fe80:ec2::1"] });
    expect(table.now).toBeGreaterThanOrEqual(500);
    expect(table.asked["10.0.1.1"]).toHaveLength(1);
  });

  it.each([
    { silent: "10.0.1.1", other: "fe80:ec2::1" },
    { silent: "fe80:ec2::1", other: "10.0.1.1" },
  ])("gives up after the time, naming what is silent: $silent", ({ silent, other }) => {
    const table = new Table({ [silent]: () => INCOMPLETE, [other]: () => REACHABLE });
    expect(() => wait(table, { addresses: ["10.0.1.1", "fe80:ec2::1"] })).toThrow(
      expect.objectContaining({
        failure: "gateway",
        message: `the gateway ${silent} does not answer on VLAN 7 (eni-0b) after 10 s: the branch carries no packets yet`,
        details: [],
      }),
    );
    expect(table.now).toBeGreaterThanOrEqual(10_000);
    expect(table.now).toBeLessThan(10_050);
  });

  it("a full neighbour table is no answer, and the error tells of it", () => {
    const table = new Table({});
    table.refuses = Errno.ENOBUFS;
    expect(() => wait(table, { seconds: 1 })).toThrow(
      expect.objectContaining({
        failure: "gateway",
        cause: expect.objectContaining({ errno: Errno.ENOBUFS }),
      }),
    );
  });
});
