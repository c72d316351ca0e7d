import { describe, expect, test } from "vitest";
import { differences } from "./lines.ts";
import { neighboursPodLines, nodeLines } from "./node-lines.ts";
import type { Mode, Operation } from "./operation.ts";
import { outcomesOf } from "./outcome.ts";
import { VLAN_IDS } from "./pool.ts";
import { type World, newWorld } from "./world.ts";

/** A branch of both families, on VLAN 4. */
const ENI = 3;
/** One of IPv6 alone, on the same. */
const IPV6 = ENI + 2 * VLAN_IDS;

const add = (mode: Mode, eni: number | undefined = ENI): Operation => ({
  op: "add",
  sandbox: { id: 1, pod: 1, incarnation: 0, families: [4], netns: "sb-1" },
  ...(eni !== undefined && { eni }),
  mode,
  network: "chaos",
});
const plain: Operation = { ...add("direct"), broken: true } as Operation;

function after(...operations: readonly Operation[]): World {
  return operations.reduce((world, operation) => outcomesOf(world, operation)[0]?.world ?? world, newWorld());
}

/** What an operation changes on the node: `+ …` comes, `- …` goes. */
function change(before: World, ...operations: readonly Operation[]): string[] {
  const world = operations.reduce((each, operation) => outcomesOf(each, operation)[0]?.world ?? each, before);
  const [was, is] = [nodeLines(before, []), nodeLines(world, [])];
  return differences({ required: was.required, optional: [] }, is.required).sort();
}

