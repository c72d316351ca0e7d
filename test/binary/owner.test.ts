// Whose pod a VLAN id's table and rules lead to, against the real kernel, in namespaces of their own: any Linux, as root.
import { afterEach, beforeEach, expect, test } from "vitest";
import { Kernel } from "../../src/datapath/kernel.ts";
import { ownerOfTable, podBehind } from "../../src/datapath/owner.ts";
import { readRoutes, readRulesTo } from "../../src/datapath/read.ts";
import { inNamespace, openNamespace } from "../../src/netns/namespace.ts";
import { createNetns, deleteNetns, ipBatch, ipJson, netnsPath } from "../ground/index.ts";

const NODE = `owner-test-${process.pid}`;
const POD = `${NODE}-pod`;

beforeEach(async () => {
  await createNetns(NODE);
  await createNetns(POD);
  await ipBatch(NODE, [
    `link add eni1 type veth peer name eth0 netns ${POD}`,
    "link set eni1 up",
    "link add here type veth peer name there",
    "link set here up",
    "link set there up",
  ]);
});

afterEach(async () => {
  await deleteNetns(POD);
  await deleteNetns(NODE);
});

/** The name of the veth that VLAN id 7 leads to; `own` is that of the pod which asks. */
async function behind(own?: string): Promise<string | undefined> {
  const links = await ipJson<{ ifname: string; ifindex: number }>(NODE, "link", "show");
  using namespace = openNamespace(netnsPath(NODE));
  return inNamespace(namespace, () => {
    using kernel = new Kernel(undefined);
    return podBehind(kernel, 7, links.find(({ ifname }) => ifname === own)?.ifindex)?.name;
  });
}

const strict = [
  "route add 10.0.1.30 dev eni1 scope link table 107",
  "rule add priority 10 iif eni1 table 107",
];
const standard = [
  "route add 10.0.1.30 dev eni1 scope link",
  "rule add priority 512 to 10.0.1.30 table main",
  "rule add priority 1536 from 10.0.1.30 table 107",
];
const six = ["route add 2001:db8:1::30 dev eni1 table 107"];

test.each([
  { how: "strict", lines: strict },
  { how: "standard", lines: standard },
  { how: "IPv6", lines: six },
])("a living pod is behind it: $how", async ({ lines }) => {
  await ipBatch(NODE, lines);
  expect(await behind()).toBe("eni1");
  expect(await behind("eni1")).toBe("eni1");
  // It goes with the pod's namespace, a moment after it.
  await ipBatch(NODE, ["link del eni1"]);
  expect(await behind()).toBeUndefined();
});

test("a rule alone is no proof of the asking pod's own: an earlier pod of its name has left it", async () => {
  await ipBatch(NODE, strict.slice(1));
  expect(await behind("eni1")).toBeUndefined();
  expect(await behind("here")).toBe("eni1");
});

test("nobody is behind another table, nor behind a veth whose other end is on the node", async () => {
  await ipBatch(NODE, [
    "route add 10.0.1.30 dev eni1 scope link table 108",
    "route add 10.0.1.31 dev here scope link table 107",
    "rule add priority 10 iif there table 107",
    "rule add priority 512 iif lo to 10.0.1.30 table 107",
  ]);
  expect(await behind()).toBeUndefined();
});

/** The name of the device by which VLAN id 7's table is somebody's, though there is no VLAN device. */
async function ownerOf(lines: readonly string[]): Promise<string | undefined> {
  await ipBatch(NODE, lines);
  using namespace = openNamespace(netnsPath(NODE));
  return inNamespace(namespace, () => {
    using kernel = new Kernel(undefined);
    const table = readRoutes(kernel, "node", undefined, 107);
    return ownerOfTable(kernel, { table, rules: readRulesTo(kernel, "node", 107) })?.name;
  });
}

test.each([
  { what: "a living pod", lines: strict, is: "eni1" },
  {
    what: "another ENI",
    lines: [
      "link add eni2 link eni1 type macvlan",
      "link set eni2 up",
      "route add default dev eni2 table 107",
    ],
    is: "eni2",
  },
  {
    what: "what refuses, and rules alone",
    lines: ["route add unreachable default table 107", ...strict.slice(1)],
    is: undefined,
  },
  {
    what: "what direct left: its VLAN device says who lives",
    lines: [
      "route add 10.0.1.30 dev eni1 scope link table 107",
      "rule add priority 512 iif lo to 10.0.1.30 table 107",
    ],
    is: undefined,
  },
])("a table with no VLAN device: $what", async ({ lines, is }) => {
  expect(await ownerOf(lines)).toBe(is);
});
