// Write with ours and read with ip, and the other way round: every kind of object, field by field.
// One process reads many answers: in the guest a process costs more than the rest of a test.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AddressFlag, addAddress, decodeAddress, listAddresses } from "../../src/netlink/route/address.ts";
import { Scope } from "../../src/netlink/route/constants.ts";
import {
  changeLink,
  createVlan,
  decodeLink,
  deleteLink,
  getLink,
  listLinks,
} from "../../src/netlink/route/link.ts";
import { decodeNeighbour, listNeighbours, replaceNeighbour } from "../../src/netlink/route/neighbour.ts";
import { decodeNetnsId, getNetnsId } from "../../src/netlink/route/nsid.ts";
import {
  anyDestination,
  decodeRoute,
  deleteRoute,
  listRoutes,
  lookUpRoute,
  newRoute,
  replaceRoute,
} from "../../src/netlink/route/route.ts";
import { addRule, decodeRule, deleteRule, listRules } from "../../src/netlink/route/rule.ts";
import { NetlinkSocket, type Request } from "../../src/netlink/socket.ts";
import { type Namespace, inNamespace, openNamespace } from "../../src/netns/namespace.ts";
import {
  type IpObject,
  createNetns,
  deleteNetns,
  ipBatch,
  ipJsonBatch,
  must,
  netnsPath,
} from "../ground/index.ts";

const NODE = "netlink-node";
const POD = "netlink-pod";
const MAC = "02:00:00:00:00:07";

let node: Namespace;
let pod: Namespace;
let onNode: NetlinkSocket;
let inPod: NetlinkSocket;
let trunk: number;
let eth0: number;

/** What `ip` says of it all, and what we read back of what `ip` made; taken once. */
/** The device with its addresses: in one batch `ip addr` answers nothing after `ip link`. */
let links: IpObject[];
let routes: IpObject[];
let sixRoutes: IpObject[];
let rules: IpObject[];
let sixRules: IpObject[];
let neighbours: IpObject[];

beforeAll(async () => {
  await createNetns(NODE);
  await createNetns(POD);
  await ipBatch(NODE, [
    "link add trunk0 mtu 9001 type veth peer name wire0 mtu 9001",
    "link set trunk0 up",
    "link set wire0 up",
  ]);
  node = openNamespace(netnsPath(NODE));
  pod = openNamespace(netnsPath(POD));
  onNode = inNamespace(node, () => new NetlinkSocket());
  inPod = inNamespace(pod, () => new NetlinkSocket());
  trunk = linkOf(onNode, "trunk0").index;

  onNode.request(vlan("temporary", 7, pod.fd));
  const made = linkOf(inPod, "temporary").index;
  inPod.request(changeLink(made, { name: "eth0", up: true }));
  eth0 = linkOf(inPod, "eth0").index;
  for (const request of ours()) inPod.request(request);

  const answers = await ipJsonBatch(POD, undefined, [
    "addr show dev eth0",
    "route show table all",
    "rule show",
    "neigh show dev eth0 nud permanent",
  ]);
  [links, routes, rules, neighbours] = answers as [IpObject[], IpObject[], IpObject[], IpObject[]];
  [sixRoutes, sixRules] = (await ipJsonBatch(POD, "-6", ["route show table 300", "rule show"])) as [
    IpObject[],
    IpObject[],
  ];

  await ipBatch(POD, THEIRS);
  await must(["ip", "-6", "-n", POD, "-batch", "-"], { input: `${THEIRS_V6.join("\n")}\n` });
});

afterAll(async () => {
  for (const open of [onNode, inPod, node, pod]) open[Symbol.dispose]();
  await deleteNetns(POD);
  await deleteNetns(NODE);
});

function vlan(name: string, vlanId: number, namespaceFd?: number): Request {
  return createVlan({
    name,
    linkIndex: trunk,
    vlanId,
    mac: MAC,
    mtu: 8000,
    ...(namespaceFd !== undefined && { namespaceFd }),
  });
}

function linkOf(socket: NetlinkSocket, name: string) {
  const [message] = socket.request(getLink(name));
  if (message === undefined) throw new Error(`No answer about ${name}`);
  return decodeLink(message.payload);
}

