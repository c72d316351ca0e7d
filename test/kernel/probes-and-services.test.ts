// kubelet's probes and a Service's translated connections to the same pod at the same time. Both come to the pod with the
// node's address as their source, and the node chooses their source ports from one range: where conntrack takes one for
// the other, a connection stalls until TCP sends again, or fails.
//
// For longer than 15 seconds: PROBES_SECONDS=600.
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ipBatch, mustExec, type Branch, type Host } from "../ground/index.ts";
import { connections, type Party } from "./support/connections.ts";
import { routed } from "./support/routed.ts";
import { sandboxForTest, useGround } from "./support/sandbox.ts";

const SECONDS = Number(process.env["PROBES_SECONDS"] ?? "15");
const PORT = 8080;
const NODE_PORT = 30_080;
const nodeIp = "10.0.0.10";
const branchIp = "10.0.0.20";
const podService = "172.20.0.10";
const machineService = "172.20.0.11";
/** For what the node masquerades, and but for the first few for its own sockets: small, so that they meet. */
const range = { first: 40_000, last: 44_095 };
const reused = [range.first, range.first + 1, range.first + 2, range.first + 3];

const ground = useGround();
let branch: Branch;
let machine: Host;

beforeAll(async () => {
  const { vpc } = ground;
  const all = { protocol: "all", fromCidr: "10.0.0.0/16" } as const;
  await vpc.createGroup("open", [all]);
  await vpc.allow("node", all);
  branch = await vpc.attachBranch({ vlanId: 7, ipv4: branchIp, groups: ["open"] });
  machine = await vpc.addHost({ name: "machine", ipv4: "10.0.0.30", groups: ["open"] });
  // aws-cni's marks bring what has come by the node's own ENI back by it.
  await ipBatch(undefined, ["rule add priority 1024 fwmark 0x80/0x80 table main"]);
  await mustExec(undefined, ["nft", "-f", "-"], {
    input: `table ip services {
  chain marks {
    type filter hook prerouting priority mangle;
    iifname "${ground.vpc.primary.device}" fib daddr type local ct mark set 0x80
    iifname "eni*" meta mark set ct mark
  }
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr ${nodeIp} tcp dport ${NODE_PORT} dnat to ${branchIp}:${PORT}
    ip daddr ${podService} tcp dport ${PORT} dnat to ${branchIp}
    ip daddr ${machineService} tcp dport ${PORT} dnat to ${machine.ipv4}
  }
  chain output {
    type nat hook output priority -100;
    ip daddr ${podService} tcp dport ${PORT} dnat to ${branchIp}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    meta l4proto tcp ct original proto-dst ${NODE_PORT} masquerade to :${range.first}-${range.last}
  }
}
`,
  });
});

afterAll(async () => {
  await mustExec(undefined, ["nft", "delete", "table", "ip", "services"]);
  await ipBatch(undefined, ["rule del priority 1024"]);
});

function setForTest(key: string, value: string): void {
  const file = `/proc/sys/net/ipv4/${key}`;
  const old = readFileSync(file, "utf8");
  writeFileSync(file, value);
  onTestFinished(() => writeFileSync(file, old));
}

test.each([
  { kind: "direct", settings: {} },
  { kind: "routed, standard", settings: routed("standard") },
])(
  "$kind: no probe and no connection by a Service fails or stalls beside the other",
  async ({ kind, settings }) => {
    setForTest("ip_local_port_range", `${range.first + reused.length} ${range.last}`);
    await ground.vpc.assignSecondary("10.0.0.50");
    onTestFinished(() => ground.vpc.unassignSecondary("10.0.0.50"));
    const pod = await sandboxForTest(ground, {
      name: "probed",
      primary: "veth",
      addresses: ["10.0.0.50"],
      branch: branch.annotation,
      settings,
    });
    await pod.mustAdd();
    const toPod = { host: branchIp, port: PORT };
    const parties: Party[] = [
      {
        netns: pod.netns,
        listen: [PORT],
        flows: [{ name: "the pod by a Service", host: machineService, port: PORT, every: 50 }],
      },
      {
        netns: machine.netns,
        listen: [PORT],
        flows: [{ name: "a machine by a node port", host: nodeIp, port: NODE_PORT, every: 50, reset: true }],
      },
      {
        netns: undefined,
        listen: [],
        flows: [
          { name: "probe, fresh source port", ...toPod, every: 100 },
          {
            name: "probe, reused source port",
            ...toPod,
            every: 100,
            localPorts: reused,
            reset: true,
          },
          { name: "the node by the pod's Service", ...toPod, host: podService, every: 50, reset: true },
        ],
      },
    ];
    const parts = await connections(parties, SECONDS);
    const found = parts.flatMap(({ flows }) => flows);
    const resent = parts.map((part) => part.resent);
    const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
    process.stdout.write(
      `${kind}, ${SECONDS} s, resent ${resent.join(" ")}:\n${found.map((one) => JSON.stringify(one)).join("\n")}\n`,
    );
    expect(found.filter(({ failed }) => Object.keys(failed).length > 0)).toEqual([]);
    // A stall is a packet that was dropped; how long an answer took says nothing of it on a busy or emulated processor.
    // TCP sometimes loses patience there, and a connection that ended meanwhile does not say that nothing was lost.
    expect(sum(resent)).toBeLessThanOrEqual(sum(found.map(({ tried }) => tried)) / 1_000);
    for (const { tried } of found) expect(tried).toBeGreaterThan(SECONDS);
  },
  // Seconds are counted in turns of processes that may get less than their share.
  SECONDS * 3_000 + 120_000,
);
