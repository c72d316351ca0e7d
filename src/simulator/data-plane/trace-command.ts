import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { canonicalIp, familyOf } from "../../values/ip.ts";
import type { IpFamily } from "../../values/ip.ts";
import { refuse } from "../refuse.ts";
import { execute, listNamespaces, shell } from "./execute.ts";
import { nft } from "./script.ts";
import { TraceReader } from "./trace.ts";

const USAGE = `branchline simulate trace: follows packets through the groups of a simulated VPC (root; simulate --data-plane)

  --from ADDRESS, --to ADDRESS     only packets from there, or to there
  --protocol tcp|udp|icmp|icmpv6   only of this protocol
  --port N                         only to this port
  --count N                        ends after so many packets (10)
  --seconds N                      ends after so long (60)
  --namespace-prefix NAME          as for simulate (sim)
`;

/** What is never forwarded. */
const NOT_MULTICAST = "ip daddr 224.0.0.0/3 return; ip6 daddr ff00::/8 return;";

/** Gives the exit status: 0, 1 when no packet came, 2 for arguments that cannot be used. */
export async function trace(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options.help === true) {
      process.stdout.write(USAGE);
      return 0;
    }
    const namespaces = await vpcNamespaces(options["namespace-prefix"]);
    const bound = { count: options.count, milliseconds: options.seconds * 1000 };
    return (await follow(namespaces, options.match, bound)) > 0 ? 0 : 1;
  } catch (error) {
    return refuse("simulate trace", error);
  }
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: "string" },
      to: { type: "string" },
      protocol: { type: "string" },
      port: { type: "string" },
      count: { type: "string", default: "10" },
      seconds: { type: "string", default: "60" },
      "namespace-prefix": { type: "string", default: "sim" },
      help: { type: "boolean" },
    },
  });
  const { protocol, port } = values;
  if (protocol !== undefined && !["tcp", "udp", "icmp", "icmpv6"].includes(protocol))
    throw new TypeError(`--protocol is tcp, udp, icmp or icmpv6, not "${protocol}"`);
  const ends = [readAddress("--from", values.from), readAddress("--to", values.to)] as const;
  const families = new Set([...ends.flatMap((one) => one ?? []).map(familyOf), ...familyOfIcmp(protocol)]);
  if (families.size > 1)
    throw new TypeError("IPv4 and IPv6 together are no packet: --from, --to, --protocol");
  if (port !== undefined && protocol?.startsWith("icmp") === true)
    throw new TypeError(`${protocol} has no ports: --port ${port}`);
  const match = [
    ...addressMatch("saddr", ends[0]),
    ...addressMatch("daddr", ends[1]),
    ...(protocol === undefined ? [] : [`meta l4proto ${protocol === "icmpv6" ? "ipv6-icmp" : protocol}`]),
    ...(port === undefined ? [] : [`th dport ${numberOf("--port", port, 65_535)}`]),
  ].join(" ");
  return {
    ...values,
    match,
    count: numberOf("--count", values.count, 1_000_000),
    seconds: numberOf("--seconds", values.seconds, 86_400),
  };
}

function readAddress(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const address = canonicalIp(text);
  if (address === undefined) throw new TypeError(`${flag} is an address, not "${text}"`);
  return address;
}

function familyOfIcmp(protocol: string | undefined): IpFamily[] {
  return protocol === "icmp" ? [4] : protocol === "icmpv6" ? [6] : [];
}

function addressMatch(side: string, address: string | undefined): string[] {
  return address === undefined ? [] : [`${familyOf(address) === 4 ? "ip" : "ip6"} ${side} ${address}`];
}

function numberOf(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new TypeError(`${flag} is a number from 1 to ${most}, not "${text}"`);
  return value;
}

async function vpcNamespaces(prefix: string): Promise<string[]> {
  const names = (await listNamespaces()).filter((name) => name.startsWith(`${prefix}-vpc-`));
  if (names.length === 0)
    throw new TypeError(
      `there is no namespace ${prefix}-vpc-…: is branchline simulate --data-plane running?`,
    );
  return names;
}

/** Shows packets of all VPCs until one of the bounds is reached; gives how many. */
async function follow(
  namespaces: readonly string[],
  match: string,
  { count, milliseconds }: { readonly count: number; readonly milliseconds: number },
): Promise<number> {
  const table = `trace_${process.pid}`;
  let shown = 0;
  let isOver = false;
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, milliseconds);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => enough.resolve());
  // Whoever reads has enough: head(1).
  process.stdout.once("error", () => enough.resolve());
  const show = (story: readonly string[]) => {
    if (shown >= count) return;
    process.stdout.write(`${story.join("\n")}\n`);
    shown += 1;
    if (shown >= count) enough.resolve();
  };
  const monitors = await Promise.all(
    namespaces.map(async (netns) => {
      const names = await aliasesOf(netns);
      const reader = new TraceReader(table, (device) => names.get(device) ?? device);
      const child = spawn("ip", ["netns", "exec", netns, "nft", "monitor", "trace"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      child.on("error", () => enough.resolve());
      child.on("exit", () => {
        if (isOver) return;
        process.stderr.write(`${netns} is gone: the simulator has ended or was reset\n`);
        enough.resolve();
      });
      createInterface({ input: child.stdout }).on("line", (line) => {
        const story = reader.read(line, Date.now());
        if (story !== undefined) show(story);
      });
      return { child, reader, netns };
    }),
  );
  for (const { child } of monitors) await isListening(child.pid);
  const looking = setInterval(() => {
    for (const { reader } of monitors) reader.lost(Date.now()).forEach(show);
  }, 100);
  const chain = "chain prerouting { type filter hook prerouting priority -301;";
  try {
    for (const { netns } of monitors)
      await shell(
        netns,
        nft(`table inet ${table} { ${chain} ${NOT_MULTICAST} ${match} meta nftrace set 1; }; }\n`),
      );
    process.stderr.write(`following packets in ${namespaces.join(", ")}\n`);
    await enough.promise;
  } finally {
    isOver = true;
    clearTimeout(timer);
    clearInterval(looking);
    for (const { netns, child } of monitors) {
      await shell(netns, nft(`delete table inet ${table}\n`)).catch(() => undefined);
      child.kill("SIGTERM");
    }
  }
  return shown;
}

/** Waits until the monitor has joined the kernel's group of traces; not for ever, since then packets are only missed. */
async function isListening(pid = 0): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    let sockets = "";
    try {
      sockets = readFileSync(`/proc/${pid}/net/netlink`, "utf8");
    } catch {
      // It has ended: nothing will be shown.
      return;
    }
    // sk, protocol (12: NETLINK_NETFILTER), port id, groups
    if (new RegExp(`^\\S+ +12 +${pid} +0*[1-9a-f]`, "m").test(sockets)) return;
    await sleep(20);
  }
}

/** The devices of a VPC have the ids of their interfaces as aliases. */
async function aliasesOf(netns: string): Promise<Map<string, string>> {
  const links = JSON.parse(await execute(["ip", "-n", netns, "-j", "link", "show"])) as {
    readonly ifname: string;
    readonly ifalias?: string;
  }[];
  return new Map(links.map(({ ifname, ifalias = ifname }) => [ifname, ifalias]));
}