/** All but the device itself, which is there by then: written with ours. */
function ours(): Request[] {
  const global = { index: eth0, scope: Scope.UNIVERSE };
  const table = { table: 300, device: eth0 };
  return [
    addAddress({ ...global, address: "10.0.0.9", prefixLength: 24, flags: 0, broadcast: "10.0.0.255" }),
    addAddress({ ...global, address: "10.2.0.9", prefixLength: 16, flags: AddressFlag.NOPREFIXROUTE }),
    addAddress({
      index: eth0,
      address: "10.1.0.1",
      prefixLength: 32,
      peer: "10.1.0.2",
      scope: Scope.LINK,
      flags: 0,
    }),
    addAddress({ ...global, address: "2001:db8::9", prefixLength: 128, flags: AddressFlag.NODAD }),
    replaceRoute(newRoute({ ...anyDestination(4), gateway: "10.0.0.1", device: eth0 })),
    replaceRoute(newRoute({ family: 4, destination: "10.9.0.0", length: 16, ...table })),
    replaceRoute(
      newRoute({
        family: 4,
        destination: "172.20.0.0",
        length: 16,
        gateway: "192.0.2.1",
        source: "10.0.0.9",
        priority: 100,
        onlink: true,
        ...table,
      }),
    ),
    replaceRoute(newRoute({ ...anyDestination(6), gateway: "fe80:ec2::1", source: "2001:db8::9", ...table })),
    addRule({ family: 4, priority: 512, table: 300, from: { address: "10.0.0.9", length: 32 } }),
    addRule({
      family: 4,
      priority: 513,
      table: 107,
      to: { address: "10.3.0.0", length: 16 },
      inputDevice: "lo",
    }),
    addRule({ family: 6, priority: 512, table: 300, from: { address: "2001:db8::9", length: 128 } }),
    replaceNeighbour({ address: "10.0.0.1", device: eth0, mac: "02:00:00:00:00:01" }),
    replaceNeighbour({ address: "fe80:ec2::1", device: eth0, mac: "02:00:00:00:00:02" }),
  ];
}

const THEIRS = [
  "link add link eth0 name other address 02:00:00:00:00:0b mtu 1400 type vlan id 4094",
  "link set other up",
  "addr add 10.4.0.1/24 broadcast 10.4.0.255 dev other",
  "addr add 10.5.0.1 peer 10.5.0.2/32 dev other",
  "route add 10.6.0.0/16 via 10.4.0.2 dev other src 10.4.0.1 metric 7 table 400",
  "route add 10.7.0.0/16 via 192.0.2.9 dev other onlink table 400",
  "route add 10.8.0.0/16 dev other scope link proto boot table 400",
  "rule add priority 600 from 10.4.0.0/24 to 10.6.0.1 iif other lookup 400",
  "neigh add 10.4.0.2 lladdr 02:00:00:00:00:0c nud permanent dev other",
];
const THEIRS_V6 = [
  "addr add 2001:db8:4::1/64 nodad dev other",
  "route add 2001:db8:6::/48 via 2001:db8:4::2 dev other metric 8 table 400",
  "rule add priority 600 to 2001:db8:6::/48 lookup 400",
];

