// The VPC by itself, before any plugin stands on it: pods here are made by iproute2.
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBranchPod } from "../ground/branch-pod.ts";
import { createNetns, deleteNetns, exec, ipBatch, ipJson } from "../ground/netns.ts";
import { settled, snapshot, type Snapshot } from "../ground/snapshot.ts";
import { connect, ping, serve, type Server } from "../ground/traffic.ts";
import { createVpc, gatewayV6, type Branch, type Host, type Vpc } from "../ground/vpc.ts";

let vpc: Vpc;
let before: Snapshot;
let db: Branch;
let client: Branch;
let stranger: Branch;
let outside: Host;
const servers: Server[] = [];
const pods: string[] = [];

async function podOf(name: string, { mac, ipv4 = "", ipv6, vlanId }: Branch): Promise<void> {
  pods.push(name);
  await createBranchPod(undefined, name, { mac, ipv4, ipv6 }, `type vlan id ${vlanId}`);
}

/** A pod with a secondary address of the node's primary ENI, as aws-cni wires it. */
async function regularPod(name: string, ipv4: string, ipv6: string): Promise<void> {
  await createNetns(name);
  pods.push(name);
  const host = `eni-${name}`;
  await ipBatch(undefined, [
    `link add ${host} address 02:00:00:00:02:01 mtu 9001 type veth peer name eth0 mtu 9001 netns ${name}`,
    `link set ${host} up`,
    `route add ${ipv4}/32 dev ${host}`,
    `route add ${ipv6}/128 dev ${host}`,
  ]);
  await ipBatch(name, [
    "link set eth0 up",
    `addr add ${ipv4}/32 dev eth0`,
    `addr add ${ipv6}/128 dev eth0 nodad`,
    "route add 169.254.1.1 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
    "route add default via fe80::1 dev eth0",
    "neigh add 169.254.1.1 lladdr 02:00:00:00:02:01 dev eth0 nud permanent",
    "neigh add fe80::1 lladdr 02:00:00:00:02:01 dev eth0 nud permanent",
  ]);
  await vpc.assignSecondary(ipv4, ipv6);
}

beforeAll(async () => {
  before = await snapshot();
  vpc = await createVpc();
  await vpc.createGroup("client");
  await vpc.createGroup("stranger");
  await vpc.createGroup("outside", [{ port: 80, fromGroup: "client" }]);
  await vpc.createGroup("db", [
    { port: 5432, fromGroup: "client" },
    { port: 5432, fromGroup: "outside" },
    { port: 8080, fromGroup: "node" },
    { port: 53, protocol: "udp", fromCidr: "10.0.0.0/24" },
    { protocol: "icmp", fromGroup: "client" },
  ]);
  db = await vpc.attachBranch({ vlanId: 7, ipv4: "10.0.0.20", ipv6: "2001:db8:1::20", groups: ["db"] });
  client = await vpc.attachBranch({
    vlanId: 8,
    ipv4: "10.0.0.21",
    ipv6: "2001:db8:1::21",
    groups: ["client"],
  });
  stranger = await vpc.attachBranch({
    vlanId: 120,
    ipv4: "10.0.0.22",
    ipv6: "2001:db8:1::22",
    groups: ["stranger"],
  });
  outside = await vpc.addHost({
    name: "out",
    ipv4: "10.0.0.30",
    ipv6: "2001:db8:1::30",
    groups: ["outside"],
  });
  await podOf("db", db);
  await podOf("client", client);
  await podOf("stranger", stranger);
  await regularPod("regular", "10.0.0.50", "2001:db8:1::50");
  for (const port of [5432, 8080, 80]) servers.push(await serve("db", { port, name: `db${port}` }));
  servers.push(await serve("db", { port: 53, protocol: "udp", name: "dns" }));
  servers.push(await serve(outside.netns, { port: 80, name: "outside" }));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  for (const name of pods) await deleteNetns(name);
  await vpc.close();
  await settled(undefined, before);
});

const families = ["ipv4", "ipv6"] as const;

test.each(families)("the group's own port is reached from the group it names, over %s", async (family) => {
  expect(await connect("client", String(db[family]), { port: 5432 })).toEqual({
    reach: "reached",
    reply: `db5432 ${client[family]}`,
  });
});

test.each(families)("another port is not, nor this one from another group, over %s", async (family) => {
  await vpc.forget();
  const [closed, other] = await Promise.all([
    connect("client", String(db[family]), { port: 80, timeout: 2 }),
    connect("stranger", String(db[family]), { port: 5432, timeout: 2 }),
  ]);
  expect([closed.reach, other.reach]).toEqual(["timed out", "timed out"]);
  const seen = await vpc.seen(db, { from: String(stranger[family]), port: 5432 });
  expect(seen.refused).toBeGreaterThan(0);
  expect(seen.delivered).toBe(0);
  expect((await vpc.seen(stranger, { to: String(db[family]), port: 5432 })).sent).toBe(seen.refused);
});

test("a port that the group opens and nobody serves is refused by the pod itself", async () => {
  await vpc.allow("db", { port: 5433, fromGroup: "client" });
  expect((await connect("client", String(db.ipv4), { port: 5433 })).reach).toBe("refused");
});

test("UDP and ICMP follow the rules too", async () => {
  expect(await connect("client", String(db.ipv4), { port: 53, protocol: "udp" })).toEqual({
    reach: "reached",
    reply: `dns ${client.ipv4}`,
  });
  // The rule speaks of IPv4 only.
  expect((await connect("client", String(db.ipv6), { port: 53, protocol: "udp", timeout: 1 })).reach).toBe(
    "timed out",
  );
  expect(await ping("client", String(db.ipv4))).toBe(true);
  expect(await ping("client", String(db.ipv6))).toBe(true);
  expect(await ping("stranger", String(db.ipv4), 1)).toBe(false);
});

