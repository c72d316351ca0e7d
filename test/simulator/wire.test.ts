import { connect } from "node:net";
import {
  AssociateTrunkInterfaceCommand,
  CreateNetworkInterfaceCommand,
  CreateVpcCommand,
  DescribeNetworkInterfacesCommand,
  DescribeTrunkInterfaceAssociationsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterEach, expect, test } from "vitest";
import { readFault } from "../../src/simulator/model/faults.ts";
import { changeSettings } from "../../src/simulator/model/settings.ts";
import { emptyWorld } from "../../src/simulator/model/world.ts";
import { start } from "../../src/simulator/start.ts";
import type { Running } from "../../src/simulator/start.ts";
import { EXAMPLE, applyWorldFile } from "../../src/simulator/world-file.ts";

const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function simulator(world = EXAMPLE): Promise<Running> {
  const one = await start({
    listen: "127.0.0.1:0",
    metadataListen: "127.0.0.1:0",
    makeWorld(now) {
      const made = emptyWorld(1);
      applyWorldFile(made, world, now);
      return made;
    },
    log: () => {},
  });
  running.push(one);
  return one;
}

function client(endpoint: string, secretAccessKey = "any"): EC2Client {
  const credentials = { accessKeyId: "AKIAEXAMPLE", secretAccessKey };
  return new EC2Client({ endpoint, region: "us-east-1", maxAttempts: 1, credentials });
}

/** Sends bytes as they are; gives all that comes back until the server closes, or null when nothing came in time. */
function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => (text += chunk));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

const form = (body: string) =>
  `POST / HTTP/1.1\r\nHost: ec2\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

test("requests are checked against the key they are signed with, once there is a key", async () => {
  const keys = 'keys:\n  - { id: AKIAEXAMPLE, secret: right, account: "210987654321" }\n';
  const { ec2 } = await simulator(keys);
  const made = await client(ec2, "right").send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  expect(made.Vpc?.OwnerId).toBe("210987654321");
  await expect(client(ec2, "wrong").send(new DescribeVpcsCommand())).rejects.toMatchObject({
    name: "SignatureDoesNotMatch",
  });
  expect(await raw(ec2, form("Action=DescribeVpcs&Version=2016-11-15"))).toContain(
    "<Code>MissingAuthenticationToken<",
  );
  const late = new EC2Client({
    endpoint: ec2,
    region: "us-east-1",
    maxAttempts: 1,
    systemClockOffset: -3_600_000,
    credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "right" },
  });
  await expect(late.send(new DescribeVpcsCommand())).rejects.toMatchObject({ name: "RequestExpired" });
  const elsewhere = new EC2Client({
    endpoint: ec2,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: { accessKeyId: "AKIAOTHER", secretAccessKey: "right" },
  });
  await expect(elsewhere.send(new DescribeVpcsCommand())).rejects.toMatchObject({ name: "AuthFailure" });
});

test.for([
  ["Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=%zz", "MalformedQueryString"],
  ["Version=2016-11-15", "MissingAction"],
  ["Action=Nothing&Version=2016-11-15", "InvalidAction"],
  ["Action=DescribeVpcs&Version=2010-01-01", "InvalidAction"],
  ["Action=DescribeVpcs&Version=2016-11-15&Strange=1", "UnknownParameter"],
  ["Action=DescribeVpcs&Version=2016-11-15&a.b.c.d.e.f.g.h.i.j=1", "UnknownParameter"],
  ["Action=DescribeVpcs&Version=2016-11-15&__proto__.x=1", "UnknownParameter"],
  ["Action=constructor&Version=2016-11-15", "InvalidAction"],
  [`Action=DescribeVpcs&Version=2016-11-15${"&a=1".repeat(6000)}`, "InvalidRequest"],
])("a form that is wrong is an EC2 error: %s", async ([body = "", code = ""]) => {
  const { ec2 } = await simulator("{}");
  const reply = await raw(ec2, form(body));
  expect(reply).toMatch(/^HTTP\/1\.1 400 /);
  expect(reply).toContain(`<Code>${code}</Code>`);
  expect(reply).toMatch(/x-amzn-RequestId: [0-9a-f-]{36}/i);
});

test("a body that is too large is refused, and others are still served", async () => {
  const { ec2 } = await simulator("{}");
  const reply = await fetch(ec2, { method: "POST", body: "a".repeat(20 * 1024 * 1024) });
  expect(reply.status).toBe(413);
  // Whoever closes after this request has to have read it, or the answer is lost.
  expect(await raw(ec2, form("a".repeat(20 * 1024 * 1024)))).toMatch(/^HTTP\/1\.1 413 /);
  await expect(raw(ec2, form("a".repeat(70 * 1024 * 1024)))).rejects.toThrow(/EPIPE|ECONNRESET/);
  expect((await client(ec2).send(new DescribeVpcsCommand())).Vpcs ?? []).toEqual([]);
});

test("values that XML would misread come back as they were sent", async () => {
  const { ec2, simulator: model } = await simulator();
  const [subnet] = model().world.subnets.values();
  const Description = `<&>"' ü \u{1f600}`;
  const made = await client(ec2).send(
    new CreateNetworkInterfaceCommand({ SubnetId: subnet?.id, Description }),
  );
  expect(made.NetworkInterface?.Description).toBe(Description);
});

