// aws-cni's strict mode with a real kubelet, whose probes go through the VPC. One cluster of one node.
import { afterAll, beforeAll, expect, it } from "vitest";
import { sleep } from "../ground/run.ts";
import { Cluster } from "./cluster.ts";
import { branchOf, httpProbe, isReady, Pods, POD_PORT } from "./support/pods.ts";
import { CLUSTER_GROUP } from "./world.ts";

const STRICT = { datapath: "routed", podSGEnforcingMode: "strict" };
/** Milliseconds after which a pod whose probe can succeed would be ready. */
const LONG_ENOUGH = 8_000;

let cluster: Cluster;
let shop: Pods;

beforeAll(async () => {
  cluster = await Cluster.start({
    entry: STRICT,
    world: {
      groups: [
        {
          name: "probed",
          ingress: [{ protocol: "tcp", ports: [POD_PORT, POD_PORT], group: CLUSTER_GROUP }],
        },
        { name: "closed" },
      ],
    },
  });
  shop = await Pods.in(cluster, "shop");
  await shop.policy("probed", { app: "probed" }, "probed");
  await shop.policy("closed", { app: "closed" }, "closed");
});

afterAll(() => cluster?.[Symbol.asyncDispose]());

const isProbed = { labels: { app: "probed" }, probe: httpProbe };

async function earlyDemux(value?: "0" | "1"): Promise<string> {
  const file = "/proc/sys/net/ipv4/tcp_early_demux";
  const script = value === undefined ? `cat ${file}` : `echo ${value} >${file}; cat ${file}`;
  return (await cluster.site.run("node-1", ["sh", "-c", script])).stdout.trim();
}

it("with tcp_early_demux no HTTP probe succeeds, and one that runs a command does", async () => {
  expect(await earlyDemux("1")).toBe("1");
  await shop.create("web", isProbed);
  await shop.create("checked", {
    labels: { app: "probed" },
    probe: { exec: { command: ["true"] }, periodSeconds: 1 },
  });
  const checked = await shop.ready("checked");
  expect(checked.status.podIP).toBe(branchOf(checked)?.privateIp);
  expect(await shop.event("web", "Unhealthy")).toMatch(/context deadline exceeded|timeout/i);
  expect(isReady(await shop.get("web"))).toBe(false);
});

it("without it, the probe of a pod whose groups admit the node's succeeds, and no other one's", async () => {
  expect(await earlyDemux("0")).toBe("0");
  await shop.ready("web");
  await shop.create("shut", { labels: { app: "closed" }, probe: httpProbe });
  expect(await shop.event("shut", "Unhealthy")).toMatch(/context deadline exceeded|timeout/i);
  await sleep(LONG_ENOUGH);
  expect(isReady(await shop.get("shut"))).toBe(false);
  await earlyDemux("1");
});

it("manageEarlyDemux switches it off with the first pod, by an upgrade of the chart", async () => {
  expect(await earlyDemux()).toBe("1");
  await cluster.upgrade({ ...STRICT, manageEarlyDemux: true });
  await shop.create("next", isProbed);
  await shop.ready("next");
  expect(await earlyDemux()).toBe("0");
});
