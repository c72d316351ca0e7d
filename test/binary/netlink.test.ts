// The transport against the real kernel, in namespaces of its own: any Linux, as root.
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { addAddress, decodeAddress, deleteAddress, listAddresses } from "../../src/netlink/route/address.ts";
import { NetlinkProtocolError } from "../../src/netlink/error.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../../src/netlink/message.ts";
import { RouteMessage } from "../../src/netlink/route/constants.ts";
import { decodeLink, getLink, listLinks } from "../../src/netlink/route/link.ts";
import {
  decodeRoute,
  deleteRoute,
  listRoutes,
  newRoute,
  replaceRoute,
} from "../../src/netlink/route/route.ts";
import { addRule, decodeRule, deleteRule, listRules } from "../../src/netlink/route/rule.ts";
import { NetlinkSocket, type Request } from "../../src/netlink/socket.ts";
import { type Transport, openTransport } from "../../src/netlink/transport.ts";
import { type Namespace, inNamespace, openNamespace } from "../../src/netns/namespace.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { createNetns, deleteNetns, ipBatch, netnsPath } from "../ground/index.ts";
import netlink from "netlink";

const NAME = `netlink-test-${process.pid}`;
let namespace: Namespace;

/** A process that waits for an answer which never comes, as long as it is meant to; what it says in the end. */
const waiting = new Promise<string>((resolve, reject) => {
  const script = `
    import { openTransport } from ${JSON.stringify(`${import.meta.dirname}/../../src/netlink/transport.ts`)};
    const before = performance.now();
    try {
      openTransport().receive();
    } catch ({ message }) {
      console.log(JSON.stringify({ message, seconds: (performance.now() - before) / 1000 }));
    }
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 55_000,
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.on("error", reject).on("close", () => resolve(said));
});

beforeAll(async () => {
  await createNetns(NAME);
  namespace = openNamespace(netnsPath(NAME));
});

afterAll(async () => {
  namespace[Symbol.dispose]();
  await deleteNetns(NAME);
});

const openSocket = () => inNamespace(namespace, () => new NetlinkSocket(openTransport(5)));

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

/** The port that the kernel gave the transport's socket: it stands in the header of each answer. */
function portOf(transport: Transport): number {
  const { type, payload } = getLink("lo");
  transport.send(encodeMessage({ type, flags: MessageFlag.REQUEST, sequence: 1, payload }));
  const answer = transport.receive();
  return new DataView(answer.buffer, answer.byteOffset).getUint32(12, true);
}

const loopbackRoute = (address: number) =>
  newRoute({
    family: 4,
    destination: `10.${address >> 16}.${(address >> 8) & 0xff}.${address & 0xff}`,
    length: 32,
    device: 1,
    table: 1000,
  });
const loopback = (address: number): Request => replaceRoute(loopbackRoute(address));

describe("receiving", () => {
  test("gives up when the kernel does not answer", () => {
    using transport = openTransport(0.2);
    const before = performance.now();
    const error = caught(() => transport.receive());
    expect(error).toBeInstanceOf(NetlinkProtocolError);
    expect(error).toMatchObject({ message: expect.stringContaining("did not answer within 0.2 s") });
    const took = performance.now() - before;
    expect(took).toBeGreaterThan(150);
    expect(took).toBeLessThan(15_000);
  });

  test("passes over what another process sends", async () => {
    using transport = inNamespace(namespace, () => openTransport(1));
    const port = portOf(transport);
    // Forged: a dump's message and its end, as the kernel would number them.
    const forged = encodeMessage({
      type: ControlType.DONE,
      flags: 2,
      sequence: 2,
      payload: new Uint8Array(4),
    });
    using forger = inNamespace(namespace, () => {
      const raw = new netlink.RawNetlinkSocket(0);
      return { raw, [Symbol.dispose]: () => raw.close() };
    });
    const sent = new Promise<void>((resolve, reject) => {
      forger.raw.send(Buffer.from(forged), { port }, (error) => (error ? reject(error) : resolve()));
    });
    await sent;
    expect(() => transport.receive()).toThrow("did not answer within 1 s");
    // Nor does it disturb what the kernel says.
    await new Promise<void>((resolve, reject) => {
      forger.raw.send(Buffer.from(forged), { port }, (error) => (error ? reject(error) : resolve()));
    });
    const { type, payload } = listLinks();
    transport.send(
      encodeMessage({ type, flags: MessageFlag.REQUEST | MessageFlag.DUMP, sequence: 2, payload }),
    );
    const [first] = decodeMessages(transport.receive());
    expect(first?.type).toBe(RouteMessage.NEWLINK);
  });

  test("gives up in time though another process does not stop sending", async () => {
    using transport = inNamespace(namespace, () => openTransport(1));
    const script = `
      const { RawNetlinkSocket } = require("netlink");
      const socket = new RawNetlinkSocket(0);
      console.log("sending");
      setInterval(() => socket.send(Buffer.alloc(16, 1), { port: ${portOf(transport)} }, () => undefined), 100);
    `;
    const sender = spawn("ip", ["netns", "exec", NAME, process.execPath, "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void sender.kill("SIGKILL"));
    await new Promise((resolve) => sender.stdout.once("data", resolve));
    const before = performance.now();
    expect(() => transport.receive()).toThrow("did not answer within 1 s");
    expect(performance.now() - before).toBeLessThan(15_000);
    // It was still sending: without that it shows nothing.
    expect(sender.exitCode).toBeNull();
  });

  test("what the forger sends does arrive at a socket: the test above is not empty", async () => {
    const raw = inNamespace(namespace, () => new netlink.RawNetlinkSocket(0));
    const victim = inNamespace(namespace, () => new netlink.RawNetlinkSocket(0));
    onTestFinished(() => {
      raw.close();
      victim.close();
    });
    const forged = Buffer.from(encodeMessage({ type: 3, flags: 2, sequence: 2, payload: new Uint8Array(4) }));
    const arrived = new Promise<Buffer>((resolve) => victim.once("message", (data: Buffer) => resolve(data)));
    raw.send(forged, { port: victim.address().port });
    expect(await arrived).toEqual(forged);
  });
});

describe("what the kernel says to a refused request", () => {
  test("each request of a batch by itself; those behind a refused one are done", () => {
    using socket = openSocket();
    const rule = { family: 4, priority: 700, table: 700 } as const;
    const outcomes = socket.batch([
      addRule(rule),
      addRule(rule),
      deleteRule(rule),
      deleteRule(rule),
      getLink("lo"),
    ]);
    expect(outcomes.map(({ error }) => error?.code)).toEqual([
      undefined,
      "EEXIST",
      undefined,
      "ENOENT",
      undefined,
    ]);
    expect(outcomes.map(({ replies }) => replies.map(({ payload }) => decodeLink(payload).name))).toEqual([
      [],
      [],
      [],
      [],
      ["lo"],
    ]);
  });
});

test("a batch of thousands, all of it refused, has an outcome for each", () => {
  using socket = openSocket();
  // As one datagram it would be larger than a socket may send, and its refusals than a socket may hold.
  const addresses = Array.from({ length: 5000 }, (_, i) => i);
  const added = socket.batch(addresses.map(loopback));
  expect(added.filter(({ error }) => error !== undefined)).toEqual([]);
  const remove = () => socket.batch(addresses.map((address) => deleteRoute(loopbackRoute(address))));
  expect(remove().filter(({ error }) => error !== undefined)).toEqual([]);
  expect(new Set(remove().map(({ error }) => error?.code))).toEqual(new Set(["ESRCH"]));
});

describe("a large dump", () => {
  const COUNT = 4000;

  test("spans many datagrams and is complete", () => {
    using socket = openSocket();
    for (let start = 0; start < COUNT; start += 100) {
      const outcomes = socket.batch(Array.from({ length: 100 }, (_, i) => loopback(start + i)));
      expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
    }
    // How many datagrams it takes: more than a few, or the test shows nothing.
    using transport = inNamespace(namespace, () => openTransport(5));
    const { type, payload } = listRoutes(4, 1000);
    transport.send(
      encodeMessage({ type, flags: MessageFlag.REQUEST | MessageFlag.DUMP, sequence: 1, payload }),
    );
    let datagrams = 1;
    while (!decodeMessages(transport.receive()).some((message) => message.type === ControlType.DONE))
      datagrams++;
    expect(datagrams).toBeGreaterThan(5);

    const found = socket
      .dump(listRoutes(4, 1000))
      .map((message) => decodeRoute(message.payload)?.destination);
    expect(found).toHaveLength(COUNT);
    expect(new Set(found).size).toBe(COUNT);
    // No table is not an empty one, and callers must know it.
    expect(caught(() => socket.dump(listRoutes(4, 1001)))).toMatchObject({
      code: "ENOENT",
      extended: { text: "ipv4: FIB table does not exist" },
    });
  });

  /** A reader whose first datagram of all is followed by a change; how many dumps it took. */
  function disturbedReader(change: () => void): { socket: NetlinkSocket; dumps: () => number } {
    let received = 0;
    return reader(() => {
      if (++received === 1) change();
    });
  }

  /** A reader that takes so many milliseconds for each datagram. */
  const slowReader = (milliseconds: number) => reader(() => systemClock.sleep(milliseconds));

  function reader(received: () => void): { socket: NetlinkSocket; dumps: () => number } {
    const transport = inNamespace(namespace, () => openTransport(5));
    onTestFinished(() => transport[Symbol.dispose]());
    let dumps = 0;
    const socket = new NetlinkSocket({
      send(bytes) {
        dumps++;
        transport.send(bytes);
      },
      receive() {
        const datagram = transport.receive();
        received();
        return datagram;
      },
      [Symbol.dispose]: () => undefined,
    });
    return { socket, dumps: () => dumps };
  }

  /** Sends many requests, a few hundred at a time. */
  function all(socket: NetlinkSocket, requests: readonly Request[]): void {
    for (let start = 0; start < requests.length; start += 300) {
      for (const { error } of socket.batch(requests.slice(start, start + 300))) if (error) throw error;
    }
  }

  test.each([
    // Marked by the kernel, so the second one counts.
    ["all devices", 0, 2],
    // Not marked: the third one was as the second.
    ["one device", 1, 3],
  ])("of the addresses of %s that change between two datagrams is taken again", (_devices, index, times) => {
    using writer = openSocket();
    const address = (i: number) => ({
      index: 1,
      address: `10.200.${i >> 8}.${i & 0xff}`,
      prefixLength: 32,
      scope: 0,
      flags: 0,
    });
    const numbers = Array.from({ length: 1000 }, (_, i) => i);
    all(
      writer,
      numbers.map((i) => addAddress(address(i))),
    );
    const { socket, dumps } = disturbedReader(() => writer.request(deleteAddress(address(0))));
    const found = socket.dump(listAddresses(index, 4)).map(({ payload }) => decodeAddress(payload).address);
    expect(found).toEqual(["127.0.0.1", ...numbers.slice(1).map((i) => address(i).address)]);
    expect(dumps()).toBe(times);
    all(
      writer,
      numbers.slice(1).map((i) => deleteAddress(address(i))),
    );
  });

  test("of rules that change between two datagrams is not marked, and still complete", () => {
    using writer = openSocket();
    const rule = (priority: number) => ({ family: 4, priority, table: 902 }) as const;
    const stay = Array.from({ length: 3000 }, (_, i) => 100_000 + i);
    all(
      writer,
      [1, ...stay].map((priority) => addRule(rule(priority))),
    );
    // The kernel goes on by position: without the first rule it leaves out one that stayed.
    const { socket, dumps } = disturbedReader(() => writer.request(deleteRule(rule(1))));
    const found = socket
      .dump(listRules(4))
      .map(({ payload }) => decodeRule(payload))
      .filter((one) => one?.table === 902);
    expect(found.map((one) => one?.priority)).toEqual(stay);
    expect(dumps()).toBe(3);
    all(
      writer,
      stay.map((priority) => deleteRule(rule(priority))),
    );
  });

  test("of IPv6 routes that change between two datagrams is not marked, and still complete", () => {
    using writer = openSocket();
    const route = (i: number) => routeTo(i, 1002);
    const [gone, stay] = [range(1, 100), range(101, 2000)];
    const again = gone[0] ?? 0;
    all(
      writer,
      [...gone, ...stay].map((i) => replaceRoute(route(i))),
    );
    // A route that is added makes the kernel begin anew and leave out as many as it had sent: with fewer before them it
    // leaves out some that stayed.
    const { socket, dumps } = disturbedReader(() => {
      all(
        writer,
        gone.map((i) => deleteRoute(route(i))),
      );
      writer.request(replaceRoute(route(again)));
    });
    const found = socket.dump(listRoutes(6, 1002)).map(({ payload }) => decodeRoute(payload)?.destination);
    expect(found).toEqual([again, ...stay].map((i) => route(i).destination));
    expect(dumps()).toBe(3);
    all(
      writer,
      [again, ...stay].map((i) => deleteRoute(route(i))),
    );
  });

  test("of IPv6 routes of which one runs out in a while has not changed because it is a moment less", async () => {
    await ipBatch(NAME, [
      "link add wire0 up type veth peer name wire1",
      "link set wire1 up",
      // As a router's advertisement has it, which is where the node of an IPv6 subnet has its default route from.
      "route add 2001:db8::/64 dev wire0 table 1003 expires 1800",
    ]);
    using writer = openSocket();
    const numbers = range(1, 1000);
    const route = (i: number) => routeTo(i, 1003);
    all(
      writer,
      numbers.map((i) => replaceRoute(route(i))),
    );
    // More than a tick of what the kernel counts in.
    const { socket, dumps } = slowReader(20);
    expect(socket.dump(listRoutes(6, 1003))).toHaveLength(1 + numbers.length);
    expect(dumps()).toBe(2);
    all(
      writer,
      numbers.map((i) => deleteRoute(route(i))),
    );
    await ipBatch(NAME, ["link delete wire0"]);
  });
});

const routeTo = (i: number, table: number) =>
  newRoute({ family: 6, destination: `2001:db8:${i.toString(16)}::1`, length: 128, device: 1, table });

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// Last, since it began with the file.
test("an answer is waited for 10 s", async () => {
  const { message, seconds } = JSON.parse(await waiting) as { message: string; seconds: number };
  expect(message).toBe("the kernel did not answer within 10 s");
  expect(seconds).toBeGreaterThan(9.9);
  expect(seconds).toBeLessThan(50);
});
