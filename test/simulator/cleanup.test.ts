// `branchline cleanup` as a program, against the simulated EC2.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { Budgets } from "../../src/ec2/budget.ts";
import { Ec2Port } from "../../src/ec2/port.ts";
import { EXAMPLE } from "../../src/simulator/world-file.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { policyUse } from "./policy-use.ts";
import { startSimulator, type Server } from "./server.ts";

const executable = path.resolve(import.meta.dirname, "../../dist/branchline");
/** What it may do, and no more. */
const POLICY = path.resolve(import.meta.dirname, "../../deploy/iam/cleanup.json");
const KEY = "CLEANUP";
const scratch = mkdtempSync(path.join(tmpdir(), "branchline-cleanup-"));
const world = path.join(scratch, "world.yaml");
writeFileSync(world, EXAMPLE);
afterAll(() => rmSync(scratch, { recursive: true }));

const CLUSTER = { "kubernetes.io/cluster/dead": "owned", "eks:eni:owner": "eks-vpc-resource-controller" };
const call = { signal: new AbortController().signal, priority: "waiting" } as const;

let server: Server;
let port: Ec2Port;
let subnet: string;
let instances: string[];
let children: ChildProcess[];

beforeEach(async () => {
  server = await startSimulator(
    "--world",
    world,
    "--no-throttling",
    "--iam-policy",
    POLICY,
    "--iam-key",
    KEY,
  );
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const budgets = new Budgets(systemTimer);
  port = new Ec2Port({ budgets, region: "us-east-1", endpoint: server.url, credentials });
  await control("settings", { attachSeconds: 0.1, detachSeconds: 0.1, instanceSeconds: 0.1 });
  subnet = (await port.subnets({}, call))[0]?.id ?? "";
  instances = (await port.findInstances({ "subnet-id": [subnet] }, call)).map(({ id }) => id);
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  const { refused } = await policyUse(server);
  port.close();
  await server[Symbol.asyncDispose]();
  if (refused.length > 0) throw new Error(`its policy does not allow ${JSON.stringify(refused)}`);
});