describe("the node", () => {
  test("a sandbox without a branch: its veth, and the way to it", () => {
    expect(change(newWorld(), plain)).toEqual([
      "+ link eni1 veth mac 02:0e:00:00:00:01 mtu 9001 up",
      "+ route 4 table main unicast 10.1.0.1 dev eni1 proto boot scope link",
      "+ rule 4 512: from all to 10.1.0.1 lookup main proto unspec",
    ]);
  });

  // The README: what the node itself sends, such as kubelet's probes, reaches the pod by the veth.
  test("direct: the short way for what the node sends, in the families that the primary has", () => {
    expect(change(after(plain), add("direct"))).toEqual([
      "+ address 10.0.0.10/32 dev eni1 scope global noprefixroute",
      "+ neighbour 10.0.1.4 lladdr 02:0f:00:00:00:01 dev eni1 permanent",
      "+ nftables 4 branchline-4: a rule",
      "+ route 4 table 104 unicast 10.0.1.4 dev eni1 src 10.0.0.10 proto static scope link",
      "+ rule 4 512: from all to 10.0.1.4 iif lo lookup 104 proto unspec",
    ]);
  });

  // What aws-cni leaves, in both modes, and the last resort; the local rule is moved for the whole node.
  test("standard: the VLAN device, its table, and the rules of the pod's address", () => {
    expect(change(after(plain), add("standard", IPV6))).toEqual([
      "+ link vlan.eth.4 vlan id 4 on eth1 mac 02:b1:00:00:00:23 mtu 9001 up",
      "+ route 6 table 104 unicast default via fe80:ec2::1 dev vlan.eth.4 metric 1024 proto static scope global",
      "+ route 6 table 104 unicast fe80:ec2::1 dev vlan.eth.4 metric 1024 proto static scope global",
      "+ route 6 table 104 unreachable default dev lo metric 4294967295 proto static scope global",
      "+ route 6 table main unicast 2001:db8:1::123 dev eni1 metric 1024 proto static scope global",
      "+ rule 6 1536: from 2001:db8:1::123 lookup 104 proto unspec",
      "+ rule 6 512: from all to 2001:db8:1::123 lookup main proto unspec",
      "+ sysctl ipv6/conf/vlan.eth.4/accept_ra = 0",
      "+ sysctl ipv6/conf/vlan.eth.4/accept_redirects = 1",
      "+ sysctl ipv6/conf/vlan.eth.4/forwarding = 0",
      "- route 4 table main unicast 10.1.0.1 dev eni1 proto boot scope link",
      "- rule 4 512: from all to 10.1.0.1 lookup main proto unspec",
    ]);
  });

  test("strict: three routes in the table and its last resort, rules by device, and table local behind", () => {
    const lines = change(after(plain), add("strict")).filter(
      (line) => /(route|rule) 4 /.test(line) || / 6 0:/.test(line),
    );
    expect(lines).toEqual([
      "+ route 4 table 104 unicast 10.0.0.1 dev vlan.eth.4 proto static scope link",
      "+ route 4 table 104 unicast 10.0.1.4 dev eni1 proto static scope link",
      "+ route 4 table 104 unicast default via 10.0.0.1 dev vlan.eth.4 proto static scope global",
      "+ route 4 table 104 unreachable default metric 4294967295 proto static scope global",
      "+ rule 4 10: from all iif eni1 lookup 104 proto unspec",
      "+ rule 4 10: from all iif vlan.eth.4 lookup 104 proto unspec",
      "+ rule 4 20: from all lookup local proto kernel",
      "+ rule 6 0: from fe80:ec2::1 ipproto ipv6-icmp lookup local proto kernel",
      "- route 4 table main unicast 10.1.0.1 dev eni1 proto boot scope link",
      "- rule 4 0: from all lookup local proto kernel",
      "- rule 4 512: from all to 10.1.0.1 lookup main proto unspec",
      "- rule 6 0: from all lookup local proto kernel",
    ]);
  });

  test.each(["direct", "standard", "strict"] as const)("%s: DEL takes all of it back", (mode) => {
    expect(change(after(plain), add(mode), { op: "del", sandbox: 1 })).toEqual([]);
  });

  test("a namespace that goes takes what was by its veth; the rules stay for DEL", () => {
    expect(change(after(add("standard", ENI + VLAN_IDS)), { op: "destroy", sandbox: 1 })).toEqual([
      "- link eni1 veth mac 02:0e:00:00:00:01 mtu 9001 up",
      "- route 4 table main unicast 10.0.1.20 dev eni1 proto static scope link",
    ]);
  });

  test("DEL does not give the primary's rule back once the pod is gone: it would stay for ever", () => {
    const world = after(add("standard", ENI + VLAN_IDS), { op: "destroy", sandbox: 1 });
    const lines = change(world, { op: "del", sandbox: 1 });
    expect(lines.filter((line) => line.startsWith("+"))).toEqual([]);
    expect(lines).toContain("- rule 4 512: from all to 10.0.1.20 lookup main proto unspec");
  });

  test("where the pod went while a call was killed the primary's rule may be there or not", () => {
    const [loose] = outcomesOf(after(add("standard")), { op: "del", sandbox: 1 }, true);
    const [gone] = outcomesOf(loose?.world ?? after(), { op: "destroy", sandbox: 1 }, false);
    const [last] = outcomesOf(gone?.world ?? after(), { op: "del", sandbox: 1 }, false);
    const rule = "rule 4 512: from all to 10.1.0.1 lookup main proto unspec";
    const { required, optional } = nodeLines(last?.world ?? after(), []);
    expect(required).not.toContain(rule);
    expect(optional).toContain(rule);
  });

  test("the trunk down: what hangs on it goes down and loses its routes, also another maker's", () => {
    expect(change(after(add("strict", ENI + VLAN_IDS)), { op: "trunk", up: false })).toEqual([
      "+ link eth1 veth mac 02:00:00:00:00:11 mtu 9001 down",
      "+ link vlan.eth.4 vlan id 4 on eth1 mac 02:b1:00:00:00:13 mtu 9001 down",
      "+ link vlan.eth.99 vlan id 99 on eth1 mac 02:aa:00:00:00:63 mtu 9001 down",
      "- link eth1 veth mac 02:00:00:00:00:11 mtu 9001 up",
      "- link vlan.eth.4 vlan id 4 on eth1 mac 02:b1:00:00:00:13 mtu 9001 up",
      "- link vlan.eth.99 vlan id 99 on eth1 mac 02:aa:00:00:00:63 mtu 9001 up",
      "- route 4 table 104 unicast 10.0.0.1 dev vlan.eth.4 proto static scope link",
      "- route 4 table 104 unicast default via 10.0.0.1 dev vlan.eth.4 proto static scope global",
      "- route 4 table 199 unicast 10.0.0.1 dev vlan.eth.99 proto boot scope link",
      "- route 4 table 199 unicast default via 10.0.0.1 dev vlan.eth.99 proto boot scope global",
    ]);
  });

  test("while a call was killed that worked on it, all of an attachment may be there or not", () => {
    const [, begun] = outcomesOf(after(plain), add("standard"), true);
    if (begun === undefined) throw new Error("no outcome");
    const { required, optional } = nodeLines(begun.world, []);
    const whole = nodeLines(after(add("standard")), []).required;
    expect(differences({ required, optional }, required)).toEqual([]);
    expect(differences({ required, optional }, whole)).toEqual([]);
    expect(differences({ required, optional }, [...whole, "rule of nobody"])).toEqual(["+ rule of nobody"]);
  });

  test("what was there before any pod must stay", () => {
    const { required } = nodeLines(newWorld(), ["rule 4 700: from 192.0.2.0/24 lookup 300 proto unspec"]);
    expect(required).toContain("rule 4 700: from 192.0.2.0/24 lookup 300 proto unspec");
  });
});

test("another maker's pod changes with the trunk only", () => {
  const base = ["link branch98 vlan id 98 on #3 mac 02:aa:00:00:00:62 mtu 9001 up", "link lo loopback up"];
  expect(neighboursPodLines(newWorld(), base).required).toEqual(base);
  expect(neighboursPodLines({ ...newWorld(), trunkUp: false }, base).required).toEqual([
    "link branch98 vlan id 98 on #3 mac 02:aa:00:00:00:62 mtu 9001 down",
    "link lo loopback up",
  ]);
});
