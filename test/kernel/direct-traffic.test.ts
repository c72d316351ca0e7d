// What reaches whom with the direct datapath, in a VPC that enforces security groups and counts what it sees.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  connect,
  exec,
  ipBatch,
  mustExec,
  ping,
  serve,
  type Attempt,
  type Branch,
  type Host,
  type Server,
} from "../ground/index.ts";
import { closeGround, createGround, createSandbox, type Ground, type Sandbox } from "./support/sandbox.ts";

let ground: Ground;
let dbBranch: Branch;
let clientBranch: Branch;
/** Admits 5432 from the client's group and 8080 from the node's. */
let db: Sandbox;
let client: Sandbox;
/** Without a branch. */
let regular: Sandbox;
/** A machine in the VPC, in the client's group as well. */
let outside: Host;
const servers: Server[] = [];

const families = ["ipv4", "ipv6"] as const;
type Family = (typeof families)[number];

const node = { ipv4: "10.0.0.10", ipv6: "2001:db8:1::10" };
/** The primary's addresses. */
const primaryOf = {
  db: { ipv4: "10.0.0.50", ipv6: "2001:db8:1::50" },
  client: { ipv4: "10.0.0.51", ipv6: "2001:db8:1::51" },
  regular: { ipv4: "10.0.0.52", ipv6: "2001:db8:1::52" },
};

beforeAll(async () => {
  ground = await createGround();
  const { vpc } = ground;
  await vpc.createGroup("client");
  await vpc.createGroup("outside", [{ port: 80, fromGroup: "node" }]);
  await vpc.createGroup("db", [
    { port: 5432, fromGroup: "client" },
    { port: 8080, fromGroup: "node" },
  ]);
  dbBranch = await vpc.attachBranch({
    vlanId: 7,
    ipv4: "10.0.0.20",
    ipv6: "2001:db8:1::20",
    groups: ["db"],
  });
  clientBranch = await vpc.attachBranch({
    vlanId: 8,
    ipv4: "10.0.0.21",
    ipv6: "2001:db8:1::21",
    groups: ["client"],
  });
  outside = await vpc.addHost({
    name: "out",
    ipv4: "10.0.0.30",
    ipv6: "2001:db8:1::30",
    groups: ["client", "outside"],
  });
  for (const { ipv4, ipv6 } of Object.values(primaryOf)) {
    await vpc.assignSecondary(ipv4);
    await vpc.assignSecondary(ipv6);
  }
  db = await createSandbox(ground, {
    name: "db",
    addresses: Object.values(primaryOf.db),
    branch: dbBranch.annotation,
  });
  client = await createSandbox(ground, {
    name: "client",
    addresses: Object.values(primaryOf.client),
    branch: clientBranch.annotation,
  });
  regular = await createSandbox(ground, { name: "regular", addresses: Object.values(primaryOf.regular) });
  for (const port of [5432, 8080, 9999]) servers.push(await serve(db.netns, { port, name: `db${port}` }));
  servers.push(await serve(outside.netns, { port: 80, name: "outside" }));
  await db.mustAdd();
  // Served from before the branch was there: a server that listens on every address need not start again.
  await client.mustAdd();
  await regular.mustAdd();
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  for (const pod of [db, client, regular]) await pod.remove();
  await closeGround(ground);
});

const reached = (who: string, by: string): Attempt => ({ reach: "reached", reply: `${who} ${by}` });
const timedOut: Attempt = { reach: "timed out", reply: "" };

const from = (pod: Sandbox, address: string | undefined, port: number, timeout = 3) =>
  connect(pod.netns, String(address), { port, timeout });

