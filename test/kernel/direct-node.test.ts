// The direct datapath on nodes as they are: reverse-path filters, strictARP, agents at link-local addresses, a trunk that
// goes down, pods whose runtime switched IPv6 off.
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connect, exec, ipBatch, mustExec, ping, serve, type Branch, type Host } from "../ground/index.ts";
import { records } from "./support/sandbox.ts";
import { createSandbox, sandboxForTest, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let branch: Branch;
let outside: Host;

const [p4, p6] = ["10.0.0.50", "2001:db8:1::50"];
const [b4, b6] = ["10.0.0.20", "2001:db8:1::20"];
const node4 = "10.0.0.10";
const PORT = 8080;
const NODE_PORT = 30_080;

beforeAll(async () => {
  const { vpc } = ground;
  await vpc.createGroup("client");
  await vpc.createGroup("db");
  await vpc.allow("node", { port: NODE_PORT, fromGroup: "client" });
  // A masqueraded client comes as the node.
  await vpc.allow("db", { port: PORT, fromGroup: "node" });
  branch = await vpc.attachBranch({ vlanId: 7, ipv4: b4, ipv6: b6, groups: ["db"] });
  outside = await vpc.addHost({ name: "out", ipv4: "10.0.0.30", ipv6: "2001:db8:1::30", groups: ["client"] });
});

async function podForTest(name: string, before?: (pod: Sandbox) => Promise<unknown>): Promise<Sandbox> {
  const pod = await sandboxForTest(ground, {
    name,
    primary: "veth",
    addresses: [p4, p6],
    branch: branch.annotation,
  });
  await before?.(pod);
  await pod.mustAdd();
  return pod;
}

async function serveForTest(pod: Sandbox): Promise<void> {
  const server = await serve(pod.netns, { port: PORT, name: pod.name });
  onTestFinished(() => server.stop());
}

async function sysctl(netns: string | undefined, key: string, value: string | number): Promise<void> {
  await mustExec(netns, ["sh", "-ec", `echo ${value} > /proc/sys/net/${key}`]);
}

async function text(netns: string | undefined, ...command: [string, ...string[]]): Promise<string> {
  return (await exec(netns, command)).stdout;
}

/** As kube-proxy does it for node ports with externalTrafficPolicy Cluster. */
async function nodePort(): Promise<void> {
  await mustExec(undefined, ["nft", "-f", "-"], {
    input: `table ip nodeport {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr ${node4} tcp dport ${NODE_PORT} dnat to ${b4}:${PORT}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ct status dnat masquerade
  }
}
`,
  });
  onTestFinished(async () => {
    await mustExec(undefined, ["nft", "delete", "table", "ip", "nodeport"]);
  });
}

async function filters(values: Readonly<Record<string, number>>): Promise<void> {
  for (const [where, value] of Object.entries(values)) {
    const key = `ipv4/conf/${where}/rp_filter`;
    const old = (await text(undefined, "cat", `/proc/sys/net/${key}`)).trim();
    await sysctl(undefined, key, value);
    onTestFinished(() => sysctl(undefined, key, old));
  }
}

describe("a node port that the node masquerades", () => {
  test.each([
    { all: 0, default: 0 },
    { all: 0, default: 1 },
    { all: 0, default: 2 }, // EKS's, systemd's
    { all: 1, default: 1 },
    { all: 2, default: 0 },
  ])("with rp_filter all $all, default $default", async (values) => {
    await filters(values);
    await nodePort();
    const before = await text(undefined, "ip", "route", "show", "table", "local");
    const pod = await podForTest("np");
    await serveForTest(pod);
    const attempt = await connect(outside.netns, node4, { port: NODE_PORT, timeout: 3 });
    expect(attempt).toEqual({ reach: "reached", reply: `np ${node4}` });
    expect((await pod.check()).failure).toBeUndefined();
    await pod.mustDel();
    expect(records()).toEqual([]);
    const veth = "eni-np";
    expect(await text(undefined, "ip", "-4", "addr", "show", "dev", veth)).toBe("");
    const filter = await text(undefined, "cat", `/proc/sys/net/ipv4/conf/${veth}/rp_filter`);
    expect(Number(filter)).toBe(values.default);
    expect(await text(undefined, "ip", "route", "show", "table", "local")).toBe(before);
  });

  test("the node keeps its address and its routes when veths that borrow it go, in whatever way", async () => {
    // As a DHCP client sets it: a route with the address as its source goes with the address.
    await mustExec(undefined, ["ip", "route", "add", "10.77.0.0/16", "via", "10.0.0.1", "src", node4]);
    onTestFinished(async () => {
      await exec(undefined, ["ip", "route", "del", "10.77.0.0/16"]);
    });
    const state = async () => [
      await text(undefined, "ip", "route", "show", "table", "local", "dev", ground.vpc.primary.device),
      await text(undefined, "ip", "route", "show", "default"),
      await text(undefined, "ip", "route", "show", "10.77.0.0/16"),
      await text(undefined, "ip", "route", "get", "10.9.9.9"),
    ];
    const before = await state();
    const first = await podForTest("first");
    const other = await ground.vpc.attachBranch({ vlanId: 8, ipv4: "10.0.0.21", groups: ["db"] });
    onTestFinished(() => ground.vpc.detachBranch(other));
    const second = await sandboxForTest(ground, {
      name: "second",
      primary: "veth",
      addresses: ["10.0.0.51"],
      branch: other.annotation,
    });
    await second.mustAdd();
    expect(await state()).toEqual(before);
    for (const address of [b4, "10.0.0.21"]) expect(await ping(undefined, address)).toBe(true);
    await first.mustDel();
    expect(await state()).toEqual(before);
    expect(await ping(undefined, "10.0.0.21")).toBe(true);
    await exec(undefined, ["ip", "link", "del", "eni-second"]);
    expect(await state()).toEqual(before);
    await second.mustDel();
    expect(await state()).toEqual(before);
  });
});

test("DEL without a record takes it all back as well", async () => {
  await filters({ default: 1 });
  const pod = await sandboxForTest(ground, {
    name: "lost",
    primary: "veth",
    addresses: [p4, p6],
    branch: branch.annotation,
  });
  const all = async () => [
    await text(undefined, "ip", "addr", "show", "dev", "eni-lost"),
    await text(undefined, "cat", "/proc/sys/net/ipv4/conf/eni-lost/rp_filter"),
    await text(undefined, "ip", "route", "show", "dev", "eni-lost"),
    await text(undefined, "ip", "neigh", "show", "nud", "permanent", "dev", "eni-lost"),
    await text(pod.netns, "ip", "route", "show", "table", "main"),
    await text(pod.netns, "ip", "-6", "route", "show", "table", "main", "type", "unreachable"),
  ];
  const before = await all();
  await pod.mustAdd();
  await exec(undefined, ["sh", "-c", "rm /run/branchline/attachments/*"]);
  expect(records()).toEqual([]);
  await pod.mustDel();
  expect(await all()).toEqual(before);
});

test("a pod that answers ARP only for the interface's own addresses (strictARP) is probed", async () => {
  const pod = await podForTest("arp", (it) => sysctl(it.netns, "ipv4/conf/all/arp_ignore", 1));
  await serveForTest(pod);
  expect(await connect(undefined, b4, { port: PORT, timeout: 3 })).toEqual({
    reach: "reached",
    reply: `arp ${node4}`,
  });
});

test("IPv6 that the runtime switched off is on for lo too, and off again after DEL", async () => {
  const pod = await podForTest("six", async (it) => {
    for (const where of ["default", "lo"]) await sysctl(it.netns, `ipv6/conf/${where}/disable_ipv6`, 1);
  });
  expect(await ping(pod.netns, "::1")).toBe(true);
  expect(await ping(pod.netns, b6)).toBe(true);
  await pod.mustDel();
  expect(await text(pod.netns, "cat", "/proc/sys/net/ipv6/conf/lo/disable_ipv6")).toBe("1\n");
});

describe("what arrives by host0", () => {
  test.each([
    { what: "Istio's probe address", family: "ip", source: "169.254.7.127", target: b4 },
    { what: "any other link-local one", family: "ip", source: "169.254.99.1", target: b4 },
    {
      what: "Istio's over IPv6",
      family: "ip6",
      source: "fd16:9254:7127:1337:ffff:ffff:ffff:ffff",
      target: b6,
    },
  ])("is answered there: $what", async ({ family, source, target }) => {
    const pod = await podForTest("mesh");
    await serveForTest(pod);
    await mustExec(undefined, ["nft", "-f", "-"], {
      input: `table ${family} mesh {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ${family} daddr ${target} meta l4proto tcp snat to ${source}
  }
}
`,
    });
    onTestFinished(async () => {
      await mustExec(undefined, ["nft", "delete", "table", family, "mesh"]);
    });
    await ground.vpc.forget();
    expect(await connect(undefined, target, { port: PORT, timeout: 3 })).toEqual({
      reach: "reached",
      reply: `mesh ${source}`,
    });
    expect(await ground.vpc.seen(branch, { to: source })).toMatchObject({ sent: 0 });
  });

  test("is answered there: the node's own fe80 address", async () => {
    await podForTest("fe80");
    const bound = ["ping", "-6", "-n", "-c", "1", "-W", "2", "-I", "eni-fe80", b6] as const;
    expect((await exec(undefined, [...bound])).status).toBe(0);
  });

  test("is dropped when it would be answered by the branch: the pod's groups were not asked about it", async () => {
    const pod = await podForTest("past");
    await serveForTest(pod);
    const client = await sandboxForTest(ground, {
      name: "client",
      primary: "veth",
      addresses: ["10.0.0.60"],
    });
    // As kube-proxy's IPVS does, which looks the way to a Service's endpoint up as if the node itself were the client.
    const rule = "priority 500 from 10.0.0.60 to 10.0.0.20 lookup 107";
    await ipBatch(undefined, [`rule add ${rule}`]);
    onTestFinished(() => ipBatch(undefined, [`rule del ${rule}`]));
    const received = async () =>
      Number(await text(pod.netns, "cat", "/sys/class/net/host0/statistics/rx_packets"));
    const before = await received();
    expect(await connect(client.netns, b4, { port: PORT, timeout: 3 })).toMatchObject({ reach: "timed out" });
    expect(await received()).toBeGreaterThan(before);
    expect(await ground.vpc.seen(branch, { to: "10.0.0.60" })).toMatchObject({ sent: 0 });
  });

  test("the VPC's own services are the branch's", async () => {
    const pod = await podForTest("vpc");
    for (const to of ["169.254.169.253", "169.254.169.123"]) {
      expect(await text(pod.netns, "ip", "route", "get", to)).toMatch(
        / via 10\.0\.0\.1 dev eth0 src 10\.0\.0\.20 /,
      );
    }
    expect(await text(pod.netns, "ip", "route", "get", "169.254.1.77")).toMatch(
      / dev host0 src 10\.0\.0\.50 /,
    );
  });
});

// A VLAN device goes down with its parent, a macvlan does not.
test(
  "a trunk that goes down and up cuts off: nothing leaves by the node, until the pod is made anew",
  { tags: "vlan" },
  async () => {
    const pod = await createSandbox(ground, {
      name: "cut",
      primary: "veth",
      addresses: [p4, p6],
      branch: branch.annotation,
    });
    onTestFinished(() => pod.remove());
    await pod.mustAdd();
    const { device } = ground.vpc.trunk;
    onTestFinished(async () => {
      await exec(undefined, ["ip", "link", "set", device, "up"]);
    });
    const routes = async () => {
      const targets = ["10.9.0.5", "169.254.169.253", "2001:db8:9::5"];
      return Promise.all(
        targets.map(async (to) => (await exec(pod.netns, ["ip", "route", "get", to])).status !== 0),
      );
    };
    expect(await routes()).toEqual([false, false, false]);
    await mustExec(undefined, ["ip", "link", "set", device, "down"]);
    expect(await routes()).toEqual([true, true, true]);
    await mustExec(undefined, ["ip", "link", "set", device, "up"]);
    expect(await routes()).toEqual([true, true, true]);
    expect((await pod.check()).failure?.code).toBe(103);
  },
);
