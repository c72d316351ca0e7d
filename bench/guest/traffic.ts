import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { TABLE } from "../../src/simulator/data-plane/base-table.ts";
import { cniCommand } from "../cni.ts";
import { run } from "../measure.ts";
import { type Figures, figuresOf } from "../stats.ts";
import { type BenchPod, VPC, branchOf, configFor, createPod, deletePod, ip } from "./sandbox.ts";

/** What a pod's packets pay: direct against routed, from the pod to a host behind the trunk. */

export interface TrafficPoint {
  readonly datapath: "direct" | "routed";
  /** Gbit/s. */
  readonly tcp: Figures;
  /** Mbit/s with segments of 536 bytes, each of which passes the devices by itself. */
  readonly tcpSmall: Figures;
  /** Thousand packets a second that arrive, of 64 bytes. */
  readonly udpKpps: Figures;
  /** CPU microseconds of the whole guest for each of those packets. */
  readonly cpuUsPerPacket: Figures;
  /** Microseconds, half a round trip as sockperf counts. */
  readonly latencyMedianUs: Figures;
  readonly latency99Us: Figures;
}

/** The router of the branch's subnet. */
const SERVER = "10.0.2.1";
const VLAN = 7;

export async function traffic(dist: string, rounds: number, seconds: number): Promise<TrafficPoint[]> {
  openVpc();
  // Bound: the router has many addresses to answer from.
  const servers = [
    inVpc("iperf3", "-s", "-B", SERVER),
    inVpc("sockperf", "server", "--tcp", "-i", SERVER, "-p", "11111"),
  ];
  const points = (["direct", "routed"] as const).map((datapath) => ({
    datapath,
    samples: {
      tcp: [],
      tcpSmall: [],
      udpKpps: [],
      cpuUsPerPacket: [],
      latencyMedianUs: [],
      latency99Us: [],
    } as Record<Exclude<keyof TrafficPoint, "datapath">, number[]>,
  }));
  try {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (let round = 0; round < rounds; round++) {
      for (const { datapath, samples } of points) {
        const pod = createPod("t", VLAN);
        run(cniCommand(`${dist}/branchline`, "ADD", configFor(pod, datapath), pod));
        samples.tcp.push(tcpGbit(pod, seconds));
        // Otherwise many segments travel as one packet, and the devices see no more of them than before.
        ip(["link set eth0 gso_max_segs 1"], `bench-${pod.name}`);
        samples.tcpSmall.push(tcpGbit(pod, seconds, "-M", "536") * 1e3);
        ip(["link set eth0 gso_max_segs 65535"], `bench-${pod.name}`);
        const { kpps, cpuUs } = udp(pod, seconds);
        samples.udpKpps.push(kpps);
        samples.cpuUsPerPacket.push(cpuUs);
        const { median, p99 } = latency(pod, seconds);
        samples.latencyMedianUs.push(median);
        samples.latency99Us.push(p99);
        run(cniCommand(`${dist}/branchline`, "DEL", configFor(pod, datapath), pod));
        deletePod(pod);
      }
    }
  } finally {
    for (const server of servers) server.kill("SIGTERM");
  }
  return points.map(({ datapath, samples }) => ({
    datapath,
    tcp: figuresOf(samples.tcp),
    tcpSmall: figuresOf(samples.tcpSmall),
    udpKpps: figuresOf(samples.udpKpps),
    cpuUsPerPacket: figuresOf(samples.cpuUsPerPacket),
    latencyMedianUs: figuresOf(samples.latencyMedianUs),
    latency99Us: figuresOf(samples.latency99Us),
  }));
}

/**
 * The server is in the VPC's own namespace, and what comes and goes by the branch passes its rules at once: the datapaths
 * are compared, not a router that counts, tracks and asks groups.
 */
function openVpc(): void {
  const { device } = branchOf(VLAN);
  const rules = `insert rule ${TABLE} prerouting iifname "${device}" notrack accept
insert rule ${TABLE} input iifname "${device}" accept
insert rule ${TABLE} postrouting oifname "${device}" accept
add chain ${TABLE} untracked { type filter hook output priority -300; oifname "${device}" notrack; }
`;
  run({ argv: ["ip", "netns", "exec", VPC, "nft", "-f", "-"], stdin: rules });
}

function inVpc(...argv: string[]): ChildProcess {
  return spawn("ip", ["netns", "exec", VPC, ...argv], { stdio: "ignore" });
}

function inPod(pod: BenchPod, ...argv: string[]): string {
  return run({ argv: ["ip", "netns", "exec", `bench-${pod.name}`, ...argv] });
}

interface IperfEnd {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number };
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
  };
}

function tcpGbit(pod: BenchPod, seconds: number, ...more: string[]): number {
  const text = inPod(pod, "iperf3", "-c", SERVER, "-t", String(seconds), "-J", ...more);
  return (JSON.parse(text) as IperfEnd).end.sum_received.bits_per_second / 1e9;
}

function udp(pod: BenchPod, seconds: number): { kpps: number; cpuUs: number } {
  const before = busyUs();
  const text = inPod(pod, "iperf3", "-c", SERVER, "-u", "-b", "0", "-l", "64", "-t", String(seconds), "-J");
  const busy = busyUs() - before;
  const { packets, lost_packets: lost, seconds: took } = (JSON.parse(text) as IperfEnd).end.sum;
  const arrived = packets - lost;
  return { kpps: arrived / took / 1e3, cpuUs: busy / arrived };
}

function latency(pod: BenchPod, seconds: number): { median: number; p99: number } {
  const text = inPod(
    pod,
    "sockperf",
    "ping-pong",
    "--tcp",
    "-i",
    SERVER,
    "-p",
    "11111",
    "-t",
    String(seconds),
    "-m",
    "64",
  );
  const percentile = (which: string) =>
    Number(new RegExp(`percentile ${which} =\\s*([\\d.]+)`).exec(text)?.[1]);
  return { median: percentile("50.000"), p99: percentile("99.000") };
}

/** CPU time of all processors that was not idle, in microseconds; a tick of /proc/stat is 10 ms. */
function busyUs(): number {
  const [, user, nice, system, , , irq, softirq] = (readFileSync("/proc/stat", "latin1").split("\n")[0] ?? "")
    .split(/\s+/)
    .map(Number);
  return [user, nice, system, irq, softirq].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) * 10_000;
}