describe.each(families)("over %s", (family: Family) => {
  test("the branch answers at once, its address is not waited for", async () => {
    const branch = await ground.vpc.attachBranch({
      vlanId: 9,
      ipv4: "10.0.0.29",
      ipv6: "2001:db8:1::29",
      groups: ["db"],
    });
    const pod = await createSandbox(ground, {
      name: "fresh",
      primary: "veth",
      addresses: ["10.0.0.59", "2001:db8:1::59"],
      branch: branch.annotation,
    });
    onTestFinished(async () => {
      await pod.remove();
      await ground.vpc.detachBranch(branch);
    });
    servers.push(await serve(pod.netns, { port: 5432, name: "fresh" }));
    await pod.mustAdd();
    expect(await connect(outside.netns, String(branch[family]), { port: 5432, timeout: 2 })).toEqual(
      reached("fresh", String(outside[family])),
    );
  });

  test("a port that the group admits is reached from elsewhere in the VPC, with the branch's address", async () => {
    expect(await connect(outside.netns, String(dbBranch[family]), { port: 5432 })).toEqual(
      reached("db5432", String(outside[family])),
    );
    await ground.vpc.allow("outside", { port: 80, fromGroup: "client" });
    expect(await from(client, outside[family], 80)).toEqual(reached("outside", String(clientBranch[family])));
  });

  test("from a branch on the same node it goes through the VPC, which lets it in", async () => {
    await ground.vpc.forget();
    expect(await from(client, dbBranch[family], 5432)).toEqual(
      reached("db5432", String(clientBranch[family])),
    );
    const flow = { from: String(clientBranch[family]), to: String(dbBranch[family]), port: 5432 };
    const sent = await ground.vpc.seen(clientBranch, flow);
    const arrived = await ground.vpc.seen(dbBranch, flow);
    expect(sent).toMatchObject({ sent: expect.any(Number), spoofed: 0 });
    expect(sent.sent).toBeGreaterThanOrEqual(3);
    expect(arrived).toMatchObject({ delivered: sent.sent, refused: 0 });
  });

  test("what the group does not admit is refused there: another port, and a regular pod of the node", async () => {
    await ground.vpc.forget();
    const attempts = await Promise.all([
      from(client, dbBranch[family], 9999, 1),
      from(regular, dbBranch[family], 5432, 1),
      from(regular, dbBranch[family], 8080),
    ]);
    expect(attempts).toEqual([timedOut, timedOut, reached("db8080", primaryOf.regular[family])]);
    const closed = { from: String(clientBranch[family]), port: 9999 };
    expect(await ground.vpc.seen(dbBranch, closed)).toMatchObject({ delivered: 0 });
    expect((await ground.vpc.seen(dbBranch, closed)).refused).toBeGreaterThan(0);
    const regulars = { from: primaryOf.regular[family], port: 5432 };
    expect(await ground.vpc.seen(dbBranch, regulars)).toMatchObject({ delivered: 0 });
    expect((await ground.vpc.seen(dbBranch, regulars)).refused).toBeGreaterThan(0);
  });

  test("the node's own probes take the short way, whatever the groups say, from the node's address", async () => {
    await ground.vpc.forget();
    for (const port of [5432, 8080, 9999]) {
      expect(await connect(undefined, String(dbBranch[family]), { port })).toEqual(
        reached(`db${port}`, node[family]),
      );
    }
    expect(await ping(undefined, String(dbBranch[family]))).toBe(true);
    const flow = { to: String(dbBranch[family]) };
    expect(await ground.vpc.seen(ground.vpc.nodePlug, flow)).toMatchObject({ sent: 0 });
    expect(await ground.vpc.seen(dbBranch, flow)).toMatchObject({ delivered: 0, refused: 0 });
    // Nor do the answers, which would come from an address that is not the node ENI's.
    expect(await ground.vpc.seen(dbBranch, { to: node[family] })).toMatchObject({ sent: 0 });
  });

  test("a pod reaches its node by host0, with the primary's address", async () => {
    const server = await serve(undefined, { port: 10_250, name: "kubelet" });
    onTestFinished(() => server.stop());
    await ground.vpc.forget();
    expect(await from(client, node[family], 10_250)).toEqual(reached("kubelet", primaryOf.client[family]));
    expect(await ground.vpc.seen(clientBranch, { to: node[family] })).toMatchObject({ sent: 0 });
  });

  test("what is addressed to the primary is answered by it: from the node, a pod, and elsewhere", async () => {
    await ground.vpc.allow("node", { port: 5432, fromGroup: "client" });
    await ground.vpc.forget();
    const target = primaryOf.db[family];
    expect(await connect(undefined, target, { port: 5432 })).toEqual(reached("db5432", node[family]));
    expect(await from(regular, target, 5432)).toEqual(reached("db5432", primaryOf.regular[family]));
    expect(await connect(outside.netns, target, { port: 5432 })).toEqual(
      reached("db5432", String(outside[family])),
    );
    expect(await ground.vpc.seen(dbBranch, { from: target })).toMatchObject({ sent: 0, spoofed: 0 });
  });

  test("nothing else leaves by host0: a socket bound to it gets no further than the node", async () => {
    const target = String(outside[family]);
    expect(await ping(client.netns, node[family])).toBe(true);
    await ground.vpc.allow("outside", { protocol: "icmp", fromGroup: "node" });
    await ground.vpc.allow("outside", { protocol: "icmp", fromGroup: "client" });
    await ground.vpc.forget();
    expect(await ping(client.netns, target)).toBe(true);
    const flag = family === "ipv4" ? "-4" : "-6";
    const bound = ["ping", flag, "-n", "-c", "1", "-W", "1", "-I", "host0", target] as const;
    expect((await exec(client.netns, [...bound])).status).not.toBe(0);
    const flow = { to: target, from: primaryOf.client[family] };
    expect(await ground.vpc.seen(ground.vpc.nodePlug, flow)).toMatchObject({ sent: 0 });
  });
});

