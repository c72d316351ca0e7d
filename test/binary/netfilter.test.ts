// What we say to nftables against the real kernel, in a namespace of its own; read back by nft.
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { NetlinkError } from "../../src/netlink/error.ts";
import { commit, rehearse } from "../../src/netlink/netfilter/batch.ts";
import {
  type Masquerade,
  deleteTable,
  isMasquerade,
  listTableRules,
  replaceMasquerade,
} from "../../src/netlink/netfilter/masquerade.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import { NETLINK_NETFILTER, openTransport } from "../../src/netlink/transport.ts";
import { inNamespace, openNamespace } from "../../src/netns/namespace.ts";
import { createNetns, deleteNetns, netnsPath } from "../ground/index.ts";

const NAME = `netfilter-test-${process.pid}`;
const TABLE = "branchline-7";
const v4: Masquerade = { family: 4, table: TABLE, from: "10.0.0.50", to: "10.0.0.20" };
const v6: Masquerade = { family: 6, table: TABLE, from: "2001:db8:1::50", to: "2001:db8:1::20" };

beforeEach(() => createNetns(NAME));
afterEach(() => deleteNetns(NAME));

function open() {
  using namespace = openNamespace(netnsPath(NAME));
  return inNamespace(namespace, () => openTransport(5, NETLINK_NETFILTER));
}

function nft(...command: string[]): string {
  return execFileSync("ip", ["netns", "exec", NAME, "nft", ...command], { encoding: "utf8" });
}

function make(masquerade: Masquerade): void {
  using transport = open();
  commit(transport, "make it", replaceMasquerade(masquerade));
}

function rules({ family, table }: Masquerade): Uint8Array[] {
  using socket = new NetlinkSocket(open());
  return socket.dump(listTableRules(family, table)).map(({ payload }) => payload);
}

const listed = (family: string, line: string) => `table ${family} ${TABLE} {
	chain postrouting {
		type nat hook postrouting priority srcnat - 1; policy accept;
		${line}
	}
}
`;

test.each([
  { masquerade: v4, family: "ip", line: "ip saddr 10.0.0.50 ip daddr 10.0.0.20 masquerade" },
  { masquerade: v6, family: "ip6", line: "ip6 saddr 2001:db8:1::50 ip6 daddr 2001:db8:1::20 masquerade" },
])("a table in $family: made, made again, read back, deleted", ({ masquerade, family, line }) => {
  make(masquerade);
  make(masquerade);
  expect(nft("list", "ruleset")).toBe(listed(family, line));
  const found = rules(masquerade);
  expect(found.map((rule) => isMasquerade(rule, masquerade))).toEqual([true]);
  const others = [
    { ...masquerade, from: masquerade.to },
    { ...masquerade, to: masquerade.from },
  ];
  for (const other of others) expect(found.some((rule) => isMasquerade(rule, other))).toBe(false);
  using transport = open();
  commit(transport, "delete it", [deleteTable(masquerade.family, TABLE)]);
  expect(nft("list", "ruleset")).toBe("");
  expect(rules(masquerade)).toEqual([]);
});

test("the same VLAN id's next pod: the table holds its pair alone, and others' tables stay", () => {
  nft("add", "table", "ip", "others");
  make(v4);
  make({ ...v4, from: "10.0.0.51", to: "10.0.0.21" });
  expect(nft("list", "table", "ip", TABLE)).toBe(
    listed("ip", "ip saddr 10.0.0.51 ip daddr 10.0.0.21 masquerade"),
  );
  expect(nft("list", "tables")).toBe(`table ip others\ntable ip ${TABLE}\n`);
});

test("a rule that nft wrote is read as ours, one that says more is not", () => {
  nft("add", "table", "ip", TABLE);
  nft("add", "chain", "ip", TABLE, "c", "{ type nat hook postrouting priority 99; }");
  nft("add", "rule", "ip", TABLE, "c", "ip saddr 10.0.0.50 ip daddr 10.0.0.20 masquerade");
  nft("add", "rule", "ip", TABLE, "c", "ip saddr 10.0.0.50 ip daddr 10.0.0.20 tcp dport 80 masquerade");
  nft("add", "rule", "ip", TABLE, "c", "ip saddr 10.0.0.50 ip daddr != 10.0.0.20 masquerade");
  expect(rules(v4).map((rule) => isMasquerade(rule, v4))).toEqual([true, false, false]);
});

test("a table that is not there: ENOENT", () => {
  using transport = open();
  const remove = () => commit(transport, "delete it", [deleteTable(4, TABLE)]);
  expect(remove).toThrow(NetlinkError);
  expect(remove).toThrow("delete it: ENOENT");
});

test("one message that is refused: nothing of the batch comes to be", () => {
  using transport = open();
  const messages = [...replaceMasquerade(v4), deleteTable(4, "no-such")];
  expect(() => commit(transport, "make it", messages)).toThrow("make it: ENOENT");
  expect(() => commit(transport, "make it", messages.toReversed())).toThrow("make it: ENOENT");
  expect(nft("list", "ruleset")).toBe("");
});

test("a rehearsal says what the kernel would, and leaves nothing", () => {
  using transport = open();
  rehearse(transport, "try it", replaceMasquerade(v4));
  expect(() => rehearse(transport, "try it", [deleteTable(4, TABLE)])).toThrow("try it: ENOENT");
  expect(nft("list", "ruleset")).toBe("");
});
