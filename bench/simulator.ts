// What the simulated EC2 takes for a request, with 10,000 interfaces in it: simulator.ts DIST. Prints JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { atOnce } from "./at-once.ts";
import { cpuMs, memoryMiB } from "./process.ts";
import type { Load, Simulated } from "./results.ts";

const INTERFACES = 10_000;
const REQUESTS = 4_000;
const IN_FLIGHT = 8;

const [dist = "dist"] = process.argv.slice(2);
const child = spawn(`${dist}/branchline`, ["simulate", "--no-throttling"], {
  stdio: ["ignore", "pipe", "ignore"],
});
const pid = child.pid ?? 0;
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });

async function post(url: string, body: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sent = request(url, { method: "POST", agent }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    response.on("end", () => {
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(`${body}: ${response.statusCode}: ${text}`));
    });
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** Measures work that gives how many requests it was. */
async function measure(name: string, work: () => Promise<number>): Promise<Load> {
  const [begun, cpu] = [performance.now(), cpuMs(pid)];
  const requests = await work();
  const seconds = (performance.now() - begun) / 1000;
  return {
    name,
    requests,
    aSecond: Math.round(requests / seconds),
    cpuMs: Math.round(((cpuMs(pid) - cpu) / requests) * 1000) / 1000,
  };
}

/** Measures so many requests, some of them in flight at once. */
function measureEach(name: string, count: number, one: (i: number) => Promise<unknown>): Promise<Load> {
  return measure(name, async () => {
    await atOnce(count, IN_FLIGHT, one);
    return count;
  });
}

try {
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { ec2, control } = JSON.parse(line) as { ec2: string; control: string };
  await post(`${control}/settings`, JSON.stringify({ quotas: { interfaces: 20_000 } }));
  const call = (action: string, parameters: string) =>
    post(ec2, `Action=${action}&Version=2016-11-15${parameters}`);
  const idIn = (text: string, name: string) => new RegExp(`<${name}>([^<]+)`).exec(text)?.[1] ?? "";
  const vpc = idIn(await call("CreateVpc", "&CidrBlock=10.0.0.0/16"), "vpcId");
  const subnet = idIn(await call("CreateSubnet", `&VpcId=${vpc}&CidrBlock=10.0.0.0/16`), "subnetId");
  const trunks: string[] = [];
  for (let i = 0; i < REQUESTS / 100; i++)
    trunks.push(
      idIn(
        await call("CreateNetworkInterface", `&SubnetId=${subnet}&InterfaceType=trunk`),
        "networkInterfaceId",
      ),
    );
  const enis: string[] = [];
  const associations: string[] = [];
  const loads = [
    await measureEach("CreateNetworkInterface", INTERFACES - trunks.length, async (i) => {
      const text = await call("CreateNetworkInterface", `&SubnetId=${subnet}&ClientToken=token-${i}`);
      enis.push(idIn(text, "networkInterfaceId"));
    }),
    await measureEach("AssociateTrunkInterface", REQUESTS, async (i) => {
      const text = await call(
        "AssociateTrunkInterface",
        `&BranchInterfaceId=${enis[i]}&TrunkInterfaceId=${trunks[i % trunks.length]}&VlanId=${Math.floor(i / trunks.length) + 1}`,
      );
      associations.push(idIn(text, "associationId"));
    }),
    await measureEach("DescribeNetworkInterfaces of one", REQUESTS, (i) =>
      call("DescribeNetworkInterfaces", `&NetworkInterfaceId.1=${enis[i]}`),
    ),
    await measureEach("ModifyNetworkInterfaceAttribute", REQUESTS, (i) =>
      call("ModifyNetworkInterfaceAttribute", `&NetworkInterfaceId=${enis[i]}&Description.Value=${i}`),
    ),
    await measureEach("DisassociateTrunkInterface", REQUESTS, (i) =>
      call("DisassociateTrunkInterface", `&AssociationId=${associations[i]}`),
    ),
    await measure("DescribeNetworkInterfaces, pages of 1000", async () => {
      let [token, shown, pages] = ["", 0, 0];
      do {
        const text = await call(
          "DescribeNetworkInterfaces",
          `&MaxResults=1000${token === "" ? "" : `&NextToken=${encodeURIComponent(token)}`}`,
        );
        token = idIn(text, "nextToken");
        shown += text.match(/<networkInterfaceId>/g)?.length ?? 0;
        pages += 1;
      } while (token !== "");
      if (shown < INTERFACES) throw new Error(`${shown} interfaces in the pages, not ${INTERFACES}`);
      return pages;
    }),
    await measureEach("DeleteNetworkInterface", REQUESTS, (i) =>
      call("DeleteNetworkInterface", `&NetworkInterfaceId=${enis[i]}`),
    ),
  ];
  const result: Simulated = {
    loads,
    interfaces: INTERFACES,
    peakMiB: memoryMiB(pid, "VmHWM"),
  };
  process.stdout.write(JSON.stringify(result));
} finally {
  agent.destroy();
  child.kill("SIGKILL");
}
