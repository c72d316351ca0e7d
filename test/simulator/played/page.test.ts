// The page of the world, as a person sees it: in Debian's Chromium.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inflateSync } from "node:zlib";
import {
  AssociateTrunkInterfaceCommand,
  AttachNetworkInterfaceCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSubnetCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sdkClient } from "../sdk.ts";
import { startSimulator, type Server } from "../server.ts";

const runFile = promisify(execFile);
const scratch = mkdtempSync(join(tmpdir(), "branchline-page-"));
let server: Server;

beforeAll(async () => {
  await runFile(join(import.meta.dirname, "../../setup/packages.sh"), ["browser"], { timeout: 600_000 });
  server = await startSimulator();
}, 620_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

/** Chromium without a window, and without what it would look for in the network. */
async function browse(...flags: string[]): Promise<string> {
  const { stdout } = await runFile(
    "chromium",
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--user-data-dir=${join(scratch, "profile")}`,
      "--window-size=1200,800",
      ...flags,
      server.url,
    ],
    { timeout: 60_000, maxBuffer: 1 << 24, env: { ...process.env, HOME: scratch } },
  );
  return stdout;
}

/** Width, height, and how many bytes of an image's lines are no repetition of the one before: 0 for an empty page. */
function pictureOf(file: string): { width: number; height: number; drawn: number } {
  const png = readFileSync(file);
  const chunks: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT")
      chunks.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const height = png.readUInt32BE(20);
  const lines = inflateSync(Buffer.concat(chunks));
  const length = lines.length / height;
  const distinct = new Set(
    Array.from({ length: height }, (_, i) => lines.toString("latin1", i * length + 1, (i + 1) * length)),
  );
  return { width: png.readUInt32BE(16), height, drawn: distinct.size };
}

test("shows instances, trunks, branches with their groups, free addresses and refusals", async () => {
  const empty = join(scratch, "empty.png");
  await browse(`--screenshot=${empty}`);
  const client = sdkClient(server.url);
  const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const of = { VpcId: Vpc?.VpcId };
  const subnet = await client.send(new CreateSubnetCommand({ ...of, CidrBlock: "10.0.1.0/24" }));
  const SubnetId = subnet.Subnet?.SubnetId;
  const named = { GroupName: "database", Description: "databases" };
  const group = await client.send(new CreateSecurityGroupCommand({ ...of, ...named }));
  const run = {
    ImageId: "ami-12345678",
    InstanceType: "m5.large",
    MinCount: 1,
    MaxCount: 1,
    SubnetId,
  } as const;
  const { Instances = [] } = await client.send(new RunInstancesCommand(run));
  const InstanceId = Instances[0]?.InstanceId;
  const state = async () => {
    const { Reservations = [] } = await client.send(new DescribeInstancesCommand());
    return Reservations[0]?.Instances?.[0]?.State?.Name;
  };
  await expect.poll(state, { timeout: 10_000 }).toBe("running");
  const eni = async (more: object) => {
    const made = await client.send(new CreateNetworkInterfaceCommand({ SubnetId, ...more }));
    return made.NetworkInterface?.NetworkInterfaceId;
  };
  const trunk = await eni({ InterfaceType: "trunk" });
  const branch = await eni({ Groups: [group.GroupId] });
  await client.send(
    new AttachNetworkInterfaceCommand({ NetworkInterfaceId: trunk, InstanceId, DeviceIndex: 1 }),
  );
  await client.send(
    new AssociateTrunkInterfaceCommand({ BranchInterfaceId: branch, TrunkInterfaceId: trunk, VlanId: 7 }),
  );
  await expect(
    client.send(new DeleteSubnetCommand({ SubnetId: "subnet-0123456789abcdef0" })),
  ).rejects.toMatchObject({ name: "InvalidSubnetID.NotFound" });

  const page = await browse("--dump-dom");
  expect(page).toContain(String(InstanceId));
  expect(page).toContain(`${trunk} trunk 10.0.1.`);
  expect(page).toContain(`7: ${branch} database`);
  expect(page).toMatch(new RegExp(`${SubnetId}.*10\\.0\\.1\\.0/24.*>248<`));
  expect(page).toContain("InvalidSubnetID.NotFound");
  const file = join(scratch, "page.png");
  await browse(`--screenshot=${file}`);
  const [before, after] = [pictureOf(empty), pictureOf(file)];
  expect(after).toMatchObject({ width: 1200, height: 800 });
  expect(after.drawn).toBeGreaterThan(before.drawn + 40);
});
