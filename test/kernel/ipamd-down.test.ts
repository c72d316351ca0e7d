// A pod that is deleted while aws-node's ipamd is away: aws-cni's DEL then goes by the chain's final result, which has the
// branch where its own interface was. Nothing of either may stay on the node, and nothing of another pod's may go.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  createPod,
  deleteNetns,
  diffSnapshots,
  ipBatch,
  must,
  netnsPath,
  settled,
  snapshot,
  writeConflist,
  type CniResult,
  type Network,
  type Pod,
} from "../ground/index.ts";
import { rulesOf } from "./support/routed.ts";
import { annotationOf, records, sandboxForTest, useGround } from "./support/sandbox.ts";

const AWS_NODE = "/var/run/aws-node";

const ground = useGround();
let scratch: string;
let count = 0;

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "ipamd-"));
  mkdirSync(AWS_NODE, { recursive: true });
});

afterAll(async () => {
  rmSync(AWS_NODE, { recursive: true, force: true });
  await settled(undefined, ground.before);
  await rm(scratch, { recursive: true, force: true });
});

const datapaths = [
  { datapath: "direct", podSGEnforcingMode: "standard" },
  { datapath: "routed", podSGEnforcingMode: "strict" },
  { datapath: "routed", podSGEnforcingMode: "standard" },
];

/** aws-cni's part of DEL alone. */
async function primaryDel(network: Network, pod: Pod, prevResult: CniResult): Promise<void> {
  const [primary] = network.conflist["plugins"] as readonly Readonly<Record<string, unknown>>[];
  const { cniVersion, name } = network.conflist;
  await must([path.join(import.meta.dirname, "../ground/primary-aws")], {
    input: JSON.stringify({ cniVersion, name, ...primary, prevResult }),
    env: {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      CNI_COMMAND: "DEL",
      CNI_CONTAINERID: pod.containerId,
      CNI_NETNS: netnsPath(pod.netns),
      CNI_IFNAME: "eth0",
      CNI_ARGS: `K8S_POD_NAMESPACE=${pod.namespace};K8S_POD_NAME=${pod.name}`,
    },
  });
}

describe.each(datapaths)("$datapath, $podSGEnforcingMode", (settings) => {
  const branch = { vlanId: 7, ipv4: "10.0.0.20" };

  test.each(["0.4.0", "1.0.0"])("the chain's DEL leaves nothing on the node: %s", async (cniVersion) => {
    const network = await writeConflist(path.join(scratch, String((count += 1))), {
      primary: "aws",
      cniVersion,
      primarySettings: { deviceNumber: "2", leaveVeth: "true" },
      // The branch is one on paper only.
      branchline: { ...settings, gatewayTimeout: 0 },
    });
    const annotations = { "vpc.amazonaws.com/pod-eni": annotationOf(branch) };
    const pod = await createPod({
      vpc: ground.vpc,
      network,
      name: "web-0",
      annotations,
      addresses: ["10.0.0.50"],
    });
    onTestFinished(() => pod.remove());
    const before = await snapshot();
    const result = await pod.mustAdd();
    expect(result.ips?.map(({ address }) => address.split("/")[0])).toEqual([branch.ipv4]);
    using _ = pod.withoutIpamd();
    // By itself, as after a newer sandbox of the same pod has the branch.
    const attached = await snapshot();
    await primaryDel(network, pod, result);
    expect(diffSnapshots(attached, await snapshot())).toEqual([]);
    expect((await pod.del()).error).toBeUndefined();
    await deleteNetns(pod.netns);
    await settled(undefined, before);
    expect(records()).toEqual([]);
  });

  const sandbox = (name: string) =>
    sandboxForTest(ground, { name, addresses: ["10.0.0.50"], branch: annotationOf(branch), settings });

  test("while ipamd answers its pod's rules are left to aws-cni", async () => {
    const pod = await sandbox("answers");
    const before = await snapshot();
    await pod.mustAdd();
    const ipamd = createServer().listen(path.join(AWS_NODE, "ipamd.sock"));
    onTestFinished(async () => void (await new Promise((resolve) => ipamd.close(resolve))));
    await new Promise((resolve) => ipamd.once("listening", resolve));
    await pod.mustDel();
    expect(diffSnapshots(before, await snapshot())).toEqual([]);
  });

  test("a late DEL leaves the rules of the pod that has the address by now", async () => {
    const pod = await sandbox("late");
    await pod.mustAdd();
    await deleteNetns(pod.netns);
    await ipBatch(undefined, [
      "link add another type veth peer name another-pod",
      "link set another up",
      "route replace 10.0.0.50/32 dev another scope link",
    ]);
    await ipBatch(undefined, ["rule add priority 512 to 10.0.0.50/32 table main"]).catch(() => undefined);
    onTestFinished(() =>
      ipBatch(undefined, ["rule del priority 512 to 10.0.0.50/32 table main", "link del another"]),
    );
    await pod.mustDel({ netns: netnsPath(pod.netns) });
    const rules = await rulesOf(undefined, 4);
    expect(JSON.stringify(rules)).toContain("10.0.0.50");
    expect(JSON.stringify(rules)).not.toContain("10.0.0.20");
  });
});