test.each([
  ["10.0.0.99", "10.0.0.99/24", "10.0.0.20"],
  ["2001:db8:1::99", "2001:db8:1::99/128", "2001:db8:1::20"],
])("a source that is not the branch's own is dropped: %s", async (source, cidr, target) => {
  await vpc.forget();
  await exec("client", [
    "ip",
    "addr",
    "add",
    cidr,
    "dev",
    "eth0",
    ...(source.includes(":") ? ["nodad"] : []),
  ]);
  await exec("client", ["ping", "-n", "-c", "1", "-W", "1", "-I", source, target]);
  expect(await vpc.seen(client, { from: source })).toMatchObject({ sent: 1, spoofed: 1 });
  await exec("client", ["ip", "addr", "del", cidr, "dev", "eth0"]);
});

// Native, the MAC is what says whose a frame is.
test("another MAC than the branch's own is dropped", { tags: "vlan" }, async () => {
  await vpc.forget();
  await ipBatch("stranger", ["link set eth0 address 02:00:00:00:00:77"]);
  await ping("stranger", String(db.ipv4), 1);
  await ipBatch("stranger", [
    `link set eth0 address ${stranger.mac}`,
    `route replace default via ${gatewayV6} dev eth0`,
  ]);
  expect((await vpc.seen(stranger)).spoofed).toBeGreaterThan(0);
});

test.each(families)("a regular pod is in the node's group, over %s", async (family) => {
  const own = family === "ipv4" ? "10.0.0.50" : "2001:db8:1::50";
  expect(await connect("regular", String(db[family]), { port: 8080 })).toEqual({
    reach: "reached",
    reply: `db8080 ${own}`,
  });
  expect((await connect("regular", String(db[family]), { port: 5432, timeout: 2 })).reach).toBe("timed out");
});

test.each(families)(
  "what a branch opens to a regular pod needs the node's group to let it in, over %s",
  async (family) => {
    const target = family === "ipv4" ? "10.0.0.50" : "2001:db8:1::50";
    const server = await serve("regular", { port: 8000, name: "regular" });
    try {
      expect((await connect("client", target, { port: 8000, timeout: 2 })).reach).toBe("timed out");
      await vpc.allow("node", {
        port: 8000,
        fromCidr: family === "ipv4" ? `${client.ipv4}/32` : `${client.ipv6}/128`,
      });
      expect(await connect("client", target, { port: 8000 })).toEqual({
        reach: "reached",
        reply: `regular ${client[family]}`,
      });
    } finally {
      await server.stop();
    }
  },
);

test.each(families)("a host outside the node is reached and reaches, over %s", async (family) => {
  expect((await connect("client", String(outside[family]), { port: 80 })).reply).toBe(
    `outside ${client[family]}`,
  );
  expect((await connect(outside.netns, String(db[family]), { port: 5432 })).reply).toBe(
    `db5432 ${outside[family]}`,
  );
  expect((await connect("stranger", String(outside[family]), { port: 80, timeout: 2 })).reach).toBe(
    "timed out",
  );
});

test.each(families)("the node itself reaches a branch through the VPC, over %s", async (family) => {
  await vpc.forget();
  const target = String(db[family]);
  expect((await connect(undefined, target, { port: 8080 })).reply).toBe(`db8080 ${vpc.primary[family]}`);
  expect((await vpc.seen(db, { from: vpc.primary[family], port: 8080 })).delivered).toBeGreaterThan(0);
});

test("a jumbo frame passes whole", async () => {
  const outcome = await exec("client", [
    "ping",
    "-n",
    "-c",
    "1",
    "-W",
    "3",
    "-M",
    "do",
    "-s",
    "8973",
    String(db.ipv4),
  ]);
  expect(outcome.stdout).toContain("1 received");
});

test("a neighbour in the subnet answers ARP by the VPC's router, an address nobody has does not", async () => {
  await exec("client", ["busybox", "arping", "-f", "-c", "1", "-w", "2", "-I", "eth0", String(db.ipv4)]);
  const absent = await exec("client", [
    "busybox",
    "arping",
    "-f",
    "-c",
    "1",
    "-w",
    "1",
    "-I",
    "eth0",
    "10.0.0.200",
  ]);
  expect(absent.status).not.toBe(0);
  await connect("client", String(db.ipv4), { port: 5432 });
  const neighbours = await ipJson("client", "neigh", "show", "to", String(db.ipv4));
  const [port] = await ipJson(vpc.netns, "link", "show", client.device);
  expect(neighbours[0]?.["lladdr"]).toBe(port?.["address"]);
});

test("a detached branch is silent, and its VLAN can be another's", async () => {
  await vpc.detachBranch(stranger);
  await ipBatch("stranger", ["link del eth0"]);
  stranger = await vpc.attachBranch({
    vlanId: 120,
    mac: "02:b1:00:00:01:20",
    ipv4: "10.0.0.23",
    ipv6: "2001:db8:1::23",
    groups: ["client"],
  });
  await podOf("second", stranger);
  expect((await connect("second", String(db.ipv4), { port: 5432 })).reply).toBe("db5432 10.0.0.23");
  expect((await connect("second", String(db.ipv6), { port: 5432 })).reply).toBe("db5432 2001:db8:1::23");
});
