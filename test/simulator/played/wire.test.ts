// EC2's Query protocol as it is on the wire, and what a hostile client gets. No SDK in between.

import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Server, startSimulator } from "../server.ts";

let server: Server;
beforeAll(async () => {
  server = await startSimulator("--no-throttling");
});
afterAll(() => server[Symbol.asyncDispose]());

const FORM = "application/x-www-form-urlencoded; charset=utf-8";

interface Told {
  status: number;
  type: string;
  id: string;
  text: string;
}

async function post(body: string, type = FORM): Promise<Told> {
  const answer = await fetch(server.url, { method: "POST", body, headers: { "content-type": type } });
  return {
    status: answer.status,
    type: answer.headers.get("content-type") ?? "",
    id: answer.headers.get("x-amzn-requestid") ?? "",
    text: await answer.text(),
  };
}

const action = (name: string, parameters = "") => `Action=${name}&Version=2016-11-15${parameters}`;
const element = (name: string, text: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];

test("a success: root, namespace, request id in body and head", async () => {
  const { status, type, id, text } = await post(action("CreateVpc", "&CidrBlock=10.0.0.0%2F16"));
  expect(status).toBe(200);
  expect(type).toMatch(/^text\/xml/);
  expect(text).toContain('<CreateVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">');
  expect(id).not.toBe("");
  expect(element("requestId", text)).toBe(id);
  expect(element("cidrBlock", text)).toBe("10.0.0.0/16");
});

test("an operation without output answers return true", async () => {
  const vpc = element("vpcId", (await post(action("CreateVpc", "&CidrBlock=10.0.0.0%2F16"))).text) ?? "";
  expect(element("return", (await post(action("DeleteVpc", `&VpcId=${vpc}`))).text)).toBe("true");
});

test("a refusal: code, message, request id in body and head", async () => {
  const { status, type, id, text } = await post(action("DescribeVpcs", "&VpcId.1=vpc-0123456789abcdef0"));
  expect(status).toBe(400);
  expect(type).toMatch(/^text\/xml/);
  expect(text).toMatch(
    /<Response><Errors><Error><Code>InvalidVpcID.NotFound<\/Code><Message>[^<]+<\/Message>/,
  );
  expect(id).not.toBe("");
  expect(element("RequestID", text)).toBe(id);
});

test("what a client sent comes back escaped", async () => {
  const { text } = await post(action("CreateNetworkInterface", "&SubnetId=%3Cb%3E%26%22"));
  expect(text).not.toContain("<b>");
});

test("head and body come in one write", async () => {
  const { hostname, port } = new URL(server.url);
  const body = action("DescribeRegions");
  for (let time = 0; time < 20; time += 1) {
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST / HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const [first] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(first.toString()).toMatch(/^HTTP\/1.1 200 /);
    expect(first.toString()).toMatch(/<\/DescribeRegionsResponse>\s*$/);
  }
});

describe("hostile input gets an error of EC2", () => {
  const cases: [what: string, body: string, type: string, code: RegExp][] = [
    ["an unknown action", action("DeleteEverything"), FORM, /^InvalidAction$/],
    ["no action", "Version=2016-11-15", FORM, /^(MissingAction|MissingParameter|InvalidAction)$/],
    ["nothing", "", FORM, /^(MissingAction|MissingParameter|InvalidAction)$/],
    ["JSON", '{"Action":"DescribeVpcs"}', "application/json", /./],
    ["broken percent signs", "Action=%ZZ&Version=2016-11-15", FORM, /./],
    ["an action called like a property", action("__proto__"), FORM, /^InvalidAction$/],
    ["another such", action("constructor"), FORM, /^InvalidAction$/],
    [
      "text for a number",
      action("DescribeVpcs", "&MaxResults=many"),
      FORM,
      /^(InvalidParameterValue|MalformedQuery)/,
    ],
    [
      "text for a boolean",
      action("DescribeVpcs", "&DryRun=perhaps"),
      FORM,
      /^(InvalidParameterValue|MalformedQuery)/,
    ],
    ["5 MB", action("DescribeVpcs", `&VpcId.1=${"x".repeat(5_000_000)}`), FORM, /./],
  ];
  test.each(cases)("%s", async (_, body, type, code) => {
    const { status, text } = await post(body, type);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(element("Code", text)).toMatch(code);
  });
});

test("a list with a gap, or an enormous index, takes no memory and no time", async () => {
  const begun = Date.now();
  await post(action("DescribeVpcs", "&VpcId.4000000000=vpc-0123456789abcdef0"));
  await post(action("DescribeVpcs", "&Filter.999999999.Name=vpc-id&Filter.999999999.Value.888888888=vpc-1"));
  expect(Date.now() - begun).toBeLessThan(1_000);
});

test("clients that never finish a request keep nobody waiting", async () => {
  const { hostname, port } = new URL(server.url);
  const slow = Array.from({ length: 50 }, () => connect(Number(port), hostname));
  for (const socket of slow) {
    socket.on("error", () => undefined);
    socket.write(`POST / HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 1000\r\n\r\nAct`);
  }
  await setTimeout(100);
  const begun = Date.now();
  expect((await post(action("DescribeRegions"))).status).toBe(200);
  expect(Date.now() - begun).toBeLessThan(1_000);
  for (const socket of slow) socket.destroy();
});
