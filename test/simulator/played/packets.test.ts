// What the AWS CLI says, packets obey: a world of its making in network namespaces. Needs root.

import { afterAll, beforeAll, expect, test } from "vitest";
import { claimNamespaces } from "../../../src/simulator/data-plane/claim.ts";
import { DataPlane } from "../../../src/simulator/data-plane/data-plane.ts";
import { emptyWorld } from "../../../src/simulator/model/world.ts";
import { start, type Running } from "../../../src/simulator/start.ts";
import { createBranchPod } from "../../ground/branch-pod.ts";
import { Conversation } from "../../ground/conversation.ts";
import { macvlanDevice } from "../../ground/macvlan/iproute.ts";
import { deleteNetns } from "../../ground/netns.ts";
import { connect } from "../../ground/traffic.ts";
import { awsClients, environmentFor, linesOf } from "../foreign.ts";

const PREFIX = "clients";
let running: Running;
let env: NodeJS.ProcessEnv;
const pods: string[] = [];
const conversations: Conversation[] = [];

/** The last line of `aws ec2 … --output text`, with the data plane where the model is. */
async function aws(command: string, query = ""): Promise<string> {
  const parameters = ["ec2", ...command.split(" "), "--output", "text"];
  const lines = await linesOf("aws", query === "" ? parameters : [...parameters, "--query", query], env);
  await running.dataPlane?.ready();
  return lines.at(-1) ?? "";
}

beforeAll(async () => {
  const clients = await awsClients();
  await claimNamespaces(PREFIX);
  running = await start({
    listen: "127.0.0.1:0",
    metadataListen: "127.0.0.1:0",
    log: () => undefined,
    makeWorld: () => emptyWorld(1),
    makeDataPlane: (world) =>
      new DataPlane({
        prefix: PREFIX,
        world,
        log: ({ msg, error }) => console.error(msg, error),
        // A kernel without 8021q may be asked too: macvlans stand for VLAN devices.
        branchType: macvlanDevice,
      }),
  });
  env = environmentFor(running.ec2, clients);
  Object.assign(running.simulator().world.settings, { attachSeconds: 0, instanceSeconds: 0 });
});

afterAll(async () => {
  for (const one of conversations) await one.close();
  for (const name of pods) await deleteNetns(name);
  await running.stop();
});

interface Pod {
  readonly netns: string;
  readonly eni: string;
  readonly address: string;
}

/** A branch of the CLI's making on an instance's trunk, and a namespace that owns it. */
async function pod(
  subnet: string,
  group: string,
  instance: string,
  trunk: string,
  vlan: number,
): Promise<Pod> {
  const eni = await aws(
    `create-network-interface --subnet-id ${subnet} --groups ${group}`,
    "NetworkInterface.NetworkInterfaceId",
  );
  await aws(
    `associate-trunk-interface --branch-interface-id ${eni} --trunk-interface-id ${trunk} --vlan-id ${vlan}`,
  );
  const said = await aws(
    `describe-network-interfaces --network-interface-ids ${eni}`,
    "NetworkInterfaces[0].[MacAddress,PrivateIpAddress]",
  );
  const [mac = "", address = ""] = said.split("\t");
  const netns = `${PREFIX}-pod-${pods.length}`;
  pods.push(netns);
  await createBranchPod(`${PREFIX}-${instance}`, netns, { mac, ipv4: address }, "type macvlan");
  return { netns, eni, address };
}

const reach = async (from: Pod, to: Pod): Promise<string> =>
  (await connect(from.netns, to.address, { port: 5432, timeout: 1 })).reach;

test("packets obey a world of the AWS CLI alone, as it changes", { timeout: 300_000 }, async () => {
  const vpc = await aws("create-vpc --cidr-block 10.0.0.0/16", "Vpc.VpcId");
  const subnet = await aws(`create-subnet --vpc-id ${vpc} --cidr-block 10.0.0.0/24`, "Subnet.SubnetId");
  const group = (name: string) =>
    aws(`create-security-group --vpc-id ${vpc} --group-name ${name} --description ${name}`, "GroupId");
  const [web, database] = [await group("web"), await group("database")];
  const ids = await aws(
    `run-instances --image-id ami-12345678 --instance-type m5.large --count 2 --subnet-id ${subnet}`,
    "Instances[].InstanceId",
  );
  const instances = ids.split("\t");
  const trunks: string[] = [];
  for (const instance of instances) {
    const trunk = await aws(
      `create-network-interface --subnet-id ${subnet} --interface-type trunk`,
      "NetworkInterface.NetworkInterfaceId",
    );
    await aws(
      `attach-network-interface --network-interface-id ${trunk} --instance-id ${instance} --device-index 1`,
    );
    trunks.push(trunk);
  }
  const [one = "", other = ""] = instances;
  const [trunkOfOne = "", trunkOfOther = ""] = trunks;
  const client = await pod(subnet, web, one, trunkOfOne, 1);
  const server = await pod(subnet, database, other, trunkOfOther, 1);
  conversations.push(await Conversation.serve(server.netns, 5432));

  expect(await reach(client, server)).toBe("timed out");
  const rule = `--group-id ${database} --protocol tcp --port 5432 --source-group ${web}`;
  await aws(`authorize-security-group-ingress ${rule}`);
  expect(await reach(client, server)).toBe("reached");

  const held = await Conversation.tcp(client.netns, server.address, 5432);
  conversations.push(held);
  await aws(`revoke-security-group-ingress ${rule}`);
  expect(await reach(client, server)).toBe("timed out");
  expect(await held.isAnswered()).toBe(true);

  await aws(`authorize-security-group-ingress ${rule}`);
  await aws(`modify-network-interface-attribute --network-interface-id ${client.eni} --groups ${database}`);
  expect(await reach(client, server)).toBe("timed out");
  expect(await held.isAnswered()).toBe(true);

  await aws(`terminate-instances --instance-ids ${one} ${other}`);
  const state = await running.dataPlane?.state();
  expect(Object.keys(state?.namespaces ?? {})).toEqual([vpc]);
  expect(state?.failure).toBeUndefined();
});
