// Why a direct pod that calls its own Service needs the node to masquerade, with devices that every kernel has: a veth
// stands for the way through the VPC. Any Linux, as root.
import { afterEach, beforeEach, expect, test } from "vitest";
import { commit } from "../../src/netlink/netfilter/batch.ts";
import { replaceMasquerade } from "../../src/netlink/netfilter/masquerade.ts";
import { NETLINK_NETFILTER, openTransport } from "../../src/netlink/transport.ts";
import { inNamespace, openNamespace } from "../../src/netns/namespace.ts";
import { connect, createNetns, deleteNetns, mustExec, netnsPath, serve } from "../ground/index.ts";

const NODE = `own-node-${process.pid}`;
const POD = `own-pod-${process.pid}`;
const PORT = 8080;

interface Addresses {
  readonly primary: string;
  readonly branch: string;
  readonly node: string;
  readonly service: string;
}

const ADDRESSES: Readonly<Record<4 | 6, Addresses>> = {
  4: { primary: "10.0.0.50", branch: "10.0.0.20", node: "10.0.0.10", service: "172.20.0.9" },
  6: { primary: "fd00:1::50", branch: "fd00:1::20", node: "fd00:1::10", service: "fd00:20::9" },
};

beforeEach(async () => {
  await createNetns(NODE);
  await createNetns(POD);
  await mustExec(NODE, ["sh", "-e"], {
    input: `ip link add veth9 type veth peer name host0 netns ${POD}
ip link add eth0 type veth peer name eth0 netns ${POD}
for device in lo veth9 eth0; do ip link set $device up; done
ip -n ${POD} link set lo up; ip -n ${POD} link set host0 up; ip -n ${POD} link set eth0 up
cd /proc/sys/net
echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
for all in ipv4/conf/*/rp_filter; do echo 2 > $all; done
ip addr add 10.0.0.10/32 dev veth9 noprefixroute; ip addr add 10.0.0.10/24 dev eth0
ip addr add fd00:1::10/64 dev eth0 nodad
ip route add 10.0.0.50/32 dev veth9; ip route add fd00:1::50/128 dev veth9
nft -f - <<'NFT'
table inet services {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 172.20.0.9 dnat ip to 10.0.0.20
    ip6 daddr fd00:20::9 dnat ip6 to fd00:1::20
  }
}
NFT
`,
  });
  await mustExec(POD, ["sh", "-e"], {
    input: `for all in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 > $all; done
ip addr add 10.0.0.50/32 dev host0; ip addr add 10.0.0.20/24 dev eth0
ip addr add fd00:1::50/128 dev host0 nodad; ip addr add fd00:1::20/64 dev eth0 nodad
ip route add 10.0.0.10/32 dev host0 src 10.0.0.50
ip route add 172.20.0.0/16 via 10.0.0.10 dev host0 src 10.0.0.50
mac=$(ip netns exec ${NODE} cat /sys/class/net/veth9/address)
ip neigh add fe80::1 lladdr $mac dev host0
ip route add fd00:1::10/128 via fe80::1 dev host0 src fd00:1::50
ip route add fd00:20::/108 via fe80::1 dev host0 src fd00:1::50
`,
  });
});

afterEach(async () => {
  await deleteNetns(POD);
  await deleteNetns(NODE);
});

test.each([4, 6] as const)("IPv%i: not answered, and answered as the node's once it does", async (family) => {
  const { primary: from, branch: to, node, service } = ADDRESSES[family];
  const server = await serve(POD, { port: PORT, name: "own" });
  try {
    expect(await connect(POD, service, { port: PORT, timeout: 2 })).toMatchObject({ reach: "timed out" });
    using namespace = openNamespace(netnsPath(NODE));
    using transport = inNamespace(namespace, () => openTransport(5, NETLINK_NETFILTER));
    commit(transport, "make it", replaceMasquerade({ family, table: "branchline-7", from, to }));
    const attempt = await connect(POD, service, { port: PORT, timeout: 3 });
    expect(attempt).toEqual({ reach: "reached", reply: `own ${node}` });
  } finally {
    await server.stop();
  }
});
