// `branchline simulate` as a program: arguments, files, signals.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { startSimulator } from "./server.ts";

const executable = path.resolve(import.meta.dirname, "../../dist/branchline");
const scratch = mkdtempSync(path.join(tmpdir(), "branchline-simulate-"));
afterAll(() => rmSync(scratch, { recursive: true }));

async function run(...args: string[]): Promise<{ status: unknown; stdout: string; stderr: string }> {
  const child = spawn(executable, ["simulate", ...args], { stdio: "pipe", timeout: 20_000 });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (said[name] += text));
  const [status] = (await once(child, "close")) as [unknown];
  return { status, ...said };
}

test("prints its help and an example that it takes itself", async () => {
  expect((await run("--help")).stdout).toContain("--data-plane");
  const { stdout, status } = await run("--example");
  expect(status).toBe(0);
  const file = path.join(scratch, "world.yaml");
  writeFileSync(file, stdout);
  await using server = await startSimulator("--world", file);
  expect(await (await fetch(server.url)).text()).toContain("2 instances");
});

const broken = path.join(scratch, "broken.yaml");
writeFileSync(broken, "vpcs: 1\n");
test.each<[string, string[], RegExp]>([
  ["an unknown option", ["--speed"], /Unknown option '--speed'/],
  ["a seed that is no number", ["--seed", "x"], /--seed is a number, not "x"/],
  ["a file that is not there", ["--world", path.join(scratch, "nowhere")], /ENOENT.*nowhere/],
  ["a file that makes no sense", ["--world", broken], /broken\.yaml: "vpcs" is a list, not 1/],
  ["a policy that is none", ["--iam-policy", broken], /broken\.yaml: it is no JSON/],
  ["a policy's key without the policy", ["--iam-key", "A"], /--iam-key needs --iam-policy/],
  ["an address without a port", ["--listen", "localhost"], /"localhost" is no address and port/],
  ["a snapshot that is none", ["--snapshot", broken], /broken\.yaml: /],
  ["a prefix for namespaces with a slash", ["--data-plane", "--namespace-prefix", "a/b"], /not "a\/b"/],
  [
    "a trace's unknown protocol",
    ["trace", "--protocol", "sctp"],
    /--protocol is tcp, udp, icmp or icmpv6, not "sctp"/,
  ],
  ["a trace's bad address", ["trace", "--to", "web"], /--to is an address, not "web"/],
  ["a trace's bad port", ["trace", "--port", "70000"], /--port is a number from 1 to 65535, not "70000"/],
  [
    "a trace of two families",
    ["trace", "--from", "10.0.0.4", "--to", "fd00::1"],
    /IPv4 and IPv6 together are no packet/,
  ],
  ["a trace of ICMP's ports", ["trace", "--protocol", "icmp", "--port", "5"], /icmp has no ports/],
  [
    "a trace without a data plane",
    ["trace", "--namespace-prefix", "nobody"],
    /there is no namespace nobody-vpc-…/,
  ],
])("refuses %s in one line, with status 2", async (_, args, message) => {
  const { status, stdout, stderr } = await run(...args);
  expect(stderr).toMatch(message);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
});

test("a port that is taken is refused, and nothing stays", async () => {
  await using server = await startSimulator();
  const { status, stderr } = await run("--listen", new URL(server.url).host);
  expect(status).toBe(2);
  expect(stderr).toContain("EADDRINUSE");
});

test("a snapshot is written at SIGTERM, and read at the next start", async () => {
  const file = path.join(scratch, "snapshot.json");
  const post = (url: string, body: string) => fetch(url, { method: "POST", body });
  {
    await using server = await startSimulator("--snapshot", file);
    expect(existsSync(file)).toBe(false);
    await post(server.url, "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.7.0.0/16");
  }
  expect(readFileSync(file, "utf8")).toContain("10.7.0.0/16");
  await using server = await startSimulator("--snapshot", file);
  const reply = await post(server.url, "Action=DescribeVpcs&Version=2016-11-15");
  expect(await reply.text()).toContain("10.7.0.0/16");
});
