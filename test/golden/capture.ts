/**
 * Captures what a real kernel says over rtnetlink, for the tables of src/netlink to be held against:
 *
 *     node test/vm/exec.ts --kernel 6.12 --out test/golden -- node test/golden/capture.ts /run/out/linux-6.12.json
 *
 * The objects are made by iproute2, so that what is decoded was never encoded by the code under test. Only the
 * requests for them are ours. Needs root and 8021q; leaves its two namespaces behind, as the guest forgets them.
 */
import { closeSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { attribute, concat, u32Attribute } from "../../src/netlink/attribute.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../../src/netlink/message.ts";
import { listAddresses } from "../../src/netlink/route/address.ts";
import { RouteMessage } from "../../src/netlink/route/constants.ts";
import { decodeLink, createVlan, listLinks } from "../../src/netlink/route/link.ts";
import { listNeighbours } from "../../src/netlink/route/neighbour.ts";
import { getNetnsId } from "../../src/netlink/route/nsid.ts";
import { listRoutes, lookUpRoute } from "../../src/netlink/route/route.ts";
import { listRules } from "../../src/netlink/route/rule.ts";
import type { Request } from "../../src/netlink/socket.ts";
import { type Transport, openTransport } from "../../src/netlink/transport.ts";
import { type Namespace, inNamespace, openNamespace, openOwnNamespace } from "../../src/netns/namespace.ts";
import { recvfrom, send, setsockopt, socket } from "../../src/sys/libc.ts";
import { createNetns, ipBatch, must, netnsPath } from "../ground/index.ts";

const NODE = "golden-node";
const POD = "golden-pod";

/** What the node has: the trunk with its peer, one VLAN kept here, and an 802.1ad one. */
const NODE_LINES = [
  "link add trunk0 mtu 9001 address 02:00:00:00:01:00 type veth peer name wire0 mtu 9001 address 02:00:00:00:01:01",
  "link set trunk0 up",
  "link set wire0 up",
  "link add link trunk0 name eth0 netns golden-pod mtu 9001 address 02:00:00:00:00:07 type vlan id 7",
  "link add link trunk0 name vlan.eth.8 address 02:00:00:00:00:08 type vlan id 8",
  "link add link trunk0 name qinq address 02:00:00:00:00:09 type vlan proto 802.1ad id 4094",
  "link set qinq mtu 1400",
];

const POD_LINES = [
  "link set eth0 up",
  "addr add 10.0.0.9/24 broadcast 10.0.0.255 dev eth0",
  "addr add 10.0.0.10/24 noprefixroute dev eth0",
  "addr add 10.1.0.1 peer 10.1.0.2/32 scope link dev eth0",
  "addr add 2001:db8::9/128 nodad dev eth0",
  "addr add 2001:db8:1::1 peer 2001:db8:1::2/128 nodad dev eth0",
  "neigh add 10.0.0.1 lladdr 02:00:00:00:00:01 nud permanent dev eth0",
  "neigh add fe80:ec2::1 lladdr 02:00:00:00:00:02 nud permanent dev eth0",
  "neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud reachable dev eth0",
  "neigh add 10.0.0.4 nud failed dev eth0",
  "route add default via 10.0.0.1 dev eth0",
  "route add 172.20.0.0/16 via 10.0.0.1 dev eth0 src 10.0.0.9 metric 100",
  "route add 169.254.170.23/32 via 192.0.2.1 dev eth0 onlink table 300",
  "route add 10.9.0.0/16 dev eth0 scope link proto boot table 300",
  "route add 10.8.0.0/16 dev eth0 mtu 1400 advmss 1360 table 300",
  "route add blackhole 10.7.0.0/16 table 300",
  "route add 10.6.0.0/16 table 300 nexthop via 10.0.0.1 dev eth0 nexthop via 10.0.0.2 dev eth0",
  "route add 10.5.0.0/16 via inet6 fe80:ec2::1 dev eth0 table 300",
  "rule add priority 512 from 10.0.0.9 lookup 300",
  "rule add priority 513 iif lo to 10.0.0.0/24 lookup 107",
  "rule add priority 514 fwmark 0x80/0x80 lookup 300",
  "rule add priority 515 from 10.3.0.0/16 prohibit",
];

const POD_LINES_V6 = [
  "route add default via fe80:ec2::1 dev eth0 table 300",
  "route add 2001:db8:2::/64 via fe80:ec2::1 dev eth0 src 2001:db8::9 metric 7 table 300",
  "rule add priority 512 from 2001:db8::/64 to 2001:db8:2::9 iif eth0 lookup 300",
];

interface Capture {
  readonly name: string;
  /** The `ip` commands that made what the messages tell of, or the request they answer. */
  readonly made: readonly string[];
  /** Whole messages, header included: hexadecimal. */
  readonly messages: readonly string[];
}

const captures: Capture[] = [];

function keep(name: string, made: readonly string[], messages: readonly Uint8Array[]): void {
  captures.push({ name, made, messages: messages.map((bytes) => Buffer.from(bytes).toString("hex")) });
}

/** The answer to one request, cut into messages but otherwise as it came. */
function ask(transport: Transport, request: Request, flags: number): Uint8Array[] {
  const { type, payload } = request;
  transport.send(encodeMessage({ type, flags: MessageFlag.REQUEST | flags, sequence: 0x1111, payload }));
  const found: Uint8Array[] = [];
  for (;;) {
    const datagram = transport.receive();
    for (const message of decodeMessages(datagram)) {
      const start = message.payload.byteOffset - datagram.byteOffset - 16;
      found.push(datagram.slice(start, start + 16 + message.payload.length));
      if (message.type === ControlType.DONE || message.type === ControlType.ERROR) return found;
    }
  }
}

const DUMP = MessageFlag.DUMP;
const ACK = MessageFlag.ACK;

/** A dump without its end, which is kept once for all. */
function keepDump(transport: Transport, name: string, made: readonly string[], request: Request): void {
  keep(name, made, ask(transport, request, DUMP).slice(0, -1));
}

function captureNode(): void {
  using transport = openTransport();
  keepDump(transport, "links of the node", NODE_LINES, listLinks());
  keep("end of a dump", ["ip link show"], ask(transport, listLinks(), DUMP).slice(-1));
  using own = openOwnNamespace();
  keep("number of a namespace that has none", ["RTM_GETNSID"], ask(transport, getNetnsId(own.fd), ACK));

  const trunk = ask(transport, listLinks(), DUMP)
    .slice(0, -1)
    .map((bytes) => decodeLink(bytes.subarray(16)))
    .find((link) => link.name === "trunk0");
  const vlan = createVlan({
    name: "again",
    linkIndex: trunk?.index ?? 0,
    vlanId: 7,
    mac: "02:00:00:00:00:07",
    mtu: 9001,
  });
  const errors: [string, Request, number][] = [
    ["success", { ...listRules(4), type: RouteMessage.NEWLINK, payload: linkHeader(1) }, ACK],
    ["a VLAN id that is taken", vlan, MessageFlag.CREATE | MessageFlag.EXCL],
    ["a device that is not there", { ...vlan, type: RouteMessage.DELLINK, payload: linkHeader(0x7fff) }, 0],
    ["an attribute of the wrong length", shortTable(), MessageFlag.CREATE],
    [
      "a dump refused",
      { ...listRoutes(4), payload: Uint8Array.of(2, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
      DUMP,
    ],
  ];
  for (const [name, request, flags] of errors) {
    keep(`acknowledgement: ${name}`, [request.operation], ask(transport, request, flags));
  }
  using talkative = openUncapped();
  keep("acknowledgement: the request quoted", [vlan.operation], ask(talkative, vlan, 0x600));
}

function capturePod(node: Namespace): void {
  using transport = openTransport();
  const made = (words: RegExp, lines = POD_LINES) => lines.filter((line) => words.test(line));
  keepDump(transport, "links of the pod", NODE_LINES, listLinks());
  // The kernel numbered the node when it had to name the trunk's namespace in that dump.
  keep("number of the node's namespace", ["RTM_GETNSID"], ask(transport, getNetnsId(node.fd), ACK));
  keepDump(transport, "addresses of the pod", made(/^addr/), listAddresses(0));
  const eth0 = ask(transport, listLinks("vlan"), DUMP)
    .slice(0, 1)
    .map((bytes) => decodeLink(bytes.subarray(16)))[0];
  keepDump(transport, "neighbours of the pod", made(/^neigh/), listNeighbours(eth0?.index ?? 0));
  keepDump(transport, "IPv4 routes, main table", made(/^route/), listRoutes(4, 254));
  keepDump(transport, "IPv4 routes, table 300", made(/^route/), listRoutes(4, 300));
  keepDump(transport, "IPv6 routes, table 300", made(/^route/, POD_LINES_V6), listRoutes(6, 300));
  keep("route looked up", ["ip route get 172.20.0.10"], ask(transport, lookUpRoute(4, "172.20.0.10"), ACK));
  keepDump(transport, "IPv4 rules", made(/^rule/), listRules(4));
  keepDump(transport, "IPv6 rules", made(/^rule/, POD_LINES_V6), listRules(6));
}

function linkHeader(index: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setInt32(4, index, true);
  return bytes;
}

/** RTA_TABLE with two bytes where four belong, behind a good attribute. */
function shortTable(): Request {
  const header = Uint8Array.of(2, 16, 0, 0, 0, 4, 253, 1, 0, 0, 0, 0);
  const payload = concat([
    header,
    attribute(1, Uint8Array.of(10, 2, 0, 0)),
    u32Attribute(4, 1),
    attribute(15, new Uint8Array(2)),
  ]);
  return { type: RouteMessage.NEWROUTE, payload, operation: "add a route with a table of two bytes" };
}

/** A socket that asked for extended acknowledgements, and not for short ones. */
function openUncapped(): Transport {
  const fd = socket(16, 3, 0);
  setsockopt(fd, 270, 11, Uint8Array.of(1, 0, 0, 0));
  return {
    send: (bytes) => void send(fd, bytes, 0),
    receive() {
      const buffer = new Uint8Array(65536);
      return buffer.slice(0, recvfrom(fd, buffer, 0, new Uint8Array(12), Uint8Array.of(12, 0, 0, 0)));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

async function main(): Promise<void> {
  const path = process.argv[2];
  if (path === undefined) throw new Error("Say where the capture goes");
  await createNetns(NODE);
  await createNetns(POD);
  // The kernel makes link-local addresses from MACs otherwise, and solicits routers.
  await must(["ip", "netns", "exec", POD, "sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1"]);
  await ipBatch(NODE, NODE_LINES);
  await ipBatch(POD, POD_LINES);
  // A batch has no family of its own, and "default" alone does not tell.
  await must(["ip", "-6", "-n", POD, "-batch", "-"], { input: `${POD_LINES_V6.join("\n")}\n` });
  using node = openNamespace(netnsPath(NODE));
  using pod = openNamespace(netnsPath(POD));
  inNamespace(node, () => captureNode());
  inNamespace(pod, () => capturePod(node));
  // Not one attribute may be lost on the way here.
  if (captures.some(({ messages }) => messages.length === 0)) throw new Error("A capture is empty");
  writeFileSync(path, `${JSON.stringify({ kernel: release(), captures }, null, 1)}\n`);
}

await main();
