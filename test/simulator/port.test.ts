import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { Budgets } from "../../src/ec2/budget.ts";
import type { Timer } from "../../src/sys/timer.ts";
import { Ec2Port, type EndedCall, type PortOptions } from "../../src/ec2/port.ts";
import { RegionError, findRegion } from "../../src/ec2/region.ts";
import { primaryOf } from "../../src/ec2/types.ts";
import { readFault } from "../../src/simulator/model/faults.ts";
import { changeSettings } from "../../src/simulator/model/settings.ts";
import { textAt } from "../../src/simulator/model/operation.ts";
import type { ParamTree } from "../../src/simulator/model/params.ts";
import { emptyWorld } from "../../src/simulator/model/world.ts";
import { start } from "../../src/simulator/start.ts";
import type { Running } from "../../src/simulator/start.ts";
import { EXAMPLE, applyWorldFile } from "../../src/simulator/world-file.ts";

const clock: Timer = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
};
const usual = { signal: new AbortController().signal, priority: "waiting" } as const;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function ground(): Promise<{ port: Ec2Port; running: Running; subnet: string; instance: string }> {
  const running = await start({
    listen: "127.0.0.1:0",
    metadataListen: "127.0.0.1:0",
    makeWorld(now) {
      const world = emptyWorld(1);
      applyWorldFile(world, EXAMPLE, now);
      changeSettings(world.settings, {
        throttling: false,
        attachSeconds: 0,
        detachSeconds: 0,
        instanceSeconds: 0,
      });
      return world;
    },
    log: () => {},
  });
  const port = portTo(running.ec2);
  cleanups.push(() => running.stop());
  const { world } = running.simulator();
  // The instances were made before the settings: they are running a second later.
  running.simulator().advance(running.now() + 1001);
  return {
    port,
    running,
    subnet: [...world.subnets.keys()][0] ?? "",
    instance: [...world.instances.keys()][0] ?? "",
  };
}

function portTo(endpoint: string, more: Partial<PortOptions> = {}): Ec2Port {
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const port = new Ec2Port({
    budgets: new Budgets(clock),
    region: "us-east-1",
    endpoint,
    credentials,
    ...more,
  });
  cleanups.push(() => port.close());
  return port;
}

const wanted = (subnet: string, token: string) => ({
  subnet,
  groups: [],
  description: "of a test",
  tags: { a: "" },
  token,
});