test("a repeated token makes one interface; with other parameters it mismatches", async () => {
  const { ec2, simulator: model } = await simulator();
  const [subnet] = model().world.subnets.values();
  const create = (Description: string) =>
    client(ec2).send(
      new CreateNetworkInterfaceCommand({ SubnetId: subnet?.id, Description, ClientToken: "one" }),
    );
  const first = await create("a");
  const again = await create("a");
  expect(again.NetworkInterface?.NetworkInterfaceId).toBe(first.NetworkInterface?.NetworkInterfaceId);
  await expect(create("b")).rejects.toMatchObject({ name: "IdempotentParameterMismatch" });
});

test("a bucket that is empty answers RequestLimitExceeded with 503, and refills with simulated time", async () => {
  const { ec2, control, simulator: model } = await simulator();
  changeSettings(model().world.settings, { buckets: { DescribeVpcs: [3, 1] } });
  const ask = () => client(ec2).send(new DescribeVpcsCommand());
  for (let i = 0; i < 3; i++) await ask();
  const refused = await ask().catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: "RequestLimitExceeded", $metadata: { httpStatusCode: 503 } });
  const advanced = await fetch(`${control}/advance`, { method: "POST", body: '{"seconds":2}' });
  expect(advanced.status).toBe(200);
  await ask();
});

test("an injected error is answered so often; one after the call has done its work", async () => {
  const { ec2, simulator: model } = await simulator();
  const [subnet] = model().world.subnets.values();
  const before = model().world.interfaces.size;
  model().faults.push(
    readFault({ action: "CreateNetworkInterface", code: "InternalError", count: 1, after: true }),
  );
  const create = () =>
    client(ec2).send(new CreateNetworkInterfaceCommand({ SubnetId: subnet?.id, ClientToken: "t" }));
  await expect(create()).rejects.toMatchObject({ name: "InternalError", $fault: "server" });
  expect(model().world.interfaces.size).toBe(before + 1);
  await create();
  expect(model().world.interfaces.size).toBe(before + 1);
});

test("a new interface is NotFound, and not in describes, until its time has come", async () => {
  const { ec2, control, simulator: model } = await simulator();
  const [subnet] = model().world.subnets.values();
  changeSettings(model().world.settings, { notFoundAfterCreateSeconds: 60 });
  const made = await client(ec2).send(new CreateNetworkInterfaceCommand({ SubnetId: subnet?.id }));
  const NetworkInterfaceIds = [made.NetworkInterface?.NetworkInterfaceId ?? ""];
  const describe = () => client(ec2).send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds }));
  await expect(describe()).rejects.toMatchObject({ name: "InvalidNetworkInterfaceID.NotFound" });
  await fetch(`${control}/advance`, { method: "POST", body: '{"seconds":61}' });
  expect((await describe()).NetworkInterfaces).toHaveLength(1);
});

test.each([
  ["a VPC", "CreateVpc", "&CidrBlock=10.9.0.0/16", "vpcId", "DescribeVpcs", "VpcId"],
  [
    "a subnet",
    "CreateSubnet",
    "&VpcId=$vpc&CidrBlock=10.0.64.0/24",
    "subnetId",
    "DescribeSubnets",
    "SubnetId",
  ],
  [
    "a group",
    "CreateSecurityGroup",
    "&VpcId=$vpc&GroupName=new&GroupDescription=new",
    "groupId",
    "DescribeSecurityGroups",
    "GroupId",
  ],
  [
    "an instance",
    "RunInstances",
    "&SubnetId=$subnet&ImageId=ami-12345678&InstanceType=m5.large&MinCount=1&MaxCount=1",
    "instanceId",
    "DescribeInstances",
    "InstanceId",
  ],
])(
  "%s that is new is NotFound, and in no list, until its time has come",
  async (_, create, given, id, describe, name) => {
    const { ec2, control, simulator: model } = await simulator();
    const { world } = model();
    changeSettings(world.settings, { notFoundAfterCreateSeconds: 60 });
    const call = async (action: string, parameters: string) =>
      (await fetch(ec2, { method: "POST", body: `Action=${action}&Version=2016-11-15${parameters}` })).text();
    const parameters = given
      .replace("$vpc", [...world.vpcs.keys()][0] ?? "")
      .replace("$subnet", [...world.subnets.keys()][0] ?? "");
    const made = new RegExp(`<${id}>([^<]+)`).exec(await call(create, parameters))?.[1];
    expect(await call(describe, `&${name}.1=${made}`)).toContain(".NotFound</Code>");
    expect(await call(describe, "")).not.toContain(`>${made}<`);
    await fetch(`${control}/advance`, { method: "POST", body: '{"seconds":61}' });
    expect(await call(describe, `&${name}.1=${made}`)).toContain(`>${made}<`);
    expect(await call(describe, "")).toContain(`>${made}<`);
  },
);

