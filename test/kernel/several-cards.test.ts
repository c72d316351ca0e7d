// A pod of several network cards (k8s.amazonaws.com/nicConfig), as aws-cni 1.23 makes it: a second veth with an address,
// a rule and a table of its own. Only the first one's network is branchline's business.
import { mkdirSync, rmSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { diffSnapshots, exec, ipBatch, snapshot } from "../ground/index.ts";
import { networkOf } from "./support/routed.ts";
import { annotationOf, sandboxForTest, useGround } from "./support/sandbox.ts";

const ground = useGround();

const AWS_NODE = "/var/run/aws-node";

const second = { name: "mNicIf1", address: "10.0.1.51", veth: "eni-second", mac: "02:0e:0e:0e:0e:02" };

async function podOfTwoCards(settings: Readonly<Record<string, unknown>>) {
  const branch = annotationOf({ vlanId: 7, ipv4: "10.0.0.20" });
  const pod = await sandboxForTest(ground, { name: "cards", addresses: ["10.0.0.50"], branch, settings });
  const { name, address, veth, mac } = second;
  // It goes with the pod's namespace only some time after that.
  onTestFinished(async () => {
    await exec(undefined, ["ip", "link", "del", veth]);
  });
  await ipBatch(undefined, [
    `link add ${veth} address ${mac} mtu 9001 type veth peer name ${name} mtu 9001 netns ${pod.netns}`,
    `link set ${veth} up`,
    `route add ${address}/32 dev ${veth} scope link`,
  ]);
  await ipBatch(pod.netns, [
    `link set ${name} up`,
    `addr add ${address}/32 dev ${name}`,
    `rule add priority 1 from ${address} table 1`,
    `route add 169.254.1.2 dev ${name} scope link table 1`,
    `route add default via 169.254.1.2 dev ${name} table 1 onlink`,
    `neigh add 169.254.1.2 lladdr ${mac} dev ${name} nud permanent`,
  ]);
  const [host, eth0, dummy] = pod.primaryResult.interfaces ?? [];
  if (host === undefined || eth0 === undefined || dummy === undefined) throw new Error("no primary ran");
  const prevResult = {
    cniVersion: "1.0.0",
    interfaces: [host, eth0, { name: veth }, { name, mac: "10101", sandbox: pod.path }, dummy],
    ips: [
      { address: "10.0.0.50/32", interface: 1 },
      { address: `${address}/32`, interface: 3 },
    ],
  };
  return { pod, prevResult };
}

test.each([
  { datapath: "direct", podSGEnforcingMode: "standard", index: 5, length: 24 },
  { datapath: "routed", podSGEnforcingMode: "standard", index: 1, length: 32 },
  { datapath: "routed", podSGEnforcingMode: "strict", index: 1, length: 32 },
])(
  "the second card stays as it is: $datapath, $podSGEnforcingMode",
  async ({ index, length, ...settings }) => {
    const { pod, prevResult } = await podOfTwoCards(settings);
    const before = [await snapshot(), await pod.snapshot()] as const;
    const secondOf = async () => {
      const { rules, routes } = (await networkOf(pod.netns))[4];
      return { rules: rules.filter((line) => line.startsWith("1:")), routes: routes("1") };
    };
    const asMade = await secondOf();
    expect(asMade.routes).toHaveLength(2);

    const result = await pod.mustAdd({ prevResult });
    expect(result.ips).toEqual([
      { interface: index, address: `10.0.0.20/${length}`, gateway: "10.0.0.1" },
      { interface: 3, address: "10.0.1.51/32" },
    ]);
    expect(result.interfaces?.[3]).toEqual({ name: "mNicIf1", mac: "10101", sandbox: pod.path });
    expect(await secondOf()).toEqual(asMade);
    expect((await pod.check()).failure).toBeUndefined();

    await pod.mustDel();
    expect(diffSnapshots(before[0], await snapshot())).toEqual([]);
    expect(diffSnapshots(before[1], await pod.snapshot())).toEqual([]);

    // Without ipamd nobody else takes away what aws-cni has for either.
    await ipBatch(undefined, [
      `rule add priority 512 to ${second.address}/32 table main`,
      `rule add priority 1536 from ${second.address}/32 table 10101`,
    ]);
    mkdirSync(AWS_NODE, { recursive: true });
    onTestFinished(() => rmSync(AWS_NODE, { recursive: true, force: true }));
    await pod.mustAdd({ prevResult });
    await pod.mustDel();
    const { rules } = (await networkOf(undefined))[4];
    expect(rules.filter((line) => /=10\.0\./.test(line))).toEqual([]);
    expect(diffSnapshots(before[1], await pod.snapshot())).toEqual([]);
  },
);