test("a trunk and a branch, from nothing and back", async () => {
  const { port, subnet, instance } = await ground();
  expect(await port.trunkRefusal(wanted(subnet, "t"), usual)).toBeUndefined();
  const trunk = await port.createTrunk(wanted(subnet, "trunk"), usual);
  expect(trunk).toMatchObject({ type: "trunk", status: "pending", tags: { a: "" } });
  const attachment = await port.attach(trunk.id, instance, 2, usual);
  await port.deleteOnTermination(trunk.id, attachment, usual);
  const branch = await port.createBranch(wanted(subnet, "branch"), usual);
  const made = await port.associate({ branch: branch.id, trunk: trunk.id, vlan: 7, token: "a" }, usual);
  expect(await port.associations(usual)).toEqual([{ ...made, branch: branch.id, trunk: trunk.id, vlan: 7 }]);
  const [shown] = await port.interfaces({ "network-interface-id": [branch.id] }, usual);
  expect(shown).toEqual({ ...branch, type: "branch", status: "in-use" });
  expect((await port.instances([instance], usual))[0]?.interfaces).toMatchObject([
    { type: "interface", deviceIndex: 0 },
    { id: trunk.id, type: "trunk", deviceIndex: 2 },
  ]);
  const shownToAll = await port.findInstances({ "instance-id": [instance, "i-00000000000000000"] }, usual);
  expect(shownToAll.map(({ id }) => id)).toEqual([instance]);
  await port.disassociate(made.id, "b", usual);
  await port.deleteInterface(branch.id, usual);
  await port.detach(attachment, usual);
  await expect
    .poll(() =>
      port.deleteInterface(trunk.id, usual).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  expect(await port.interfaces({ "tag-key": ["a"] }, usual)).toEqual([]);
});

test("prefix lists, network ACLs and route tables, as a person has made them", async () => {
  const { port, running, subnet } = await ground();
  const { world } = running.simulator();
  const call = (action: string, tree: ParamTree) =>
    running.simulator().execute(action, { Version: "2016-11-15", ...tree }, running.now());
  const [vpc = ""] = world.vpcs.keys();
  // Made in parts, since a request takes a hundred; read in pages of as many.
  const cidrs = Array.from({ length: 250 }, (_, i) => `10.${i}.0.0/16`);
  const wantedList = { PrefixListName: "many", AddressFamily: "IPv4", MaxEntries: "250" };
  const id = textAt(call("CreateManagedPrefixList", wantedList), "prefixList", "prefixListId");
  for (let begin = 0; begin < cidrs.length; begin += 100) {
    const part = cidrs.slice(begin, begin + 100);
    call("ModifyManagedPrefixList", {
      PrefixListId: id,
      AddEntry: Object.fromEntries(part.map((Cidr, i) => [String(i + 1), { Cidr }])),
    });
  }
  expect(await port.prefixLists({ "prefix-list-id": [id] }, usual)).toEqual([
    { id, name: "many", family: "IPv4", maxEntries: 250 },
  ]);
  expect(await port.prefixListEntries(id, usual)).toEqual(cidrs);
  await expect(port.prefixListEntries("pl-0123456789abcdef0", usual)).rejects.toMatchObject({ kind: "gone" });

  const acl = textAt(call("CreateNetworkAcl", { VpcId: vpc }), "networkAcl", "networkAclId");
  const entry = { NetworkAclId: acl, Egress: "false", RuleAction: "allow" };
  call("CreateNetworkAclEntry", {
    ...entry,
    RuleNumber: "200",
    Protocol: "1",
    CidrBlock: "10.0.0.0/8",
    Icmp: { Type: "3", Code: "4" },
  });
  call("CreateNetworkAclEntry", {
    ...entry,
    RuleNumber: "100",
    Protocol: "58",
    Ipv6CidrBlock: "::/0",
    Icmp: { Type: "128", Code: "-1" },
  });
  const association = world.subnets.get(subnet)?.acl.association ?? "";
  call("ReplaceNetworkAclAssociation", { AssociationId: association, NetworkAclId: acl });
  const [shown, ...others] = await port.networkAcls({ "association.subnet-id": [subnet] }, usual);
  expect(others).toEqual([]);
  expect(shown).toMatchObject({ id: acl, vpc, isDefault: false, subnets: [subnet] });
  const own = shown?.entries.filter(({ number }) => number < 32_767);
  expect(own).toEqual([
    { number: 100, isEgress: false, allows: true, protocol: "58", cidr: "::/0", fromPort: 128 },
    { number: 200, isEgress: false, allows: true, protocol: "1", cidr: "10.0.0.0/8", fromPort: 3, toPort: 4 },
  ]);

  const table = textAt(call("CreateRouteTable", { VpcId: vpc }), "routeTable", "routeTableId");
  call("AssociateRouteTable", { RouteTableId: table, SubnetId: subnet });
  const nat = "nat-0123456789abcdef0";
  call("CreateRoute", { RouteTableId: table, DestinationCidrBlock: "0.0.0.0/0", NatGatewayId: nat });
  call("CreateRoute", { RouteTableId: table, DestinationPrefixListId: id, NatGatewayId: nat });
  expect(await port.routeTables({ "association.subnet-id": [subnet] }, usual)).toEqual([
    {
      id: table,
      vpc,
      isMain: false,
      subnets: [subnet],
      routes: [
        { destination: "10.0.0.0/16", target: "local", isActive: true },
        { destination: "0.0.0.0/0", target: nat, isActive: true },
        { destination: id, target: nat, isActive: true },
      ],
    },
  ]);
  expect(await port.routeTables({ "vpc-id": [vpc], "association.main": ["true"] }, usual)).toMatchObject([
    { isMain: true, subnets: [] },
  ]);
});

test("a branch has the connection tracking of the node's primary interface", async () => {
  const { port, running, subnet, instance } = await ground();
  const primary = async () => {
    const [found] = await port.instances([instance], usual);
    return found === undefined ? undefined : primaryOf(found);
  };
  const before = await primary();
  expect(before).toMatchObject({ deviceIndex: 0, subnet, type: "interface" });
  expect(before?.tracking).toBeUndefined();
  expect(before?.groups[0]).toMatch(/^sg-/);
  expect(before?.ipv4[0]).toMatch(/^10\./);
  expect(before?.mac).toMatch(/^02:/);
  running.simulator().execute(
    "ModifyNetworkInterfaceAttribute",
    {
      Version: "2016-11-15",
      NetworkInterfaceId: before?.id ?? "",
      ConnectionTrackingSpecification: { TcpEstablishedTimeout: "600", UdpTimeout: "45" },
    },
    running.now(),
  );
  const tracking = (await primary())?.tracking;
  expect(tracking).toEqual({ tcpEstablished: 600, udp: 45 });
  const branch = await port.createBranch({ ...wanted(subnet, "b"), tracking }, usual);
  expect(branch.tracking).toEqual(tracking);
  const [shown] = await port.interfaces({ "network-interface-id": [branch.id] }, usual);
  expect(shown?.tracking).toEqual(tracking);
});

test("when an interface was attached", async () => {
  const { port, running, subnet, instance } = await ground();
  const trunk = await port.createTrunk(wanted(subnet, "t"), usual);
  await port.attach(trunk.id, instance, 2, usual);
  const [shown] = await port.interfaces({ "attachment.instance-id": [instance], "tag:a": [""] }, usual);
  const since = running.now() - (shown?.attachment?.attachedAt ?? 0);
  expect(since).toBeGreaterThanOrEqual(0);
  expect(since).toBeLessThan(60_000);
});

test("pods go before what is made ahead; each call is told with its outcome", async () => {
  const { running, subnet } = await ground();
  const calls: EndedCall[] = [];
  const port = portTo(running.ec2, {
    budgets: new Budgets(clock, { CreateNetworkInterface: [1, 10] }),
    ended: (call) => calls.push(call),
  });
  running.simulator().faults.push(readFault({ code: "RequestLimitExceeded", count: 1 }));
  await port.createBranch(wanted(subnet, "first"), usual).catch(() => {});
  const order: string[] = [];
  const create = (token: string, priority: "waiting" | "warming") =>
    port.createBranch(wanted(subnet, token), { ...usual, priority }).then(() => order.push(token));
  await Promise.all([create("ahead", "warming"), create("pod", "waiting")]);
  expect(order).toEqual(["pod", "ahead"]);
  expect(calls.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    "CreateNetworkInterface throttled",
    "CreateNetworkInterface ok",
    "CreateNetworkInterface ok",
  ]);
});