test("a new association is in no list until its time has come, and its VLAN id is taken all the same", async () => {
  const { ec2, control, simulator: model } = await simulator();
  const [subnet] = model().world.subnets.keys();
  const create = async (InterfaceType?: "trunk") =>
    (await client(ec2).send(new CreateNetworkInterfaceCommand({ SubnetId: subnet, InterfaceType })))
      .NetworkInterface?.NetworkInterfaceId;
  const [trunk, one, other] = [await create("trunk"), await create(), await create()];
  changeSettings(model().world.settings, { notFoundAfterCreateSeconds: 60 });
  await fetch(`${control}/advance`, { method: "POST", body: '{"seconds":61}' });
  const associate = (branch: string | undefined) =>
    client(ec2).send(
      new AssociateTrunkInterfaceCommand({ TrunkInterfaceId: trunk, BranchInterfaceId: branch, VlanId: 7 }),
    );
  await associate(one);
  const shown = async () =>
    (await client(ec2).send(new DescribeTrunkInterfaceAssociationsCommand())).InterfaceAssociations ?? [];
  expect(await shown()).toEqual([]);
  await expect(associate(other)).rejects.toMatchObject({ name: "InvalidParameterValue" });
  await fetch(`${control}/advance`, { method: "POST", body: '{"seconds":61}' });
  expect(await shown()).toHaveLength(1);
});

test("instance metadata wants a token of that instance", async () => {
  const { metadata, simulator: model } = await simulator();
  const [first, second] = [...model().world.instances.keys()];
  const token = async (of: string) => {
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": "60" };
    return (await fetch(`${metadata}${of}/latest/api/token`, { method: "PUT", headers })).text();
  };
  const get = async (path: string, given: string) =>
    fetch(`${metadata}${path}`, { headers: { "X-aws-ec2-metadata-token": given } });
  const ours = await token("");
  expect(await (await get("/latest/meta-data/instance-id", ours)).text()).toBe(first);
  expect((await get("/latest/meta-data/instance-id", "")).status).toBe(401);
  expect((await get(`/instances/${second}/latest/meta-data/instance-id`, ours)).status).toBe(401);
  const theirs = await token(`/instances/${second}`);
  expect(await (await get(`/instances/${second}/latest/meta-data/instance-id`, theirs)).text()).toBe(second);
  expect((await get("/latest/meta-data/nothing", ours)).status).toBe(404);
});

test("the control endpoint refuses web pages and settings that do not exist", async () => {
  const { control } = await simulator();
  const reply = await fetch(`${control}/settings`, { method: "POST", body: '{"trotling":false}' });
  expect([reply.status, await reply.json()]).toEqual([400, { error: 'there is no setting "trotling"' }]);
  const foreign = await fetch(`${control}/dump`, { headers: { Origin: "http://example.com" } });
  expect(foreign.status).toBe(403);
});

test("a held call is carried out when it is let go, though its client is gone; or only its answer waits", async () => {
  const { ec2, control, simulator: model } = await simulator();
  const [subnet] = model().world.subnets.values();
  const before = model().world.interfaces.size;
  const hold = (after: boolean) =>
    fetch(`${control}/holds`, {
      method: "POST",
      body: JSON.stringify({ action: "CreateNetworkInterface", after }),
    });
  const held = async () => {
    await expect
      .poll(async () => (await (await fetch(`${control}/holds`)).json()) as { held: unknown[] })
      .toMatchObject({ held: [{ action: "CreateNetworkInterface" }], wanted: [] });
  };
  const create = (abortSignal?: AbortSignal) =>
    client(ec2).send(
      new CreateNetworkInterfaceCommand({ SubnetId: subnet?.id }),
      abortSignal === undefined ? {} : { abortSignal },
    );
  await hold(false);
  const gone = new AbortController();
  const cut = create(gone.signal);
  await held();
  expect(model().world.interfaces.size).toBe(before);
  gone.abort();
  await expect(cut).rejects.toMatchObject({ name: "AbortError" });
  await fetch(`${control}/holds`, { method: "DELETE" });
  await expect.poll(() => model().world.interfaces.size).toBe(before + 1);
  await hold(true);
  const waiting = create();
  await held();
  expect(model().world.interfaces.size).toBe(before + 2);
  await fetch(`${control}/holds`, { method: "DELETE" });
  expect((await waiting).NetworkInterface?.NetworkInterfaceId).toMatch(/^eni-/);
});