async function control(what: string, body: object): Promise<void> {
  const answer = await fetch(`${server.control}/${what}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
}

async function ask(action: string, parameters: Record<string, string>): Promise<void> {
  const body = new URLSearchParams({ Action: action, Version: "2016-11-15", ...parameters });
  const answer = await fetch(server.url, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
}

interface Ended {
  readonly status: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const env = {
    PATH: process.env["PATH"],
    AWS_ENDPOINT_URL_EC2: server.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: KEY,
    AWS_SECRET_ACCESS_KEY: "b",
  };
  const child = spawn(executable, ["cleanup", ...args], { env, stdio: "pipe" });
  children.push(child);
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (said[name] += text));
  return { child, ended: once(child, "close").then(([status]) => ({ status: status as unknown, ...said })) };
}

const run = (...args: string[]) => start(...args).ended;
const clean = (...args: string[]) => run("--cluster", "dead", "--yes", "--pause", "0", ...args);

let tokens = 0;
const wanted = (tags: Record<string, string>) => ({
  subnet,
  groups: [],
  description: "",
  tags,
  token: `cleanup-${++tokens}`,
});

/** A trunk on an instance, with branches on it. */
async function makeNode(instance: string, branches: number): Promise<string> {
  const tags = { ...CLUSTER, "node.k8s.amazonaws.com/instance_id": instance };
  const trunk = await port.createTrunk(wanted(tags), call);
  await port.attach(trunk.id, instance, 2, call);
  for (let vlan = 1; vlan <= branches; vlan++) {
    const branch = await port.createBranch(wanted(tags), call);
    await port.associate({ branch: branch.id, trunk: trunk.id, vlan, token: branch.id }, call);
  }
  return trunk.id;
}

/** Branches without a trunk, as a node leaves them that is gone. */
async function makeBranches(count: number, tags: Record<string, string> = CLUSTER): Promise<string[]> {
  const made = [];
  for (let i = 0; i < count; i++) made.push((await port.createBranch(wanted(tags), call)).id);
  return made;
}

async function terminate(instance: string): Promise<void> {
  await ask("TerminateInstances", { "InstanceId.1": instance });
  await expect
    .poll(async () => (await port.findInstances({ "instance-id": [instance] }, call))[0]?.state)
    .toBe("terminated");
}

const left = async () =>
  (await port.interfaces({ "tag:kubernetes.io/cluster/dead": ["owned"] }, call)).map(({ id }) => id);

it("shows what it would do, and does it with --yes only", async () => {
  const trunk = await makeNode(instances[0] ?? "", 2);
  const [other = ""] = await makeBranches(1, { ...CLUSTER, "eks:eni:owner": "amazon-vpc-cni" });
  await makeBranches(1, { ...CLUSTER, "kubernetes.io/cluster/dead": "shared" });
  await terminate(instances[0] ?? "");
  const dry = await run("--cluster", "dead", "--include-young");
  expect(dry).toMatchObject({ status: 0, stderr: "" });
  expect(dry.stdout).toMatch(/^INTERFACE +KIND +SUBNET +INSTANCE +WHAT\n/);
  expect(dry.stdout).toContain("3 to delete, 0 to leave\nnothing is done without --yes\n");
  expect(dry.stdout).toMatch(
    new RegExp(`${trunk} +trunk +${subnet} +${instances[0]} \\(terminated\\) +delete\n`),
  );
  expect(await left()).toHaveLength(4);
  const { status, stdout } = await clean("--include-young");
  expect(stdout).toMatch(/\n3 deleted, 0 left\n$/);
  expect(status).toBe(0);
  expect(await left()).toEqual([other]);
  const again = await clean();
  expect(again).toEqual({
    status: 0,
    stdout: "EC2 has no trunks and no branches of the cluster dead\n",
    stderr: "",
  });
});

it("leaves what is young or belongs to a running instance, and says so with status 1", async () => {
  const trunk = await makeNode(instances[0] ?? "", 1);
  await makeNode(instances[1] ?? "", 1);
  await terminate(instances[1] ?? "");
  const { status, stdout } = await clean();
  expect(stdout).toMatch(new RegExp(`${instances[0]} \\(running\\) +leave: ${instances[0]} is running`));
  expect(stdout).toContain("\n2 deleted, 2 left\n");
  expect(status).toBe(1);
  const young = await clean("--include-running");
  expect(young.stdout).toMatch(new RegExp(`${trunk} +trunk .* leave: it is \\d+ s old\n$`));
  expect(young.status).toBe(1);
  expect(await left()).toEqual([trunk]);
  const all = await clean("--include-running", "--include-young");
  expect(all.stdout).toContain("\n1 deleted, 0 left\n");
  expect(all.status).toBe(0);
  expect(await left()).toEqual([]);
  // It has done all that it can do.
  expect(await policyUse(server)).toEqual({ refused: [], unused: [] });
});

it("what appears while it looks is somebody's work", async () => {
  const [old = ""] = await makeBranches(1);
  const { ended, child } = start("--cluster", "dead", "--yes", "--pause", "3");
  await once(child.stdout ?? child, "data");
  const [fresh = ""] = await makeBranches(1);
  const { status, stdout } = await ended;
  expect(stdout).toContain(`deleted branch ${old}\n`);
  expect(stdout).toMatch(new RegExp(`${fresh} .*leave: it was not there at the first look`));
  expect(status).toBe(1);
  expect(await left()).toEqual([fresh]);
});

it("goes on where a killed one was: EC2 has done something, and nobody has heard its answer", async () => {
  const trunk = await makeNode(instances[0] ?? "", 6);
  await terminate(instances[0] ?? "");
  await control("settings", {
    latencyMs: { DisassociateTrunkInterface: [600, 900], DeleteNetworkInterface: [100, 900] },
  });
  const counts = {
    associations: async () => (await port.associations(call)).length,
    interfaces: async () => (await left()).length,
  };
  for (const [what, count] of Object.entries(counts)) {
    const before = await count();
    const { child, ended } = start("--cluster", "dead", "--yes", "--pause", "0", "--include-young");
    await expect.poll(count, { timeout: 20_000, message: what }).toBeLessThan(before);
    child.kill("SIGKILL");
    expect((await ended).stdout).not.toContain(" left\n");
    expect(await left()).toContain(trunk);
  }
  const rest = (await left()).length;
  const { status, stdout } = await clean("--include-young");
  expect(stdout).toContain(`${rest} deleted, 0 left`);
  expect(status).toBe(0);
  expect(await left()).toEqual([]);
});

it("is stopped by a signal, and says how to go on", async () => {
  await makeBranches(1);
  const { child, ended } = start("--cluster", "dead", "--yes", "--pause", "600");
  await once(child.stdout ?? child, "data");
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({
    status: 1,
    stderr: "branchline cleanup: ended by SIGTERM; run it again to go on\n",
  });
});

it("bears throttling, errors and a lagging description", async () => {
  await makeNode(instances[0] ?? "", 5);
  await makeBranches(4);
  await terminate(instances[0] ?? "");
  await control("settings", { describeLagSeconds: 0.5 });
  for (const code of ["RequestLimitExceeded", "InternalError"]) {
    await control("faults", { action: "DeleteNetworkInterface", code, count: 1 });
    await control("faults", {
      action: "DisassociateTrunkInterface",
      code,
      count: 2,
      after: code === "InternalError",
    });
  }
  const { status, stdout } = await clean("--include-young");
  expect(stdout).toContain("10 deleted, 0 left");
  expect(status).toBe(0);
  await expect.poll(left).toEqual([]);
});

it("names what it may not do, goes on with the rest, and is honest about it", async () => {
  const trunk = await makeNode(instances[0] ?? "", 1);
  const [loose = ""] = await makeBranches(1);
  await terminate(instances[0] ?? "");
  await control("settings", {
    deniedActions: ["DisassociateTrunkInterface", "DescribeTrunkInterfaceAssociations"],
  });
  // Without associations a branch is deleted outright.
  expect((await clean("--include-young")).status).toBe(0);
  expect(await left()).not.toContain(loose);
  await makeBranches(1);
  await control("settings", { deniedActions: ["DeleteNetworkInterface"] });
  const { status, stdout } = await clean();
  expect(stdout).toMatch(/DeleteNetworkInterface: UnauthorizedOperation: .*\(request [0-9a-f-]+\)\n$/);
  expect(stdout).toContain("0 deleted, 1 left");
  expect(status).toBe(1);
  await control("settings", { deniedActions: ["DescribeNetworkInterfaces"] });
  expect(await clean()).toMatchObject({
    status: 3,
    stderr: expect.stringContaining("DescribeNetworkInterfaces: UnauthorizedOperation") as string,
  });
  expect(trunk).toMatch(/^eni-/);
});

it.each<[string, string[], string]>([
  ["no cluster", [], "whose interfaces? give --cluster NAME"],
  ["a star", ["--cluster", "*"], '--cluster "*" is no name of a cluster'],
  ["a VPC", ["--cluster", "a", "--vpc-id", "main"], '--vpc-id "main" is no id of a VPC'],
  ["a pause", ["--cluster", "a", "--pause", "1m"], '--pause "1m" is no whole number from 0 to 3600'],
  ["a timeout", ["--cluster", "a", "--timeout", "0"], '--timeout "0" is no whole number from 1 to 1440'],
  ["a rate", ["--cluster", "a", "--rate", "DeleteInterface=1/1"], "did you mean DeleteNetworkInterface?"],
  ["a Region", ["--cluster", "a", "--region", "moon"], '--region says "moon", which is no Region'],
])("refuses %s in one line, with status 2", async (_what, args, words) => {
  const { status, stdout, stderr } = await run(...args);
  expect(stderr).toContain(words);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
});