test("the Region is what was given, what the environment says, or what instance metadata says", async () => {
  const { running } = await ground();
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: running.metadata };
  const { world } = running.simulator();
  world.region = "eu-south-2";
  expect(await findRegion(undefined, env)).toBe("eu-south-2");
  expect(await findRegion(undefined, { ...env, AWS_REGION: "" })).toBe("eu-south-2");
  expect(await findRegion(undefined, { ...env, AWS_REGION: "us-gov-west-1" })).toBe("us-gov-west-1");
  expect(await findRegion(undefined, { ...env, AWS_DEFAULT_REGION: "us-east-2" })).toBe("us-east-2");
  expect(
    await findRegion(undefined, { ...env, AWS_REGION: "us-east-1", AWS_DEFAULT_REGION: "us-east-2" }),
  ).toBe("us-east-1");
  await expect(findRegion(undefined, { ...env, AWS_DEFAULT_REGION: "nowhere" })).rejects.toThrow(
    'AWS_DEFAULT_REGION says "nowhere", which is no Region',
  );
  expect(await findRegion("ap-southeast-7", { ...env, AWS_REGION: "us-east-1" })).toBe("ap-southeast-7");
  await expect(findRegion("us-east-1a", env)).rejects.toThrow(
    '--region says "us-east-1a", which is no Region',
  );
  world.region = "somewhere";
  await expect(findRegion(undefined, env)).rejects.toThrow(/metadata at .* says "somewhere"/);
  const off = { ...env, AWS_EC2_METADATA_DISABLED: "true" };
  await expect(findRegion(undefined, off)).rejects.toBeInstanceOf(RegionError);
  const nobody = { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1" };
  await expect(findRegion(undefined, nobody)).rejects.toThrow(/127\.0\.0\.1:1 does not say: .*hop limit/);
});

