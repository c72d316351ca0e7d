// What requests may do, by an IAM policy, over the wire.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Budgets } from "../../src/ec2/budget.ts";
import { Ec2Port } from "../../src/ec2/port.ts";
import type { PolicyUse } from "../../src/simulator/iam/authorizer.ts";
import { EXAMPLE } from "../../src/simulator/world-file.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { startSimulator, type Server } from "./server.ts";

const OWNER = { "eks:eni:owner": "eks-vpc-resource-controller" };
const owned = (key: "RequestTag" | "ResourceTag") => ({
  StringEquals: { [`aws:${key}/eks:eni:owner`]: "eks-vpc-resource-controller" },
});
const ANY = "arn:aws:ec2:*:*";
const POLICY = {
  Version: "2012-10-17",
  Statement: [
    { Sid: "Read", Effect: "Allow", Action: ["ec2:Describe*", "ec2:DescribeSubnets"], Resource: "*" },
    {
      Sid: "Make",
      Effect: "Allow",
      Action: "ec2:CreateNetworkInterface",
      Resource: `${ANY}:network-interface/*`,
      Condition: owned("RequestTag"),
    },
    {
      Sid: "Place",
      Effect: "Allow",
      Action: "ec2:CreateNetworkInterface",
      Resource: [`${ANY}:subnet/*`, `${ANY}:security-group/*`],
    },
    {
      Sid: "Tag",
      Effect: "Allow",
      Action: "ec2:CreateTags",
      Resource: `${ANY}:network-interface/*`,
      Condition: { StringEquals: { "ec2:CreateAction": "CreateNetworkInterface" } },
    },
    {
      Sid: "Change",
      Effect: "Allow",
      Action: ["ec2:DeleteNetworkInterface", "ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"],
      Resource: `${ANY}:network-interface/*`,
      Condition: owned("ResourceTag"),
    },
    { Sid: "Machine", Effect: "Allow", Action: "ec2:AttachNetworkInterface", Resource: `${ANY}:instance/*` },
    { Sid: "Associate", Effect: "Allow", Action: "ec2:AssociateTrunkInterface", Resource: "*" },
    {
      Sid: "Scoped",
      Effect: "Allow",
      Action: "ec2:DisassociateTrunkInterface",
      Resource: `${ANY}:network-interface/*`,
    },
    {
      Sid: "NeverTheirs",
      Effect: "Deny",
      Action: "ec2:DeleteNetworkInterface",
      Resource: "*",
      Condition: { StringEquals: { "ec2:ResourceTag/keep": "yes" } },
    },
  ],
};

const options = { signal: new AbortController().signal, priority: "waiting" } as const;
const scratch = mkdtempSync(path.join(tmpdir(), "branchline-iam-"));
let server: Server;
let port: Ec2Port;
let admin: Ec2Port;
let subnet: string;

function portOf(accessKeyId: string): Ec2Port {
  const credentials = { accessKeyId, secretAccessKey: "any" };
  return new Ec2Port({
    budgets: new Budgets(systemTimer),
    region: "us-east-1",
    endpoint: server.url,
    credentials,
  });
}

beforeAll(async () => {
  writeFileSync(path.join(scratch, "policy.json"), JSON.stringify(POLICY));
  writeFileSync(path.join(scratch, "world.yaml"), EXAMPLE);
  const flags = ["--iam-policy", path.join(scratch, "policy.json"), "--iam-key", "CONTROLLER"];
  server = await startSimulator("--world", path.join(scratch, "world.yaml"), "--no-throttling", ...flags);
  port = portOf("CONTROLLER");
  admin = portOf("ADMIN");
  subnet = (await admin.subnets({}, options))[0]?.id ?? "";
});

