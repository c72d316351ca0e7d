// A direct pod that calls a Service whose endpoint it is itself, behind a node that forwards Services as kube-proxy does.
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { connect, exec, mustExec, serve, settled, snapshot, type Branch } from "../ground/index.ts";
import { records, sandboxForTest, useGround, type Sandbox } from "./support/sandbox.ts";

const ground = useGround();
let own: Branch;
let shut: Branch;
let others: Branch;

const PORT = 8080;
const SERVICE = { 4: "172.20.0.9", 6: "fd00:20::9" } as const;
const NODE = { 4: "10.0.0.10", 6: "2001:db8:1::10" } as const;
const FAMILIES = [4, 6] as const;
const own4 = "10.0.0.20";
const own6 = "2001:db8:1::20";
const others4 = "10.0.0.21";
const others6 = "2001:db8:1::21";

beforeAll(async () => {
  const { vpc } = ground;
  await vpc.createGroup("client");
  await vpc.createGroup("db", [
    { port: PORT, fromGroup: "client" },
    { port: PORT, fromGroup: "node" },
  ]);
  await vpc.createGroup("shut", [{ port: PORT, fromGroup: "client" }]);
  own = await vpc.attachBranch({ vlanId: 7, ipv4: own4, ipv6: own6, groups: ["db"] });
  shut = await vpc.attachBranch({ vlanId: 9, ipv4: "10.0.0.22", ipv6: "2001:db8:1::22", groups: ["shut"] });
  others = await vpc.attachBranch({ vlanId: 8, ipv4: others4, ipv6: others6, groups: ["client"] });
});

async function podForTest(name: string, branch: Branch, addresses: readonly string[]): Promise<Sandbox> {
  const pod = await sandboxForTest(ground, { name, primary: "veth", addresses, branch: branch.annotation });
  await pod.mustAdd();
  return pod;
}

const podOfService = () => podForTest("own", own, ["10.0.0.50", "2001:db8:1::50"]);

async function serveForTest(pod: Sandbox): Promise<void> {
  const server = await serve(pod.netns, { port: PORT, name: pod.name });
  onTestFinished(() => server.stop());
}

/** As kube-proxy does it for a ClusterIP with one endpoint: no masquerading but for what it has marked. */
async function serviceForTest(endpoint4 = own4): Promise<void> {
  await mustExec(undefined, ["nft", "-f", "-"], {
    input: `table inet services {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr ${SERVICE[4]} dnat ip to ${endpoint4}
    ip6 daddr ${SERVICE[6]} dnat ip6 to ${own6}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    meta mark 0x4000 masquerade
  }
}
`,
  });
  onTestFinished(async () => {
    await mustExec(undefined, ["nft", "delete", "table", "inet", "services"]);
  });
}

function filterForTest(value: string): void {
  for (const where of ["all", "default"]) {
    const file = `/proc/sys/net/ipv4/conf/${where}/rp_filter`;
    const old = readFileSync(file, "latin1");
    writeFileSync(file, value);
    onTestFinished(() => writeFileSync(file, old));
  }
}

const call = ({ netns }: Sandbox, family: 4 | 6) =>
  connect(netns, SERVICE[family], { port: PORT, timeout: 3 });

test("its group decides: about the node, which is who calls", async () => {
  await serviceForTest("10.0.0.22");
  const pod = await podForTest("shut", shut, ["10.0.0.52", "2001:db8:1::52"]);
  await serveForTest(pod);
  expect(await call(pod, 4)).toMatchObject({ reach: "timed out" });
});

test.each([{ filter: "0" }, { filter: "1" }])(
  "it is answered where its group admits the node, with rp_filter $filter; another pod is seen as itself",
  async ({ filter }) => {
    filterForTest(filter);
    await serviceForTest();
    const before = await snapshot();
    const pod = await podOfService();
    const other = await podForTest("other", others, ["10.0.0.51", "2001:db8:1::51"]);
    await serveForTest(pod);
    for (const family of FAMILIES) {
      expect(await call(pod, family)).toEqual({ reach: "reached", reply: `own ${NODE[family]}` });
    }
    const seen = await connect(other.netns, own4, { port: PORT, timeout: 3 });
    expect(seen).toEqual({ reach: "reached", reply: `own ${others4}` });
    expect((await snapshot()).nft).toEqual(
      ["7", "8"].flatMap((id) => [`table ip branchline-${id}`, `table ip6 branchline-${id}`]).sort(),
    );
    expect((await pod.check()).failure).toBeUndefined();
    await pod.mustDel();
    await other.mustDel();
    expect(records()).toEqual([]);
    for (const { name } of [pod, other]) await mustExec(undefined, ["ip", "link", "del", `eni-${name}`]);
    await settled(undefined, before);
  },
);

test("CHECK names the table that is gone, or leads elsewhere; ADD makes it anew", async () => {
  const pod = await podOfService();
  await mustExec(undefined, ["nft", "flush", "table", "ip", "branchline-7"]);
  const missing =
    "nftables table branchline-7 with one rule, to masquerade from 10.0.0.50 to 10.0.0.20, is missing";
  expect(JSON.stringify((await pod.check()).failure)).toContain(missing);
  await mustExec(undefined, ["nft", "delete", "table", "ip", "branchline-7"]);
  expect(JSON.stringify((await pod.check()).failure)).toContain(missing);
  await pod.mustDel();
  expect((await snapshot()).nft).toEqual([]);
});

test("a pod without a Service network has no table, and DEL without a record takes the table all the same", async () => {
  const pod = await sandboxForTest(ground, {
    name: "own",
    primary: "veth",
    addresses: ["10.0.0.50", "2001:db8:1::50"],
    branch: own.annotation,
  });
  await pod.mustAdd({ settings: { serviceCIDRs: ["fd00:20::/108"] } });
  expect((await snapshot()).nft).toEqual(["table ip6 branchline-7"]);
  await exec(undefined, ["sh", "-c", "rm /run/branchline/attachments/*"]);
  await pod.mustDel();
  expect((await snapshot()).nft).toEqual([]);
});