test("more interfaces than a page come whole", async () => {
  const { port, running, subnet } = await ground();
  for (let i = 0; i < 1005; i++) {
    running
      .simulator()
      .execute(
        "CreateNetworkInterface",
        { Version: "2016-11-15", SubnetId: subnet, Description: "many" },
        running.now(),
      );
  }
  const found = await port.interfaces({ description: ["many"] }, usual);
  expect(new Set(found.map(({ id }) => id)).size).toBe(1005);
});

test.for([
  ["RequestLimitExceeded", "throttled"],
  ["InternalError", "retry"],
  ["InsufficientFreeAddressesInSubnet", "wait"],
  ["UnauthorizedOperation", "denied"],
  ["SecurityGroupsPerInterfaceLimitExceeded", "invalid"],
  ["InvalidSubnetID.NotFound", "gone"],
  ["UnknownParameter", "bug"],
] as const)("%s is %s", async ([code, kind]) => {
  const { port, running, subnet } = await ground();
  running.simulator().faults.push(readFault({ code, message: "as told", count: 1 }));
  const failure = await port.createBranch(wanted(subnet, "t"), usual).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "Ec2CallError", kind, code, action: "CreateNetworkInterface" });
  expect(failure).toHaveProperty("requestId", expect.stringMatching(/^[0-9a-f-]{36}$/));
  // Nothing was tried again behind our back: the next call is the first to succeed.
  expect(running.simulator().faults).toEqual([]);
  await port.createBranch(wanted(subnet, "t"), usual);
});

test.for([
  [503, "upstream connect error or disconnect/reset before headers"],
  [504, '{"message":"Endpoint request timed out"}'],
  [200, "<CreateNetworkInterfaceResponse><requestId>"],
  [200, "<html>a page of a proxy's</html>"],
] as const)("an answer that is none of EC2's leaves open whether it was done: %j", async ([status, body]) => {
  const proxy = createServer((_request, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => proxy.close());
  const { port: number } = proxy.address() as AddressInfo;
  const port = portTo(`http://127.0.0.1:${number}`);
  await expect(port.createBranch(wanted("subnet-1", "t"), usual)).rejects.toMatchObject({ kind: "retry" });
});

test("an account without trunks is told apart before anything is made", async () => {
  const { port, running, subnet } = await ground();
  changeSettings(running.simulator().world.settings, { trunksAllowed: false });
  const refusal = await port.trunkRefusal(wanted(subnet, "t"), usual);
  expect(refusal?.message).toContain("Invalid value 'trunk' for InterfaceType");
});

test("nobody who answers is retry; an aborted call rejects with the signal's reason", async () => {
  const { port, running, subnet } = await ground();
  const gone = portTo("http://127.0.0.1:1");
  await expect(gone.subnets({}, usual)).rejects.toMatchObject({ kind: "retry", code: "ECONNREFUSED" });
  changeSettings(running.simulator().world.settings, { latencyMs: { "*": [5000, 5000] } });
  const reason = new Error("enough");
  const controller = new AbortController();
  const call = port.createBranch(wanted(subnet, "t"), { ...usual, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 50);
  await expect(call).rejects.toBe(reason);
});