afterAll(async () => {
  port.close();
  admin.close();
  await server[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

let tokens = 0;
const wanted = (tags: Record<string, string>, groups: string[] = []) => ({
  subnet,
  groups,
  description: "",
  tags,
  token: `t${++tokens}`,
});
const use = async () => (await (await fetch(`${server.control}/iam`)).json()) as PolicyUse;
const refusal = (words: string) =>
  expect.objectContaining({ kind: "denied", message: expect.stringContaining(words) as string }) as unknown;

describe("a policy", () => {
  it("refuses what no statement allows, as EC2 does, and another access key nothing", async () => {
    const other = await admin.createBranch(wanted({}), options);
    await expect(port.createBranch(wanted({}), options)).rejects.toEqual(
      refusal(
        "UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::123456789012:role/simulated is not authorized to perform: ec2:CreateNetworkInterface on resource: arn:aws:ec2:us-east-1:123456789012:network-interface/*",
      ),
    );
    await expect(port.deleteInterface(other.id, options)).rejects.toEqual(
      refusal(`network-interface/${other.id}`),
    );
    await expect(port.setGroups(other.id, [], options)).rejects.toEqual(
      refusal("ec2:ModifyNetworkInterfaceAttribute on resource: *"),
    );
    await admin.deleteInterface(other.id, options);
  });

  it("is asked for each resource by itself", async () => {
    const trunk = await port.createTrunk(wanted(OWNER), options);
    const branch = await port.createBranch(
      wanted({ ...OWNER, keep: "yes" }, trunk.groups.slice(0, 1)),
      options,
    );
    const association = { branch: branch.id, trunk: trunk.id, vlan: 5, token: "a" };
    const { id } = await port.associate(association, options);
    // EC2 has no resource for it, so only a star allows it.
    await expect(port.disassociate(id, "d", options)).rejects.toEqual(
      refusal("ec2:DisassociateTrunkInterface on resource: *"),
    );
    await expect(port.deleteInterface(branch.id, options)).rejects.toEqual(refusal("with an explicit deny"));
    const instance =
      (await (await fetch(`${server.control}/dump`)).text()).match(/"(i-0[0-9a-f]{16})"/)?.[1] ?? "";
    const attachment = await port.attach(trunk.id, instance, 2, options);
    // The instance's part is missing.
    await expect(port.detach(attachment, options)).rejects.toEqual(refusal(`instance/${instance}`));
  });

  it("holds for a dry run too, with the tags that it is to have", async () => {
    expect(await port.trunkRefusal(wanted(OWNER), options)).toBeUndefined();
    expect(await port.trunkRefusal(wanted({}), options)).toMatchObject({ kind: "denied" });
  });

  it("lets EC2 say what does not exist", async () => {
    await expect(port.deleteInterface("eni-00000000000000000", options)).rejects.toMatchObject({
      kind: "gone",
    });
  });

  it("tells what was used, what was not, and what was missing", async () => {
    const { statements, refused } = await use();
    const counts = Object.fromEntries(statements.map(({ name, used }) => [name, used]));
    expect(counts).toEqual({
      Read: 0,
      Make: 3,
      Place: 4,
      Tag: 3,
      Change: 2,
      Machine: 1,
      Associate: 1,
      Scoped: 0,
      NeverTheirs: 1,
    });
    const change = statements.find(({ name }) => name === "Change");
    expect(change?.actions).toEqual({
      "ec2:DeleteNetworkInterface": 0,
      "ec2:AttachNetworkInterface": 1,
      "ec2:DetachNetworkInterface": 1,
    });
    const place = statements.find(({ name }) => name === "Place");
    expect(place?.resources).toEqual({ [`${ANY}:subnet/*`]: 3, [`${ANY}:security-group/*`]: 1 });
    expect(refused.map(({ action }) => action)).toContain("ec2:ModifyNetworkInterfaceAttribute");
    await port.subnets({}, options);
    const read = (await use()).statements.find(({ name }) => name === "Read");
    expect(read?.actions).toEqual({ "ec2:Describe*": 1, "ec2:DescribeSubnets": 1 });
  });
});

it("is there only when it is asked for", async () => {
  await using without = await startSimulator();
  expect((await fetch(`${without.control}/iam`)).status).toBe(404);
});