describe("written with ours, read with ip", () => {
  test("a VLAN device made in another namespace, renamed and set up", () => {
    expect(links).toMatchObject([
      {
        ifname: "eth0",
        link_index: trunk,
        link_netnsid: 0,
        address: MAC,
        mtu: 8000,
        linkinfo: { info_kind: "vlan", info_data: { protocol: "802.1Q", id: 7, flags: ["REORDER_HDR"] } },
      },
    ]);
    expect(links[0]?.["flags"]).toEqual(expect.arrayContaining(["UP", "LOWER_UP"]));
  });

  test("addresses", () => {
    const info = links[0]?.["addr_info"] as IpObject[];
    const found = (local: string) => info.find((one) => one["local"] === local);
    expect(found("10.0.0.9")).toMatchObject({ prefixlen: 24, broadcast: "10.0.0.255", scope: "global" });
    expect(found("10.0.0.9")).not.toHaveProperty("noprefixroute");
    expect(found("10.2.0.9")).toMatchObject({ prefixlen: 16, noprefixroute: true });
    expect(found("10.1.0.1")).toMatchObject({ address: "10.1.0.2", prefixlen: 32, scope: "link" });
    expect(found("2001:db8::9")).toMatchObject({ prefixlen: 128, scope: "global", nodad: true });
    expect(found("2001:db8::9")).not.toHaveProperty("tentative");
  });

  test("routes", () => {
    const found = (dst: string) => routes.filter((one) => one["dst"] === dst);
    const common = { type: "unicast", dev: "eth0", protocol: "static" };
    // Of all tables, ip lists both families.
    expect(found("default").filter((one) => one["table"] === "main")).toMatchObject([
      { ...common, gateway: "10.0.0.1", scope: "global" },
    ]);
    expect(found("10.9.0.0/16")).toMatchObject([{ ...common, scope: "link", table: "300" }]);
    expect(found("172.20.0.0/16")).toMatchObject([
      { ...common, gateway: "192.0.2.1", prefsrc: "10.0.0.9", metric: 100, flags: ["onlink"], table: "300" },
    ]);
    // NOPREFIXROUTE: no route by itself.
    expect(found("10.2.0.0/16")).toEqual([]);
    expect(sixRoutes).toMatchObject([
      { ...common, dst: "default", gateway: "fe80:ec2::1", prefsrc: "2001:db8::9" },
    ]);
  });

  test("rules", () => {
    const found = (list: IpObject[], priority: number) => list.filter((one) => one["priority"] === priority);
    expect(found(rules, 512)).toMatchObject([{ src: "10.0.0.9", table: "300" }]);
    expect(found(rules, 513)).toMatchObject([
      { src: "all", dst: "10.3.0.0", dstlen: 16, iif: "lo", table: "107" },
    ]);
    expect(found(sixRules, 512)).toMatchObject([{ src: "2001:db8::9", table: "300" }]);
  });

  test("neighbours", () => {
    const found = (dst: string) => neighbours.find((one) => one["dst"] === dst);
    expect(found("10.0.0.1")).toMatchObject({ lladdr: "02:00:00:00:00:01", state: ["PERMANENT"] });
    expect(found("fe80:ec2::1")).toMatchObject({ lladdr: "02:00:00:00:00:02", state: ["PERMANENT"] });
  });
});

