// Run inside a namespace of its own: `ip netns exec NAME node bench/netlink.ts ROUNDS`. Prints JSON.
//
// What an ADD asks of the kernel, without the start of a process: a device, an address, up, a default route in a table, a
// rule, and back. Ours against `ip -batch` doing the same; both in one process each. A macvlan stands in for the VLAN
// device, which the host's kernel may lack.
import { run } from "./measure.ts";
import { figuresOf, type Figures } from "./stats.ts";
import { attribute, concat, nested, textAttribute, u32Attribute } from "../src/netlink/attribute.ts";
import { macBytes } from "../src/values/mac.ts";
import { MessageFlag } from "../src/netlink/message.ts";
import { addAddress } from "../src/netlink/route/address.ts";
import { RouteMessage, Scope } from "../src/netlink/route/constants.ts";
import { changeLink, decodeLink, deleteLink, getLink } from "../src/netlink/route/link.ts";
import { anyDestination, newRoute, replaceRoute } from "../src/netlink/route/route.ts";
import { addRule, deleteRule } from "../src/netlink/route/rule.ts";
import { NetlinkSocket, type Request } from "../src/netlink/socket.ts";

export interface NetlinkBench {
  /** Microseconds for one ADD and DEL. */
  readonly oursUs: Figures;
  readonly ipBatchUs: Figures;
}

const MAC = "02:00:00:00:00:07";
const RULE = {
  family: 4,
  priority: 512,
  table: 107,
  to: { address: "10.0.0.20", length: 32 },
  inputDevice: "lo",
} as const;

/** IFLA_* (linux/if_link.h): the plugin makes no macvlan, so its codec has none. */
function createMacvlan(parent: number): Request {
  return {
    type: RouteMessage.NEWLINK,
    flags: MessageFlag.CREATE | MessageFlag.EXCL,
    payload: concat([
      new Uint8Array(16),
      textAttribute(3, "pod"),
      u32Attribute(5, parent),
      attribute(1, macBytes(MAC)),
      nested(18, [textAttribute(1, "macvlan")]),
    ]),
    operation: "create macvlan",
  };
}

function once(parent: number): void {
  using socket = new NetlinkSocket();
  const ask = (...requests: Request[]) => {
    const outcomes = socket.batch(requests);
    for (const { error } of outcomes) if (error !== undefined) throw error;
    return outcomes;
  };
  const created = ask(createMacvlan(parent), getLink("pod"));
  const reply = created[1]?.replies[0];
  if (reply === undefined) throw new Error("the macvlan is not there");
  const { index } = decodeLink(reply.payload);
  const address = { index, address: "10.0.0.20", prefixLength: 24, scope: Scope.UNIVERSE, flags: 0 };
  const route = newRoute({ ...anyDestination(4), gateway: "10.0.0.1", device: index, table: 107 });
  ask(addAddress(address), changeLink(index, { up: true }), replaceRoute(route), addRule(RULE));
  ask(deleteRule(RULE), deleteLink(index));
}

/** The same for iproute2, in the language of `ip -batch`. */
const LINES = [
  `link add link parent name pod address ${MAC} type macvlan`,
  "addr add 10.0.0.20/24 dev pod",
  "link set pod up",
  "route add default via 10.0.0.1 dev pod table 107",
  "rule add pref 512 to 10.0.0.20/32 iif lo table 107",
  "rule del pref 512 to 10.0.0.20/32 iif lo table 107",
  "link del pod",
];

/** How many of them one `ip` does, so that its own start hardly counts. */
const BATCH = 20;

function main(rounds: number): NetlinkBench {
  run({
    argv: ["ip", "-batch", "-"],
    stdin:
      "link set lo up\nlink add parent type veth peer name other\nlink set parent up\nlink set other up\n",
  });
  using socket = new NetlinkSocket();
  const reply = socket.request(getLink("parent"))[0];
  if (reply === undefined) throw new Error("no parent");
  const parent = decodeLink(reply.payload).index;
  const [ours, theirs]: [number[], number[]] = [[], []];
  const stdin = `${Array.from({ length: BATCH }, () => LINES.join("\n")).join("\n")}\n`;
  for (let round = -5; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < BATCH; i++) once(parent);
    const middle = performance.now();
    run({ argv: ["ip", "-batch", "-"], stdin });
    const end = performance.now();
    if (round < 0) continue;
    ours.push(((middle - start) * 1000) / BATCH);
    theirs.push(((end - middle) * 1000) / BATCH);
  }
  return { oursUs: figuresOf(ours), ipBatchUs: figuresOf(theirs) };
}

process.stdout.write(`${JSON.stringify(main(Number(process.argv[2] ?? 30)))}\n`);