describe("what lives on the node", () => {
  const services = { ipv4: "172.20.0.10", ipv6: "fd00:20::10" };

  test.each(families)("a Service, by DNAT on the node as kube-proxy does it, over %s", async (family) => {
    const [ip, service] = [family === "ipv4" ? "ip" : "ip6", services[family]];
    const backend = family === "ipv4" ? `${outside.ipv4}:80` : `[${outside.ipv6}]:80`;
    const own = family === "ipv4" ? `${dbBranch.ipv4}:8080` : `[${dbBranch.ipv6}]:8080`;
    await mustExec(undefined, ["nft", "-f", "-"], {
      input: `table ${ip} services {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ${ip} daddr ${service} tcp dport 80 dnat to ${backend}
    ${ip} daddr ${service} tcp dport 81 dnat to ${own}
  }
}
`,
    });
    onTestFinished(async () => {
      await mustExec(undefined, ["nft", "delete", "table", ip, "services"]);
    });
    await ground.vpc.forget();
    // A backend elsewhere, and one that is a branch on this node: there its groups see the node's address.
    expect(await from(client, service, 80)).toEqual(reached("outside", primaryOf.client[family]));
    expect(await from(client, service, 81)).toEqual(reached("db8080", primaryOf.client[family]));
    expect(await ground.vpc.seen(clientBranch)).toMatchObject({ sent: 0 });
    expect((await ground.vpc.seen(dbBranch, { port: 8080 })).delivered).toBeGreaterThan(0);
  });

  // Needs a dummy device, which the gate's own kernel may lack as well.
  test(
    "an agent at a link-local address of its own, and it reaches the pods no other way than the node",
    { tags: "vlan" },
    async () => {
      await ipBatch(undefined, [
        "link add agent type dummy",
        "addr add 169.254.170.23/32 dev agent",
        "addr add fd00:ec2::23/128 dev agent nodad",
        "link set agent up",
      ]);
      onTestFinished(() => ipBatch(undefined, ["link del agent"]));
      const server = await serve(undefined, { port: 8888, name: "agent" });
      onTestFinished(() => server.stop());
      await ground.vpc.forget();
      expect(await from(client, "169.254.170.23", 8888)).toEqual(reached("agent", primaryOf.client.ipv4));
      expect(await from(client, "fd00:ec2::23", 8888)).toEqual(reached("agent", primaryOf.client.ipv6));
      // The agent's address is on the node now; probes still come from the node's own.
      expect(await connect(undefined, String(dbBranch.ipv4), { port: 9999 })).toEqual(
        reached("db9999", node.ipv4),
      );
      expect(await ground.vpc.seen(clientBranch)).toMatchObject({ sent: 0 });
    },
  );
});