describe("made with ip, read with ours", () => {
  test("links", { tags: "vlan" }, () => {
    const { rest: _, ...other } = linkOf(inPod, "other");
    expect(other).toMatchObject({
      name: "other",
      up: true,
      mac: "02:00:00:00:00:0b",
      mtu: 1400,
      linkIndex: eth0,
      kind: "vlan",
      vlan: { id: 4094, protocol: 0x8100 },
    });
    expect(other).not.toHaveProperty("linkNetnsId");
    expect(linkOf(inPod, "eth0")).toMatchObject({ linkIndex: trunk, linkNetnsId: 0 });
    const names = (kind?: string) =>
      inPod.dump(listLinks(kind)).map(({ payload }) => decodeLink(payload).name);
    expect(names("vlan")).toEqual(["eth0", "other"]);
    expect(names()).toEqual(expect.arrayContaining(["lo", "eth0", "other"]));
    expect(onNode.dump(listLinks("veth"))).toHaveLength(2);
  });

  test("addresses", () => {
    const { index } = linkOf(inPod, "other");
    const found = inPod
      .dump(listAddresses(index))
      .map(({ payload }) => decodeAddress(payload))
      .filter(({ address }) => !address.startsWith("fe80:"))
      .map(({ rest: _, ...address }) => address);
    const common = { index, scope: 0 };
    expect(found).toHaveLength(3);
    expect(found).toEqual(
      expect.arrayContaining([
        { ...common, address: "10.4.0.1", prefixLength: 24, flags: 0x80, broadcast: "10.4.0.255" },
        { ...common, address: "10.5.0.1", prefixLength: 32, flags: 0x80, peer: "10.5.0.2" },
        { ...common, address: "2001:db8:4::1", prefixLength: 64, flags: 0x82 },
      ]),
    );
  });

  test("routes", () => {
    const { index: device } = linkOf(inPod, "other");
    const table = (family: 4 | 6) =>
      inPod.dump(listRoutes(family, 400)).map(({ payload }) => decodeRoute(payload));
    const common = { family: 4, table: 400, protocol: 3, scope: 0, type: 1, device, length: 16 };
    expect(table(4)).toEqual([
      { ...common, destination: "10.6.0.0", gateway: "10.4.0.2", source: "10.4.0.1", priority: 7 },
      { ...common, destination: "10.7.0.0", gateway: "192.0.2.9", onlink: true },
      { ...common, destination: "10.8.0.0", scope: 253 },
    ]);
    expect(table(6)).toMatchObject([
      { family: 6, destination: "2001:db8:6::", length: 48, gateway: "2001:db8:4::2", device, priority: 8 },
    ]);
  });

  test("a route looked up", () => {
    const [message] = inPod.request(lookUpRoute(4, "198.51.100.1"));
    expect(message && decodeRoute(message.payload)).toMatchObject({
      gateway: "10.0.0.1",
      device: eth0,
      source: "10.0.0.9",
    });
  });

  test("rules", () => {
    const found = (family: 4 | 6) =>
      inPod
        .dump(listRules(family))
        .map(({ payload }) => decodeRule(payload))
        .filter((rule) => rule?.priority === 600);
    expect(found(4)).toMatchObject([
      {
        table: 400,
        from: { address: "10.4.0.0", length: 24 },
        to: { address: "10.6.0.1", length: 32 },
        inputDevice: "other",
        action: 1,
      },
    ]);
    expect(found(6)).toMatchObject([{ table: 400, to: { address: "2001:db8:6::", length: 48 } }]);
    expect(found(6)[0]).not.toHaveProperty("from");
  });

  test("neighbours", () => {
    const { index: device } = linkOf(inPod, "other");
    const found = inPod.dump(listNeighbours(device)).map(({ payload }) => decodeNeighbour(payload));
    expect(found.filter((one) => one?.address === "10.4.0.2")).toMatchObject([
      { device, state: 0x80, mac: "02:00:00:00:00:0c" },
    ]);
    // The kernel leaves other devices' out.
    expect(found.some((one) => one?.address === "10.0.0.1")).toBe(false);
  });
});

describe("what the kernel refuses", () => {
  test("a VLAN id that the trunk has already, in whichever namespace", { tags: "vlan" }, () => {
    const { error } = onNode.batch([vlan("again", 7)])[0] ?? {};
    expect(error).toMatchObject({ code: "EEXIST", extended: { text: "8021q: VLAN device already exists" } });
    expect(onNode.batch([getLink("again")])[0]?.error?.code).toBe("ENODEV");
    onNode.request(vlan("again", 8));
    onNode.request(deleteLink(linkOf(onNode, "again").index));
  });

  test("a name that is taken in the other namespace", () => {
    expect(onNode.batch([vlan("eth0", 9, pod.fd)])[0]?.error?.code).toBe("EEXIST");
  });

  test("a second rule of the same kind; deleting what is not there", () => {
    const rule = { family: 4, priority: 700, table: 300, from: { address: "10.0.0.9", length: 32 } } as const;
    const route = newRoute({ family: 4, destination: "10.99.0.0", length: 16, device: eth0, table: 300 });
    const outcomes = inPod.batch([
      addRule(rule),
      addRule(rule),
      deleteRule(rule),
      deleteRule(rule),
      replaceRoute(route),
      replaceRoute(route),
      deleteRoute(route),
      deleteRoute(route),
    ]);
    expect(outcomes.map(({ error }) => error?.code)).toEqual([
      undefined,
      "EEXIST",
      undefined,
      "ENOENT",
      undefined,
      undefined,
      undefined,
      "ESRCH",
    ]);
  });
});

test("numbers of namespaces: the pod has one for the node, the node has none for itself", () => {
  const numberOf = (socket: NetlinkSocket, fd: number) => {
    const [message] = socket.request(getNetnsId(fd));
    return message && decodeNetnsId(message.payload);
  };
  expect(numberOf(inPod, node.fd)).toBe(0);
  expect(numberOf(onNode, node.fd)).toBeUndefined();
});
