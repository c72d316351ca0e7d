import type { Measured } from "./measure.ts";
import type { Results, Setting, WithoutBranch } from "./results.ts";
import { type Figures, ratio } from "./stats.ts";

/** The results as the tables of docs/performance.md. */
export function tablesOf(results: Results): string {
  const { native, simulator, agent, controller, status, guest } = results;
  const [first] = guest.scaled;
  const [direct, routed] = guest.moved;
  return [
    `native: ${settingOf(native)}\nsimulator: ${settingOf(simulator)}\nguest: ${settingOf(guest)}`,
    "### Start-up, native",
    table(
      [...PROCESS, "peak MiB"],
      processRows(native.startup).map((row, i) => [...row, String(native.startup[i]?.peakMiB)]),
    ),
    "### ADD with a branch, native, macvlan in place of the VLAN device",
    table(PROCESS, processRows(native.branch)),
    "### 30 at once, native, macvlan",
    table(
      ["", "wall ms: median", "min", "p90", "× Go's", "slowest ms", "memory MiB"],
      native.together.map(({ name, wallMs, wallRatio, slowestMs, memoryMiB }) => [
        name,
        ...spread(wallMs),
        ...[wallRatio, slowestMs.median, memoryMiB.median].map(String),
      ]),
    ),
    "### ADD and DEL without process start, native, macvlan",
    table(
      ["", "µs: median", "min", "p90"],
      [
        ["ours", ...spread(native.netlink.oursUs)],
        ["ip -batch", ...spread(native.netlink.ipBatchUs)],
        ["ours / ip -batch", String(ratio(native.netlink.oursUs, native.netlink.ipBatchUs)), "", ""],
      ],
    ),
    `### The simulated EC2 with ${simulator.interfaces} interfaces, peak ${simulator.peakMiB} MiB`,
    table(
      ["", "requests", "a second", "CPU ms for one"],
      simulator.loads.map(({ name, requests, aSecond, cpuMs }) => [
        name,
        ...[requests, aSecond, cpuMs].map(String),
      ]),
    ),
    ...(agent === undefined ? [] : agentTables(agent)),
    ...(controller === undefined ? [] : controllerTables(controller)),
    ...(status === undefined ? [] : statusTables(status)),
    `### ADD and DEL, whole processes, guest (${guest.kernel}, software emulation)`,
    table(PROCESS, processRows(guest.attached)),
    "### 30 at once, guest",
    table(
      ["", "calls", "wall ms", "× floor", "slowest ms", "memory MiB"],
      guest.together.map(({ name, calls, wallMs, slowestMs, memoryMiB }) => [
        name,
        String(calls),
        String(wallMs),
        String(Math.round((wallMs / (guest.together[0]?.wallMs ?? wallMs)) * 100) / 100),
        String(slowestMs),
        String(memoryMiB),
      ]),
    ),
    "### What a call asks of the kernel (strace, main thread, from the first byte of stdin)",
    table(
      ["", "system calls", "netlink: sent", "received", "setns", "files"],
      guest.traced.map(({ name, all, netlinkSent, netlinkReceived, setns, files }) => [
        name,
        ...[all, netlinkSent, netlinkReceived, setns, files].map(String),
      ]),
    ),
    "### Pods on the trunk, guest, in process",
    table(
      ["pods", "ADD ms: median", "min", "p90", "× one pod", "DEL ms: median", "min", "p90"],
      guest.scaled.map(({ pods, addMs, delMs }) => [
        String(pods),
        ...spread(addMs),
        String(ratio(addMs, first?.addMs ?? addMs)),
        ...spread(delMs),
      ]),
    ),
    "### Traffic, guest",
    table(
      ["", "direct", "routed", "direct / routed"],
      direct === undefined || routed === undefined
        ? []
        : (
            [
              ["TCP, Gbit/s", "tcp"],
              ["TCP, 536-byte segments, Mbit/s", "tcpSmall"],
              ["UDP, 64 bytes, thousand packets/s", "udpKpps"],
              ["CPU, µs a packet", "cpuUsPerPacket"],
              ["latency, median, µs", "latencyMedianUs"],
              ["latency, 99 %, µs", "latency99Us"],
            ] as const
          ).map(([name, key]) => [
            name,
            String(direct[key].median),
            String(routed[key].median),
            String(ratio(direct[key], routed[key])),
          ]),
    ),
  ].join("\n\n");
}

function settingOf({ machine, date, rounds }: Setting): string {
  const { cpu, cores, memoryGiB, kernel, node } = machine;
  return `${date}, ${cpu}, ${cores} cores, ${memoryGiB} GiB, kernel ${kernel}, Node ${node}, ${rounds} rounds`;
}

const PROCESS = ["", "wall ms: median", "min", "p90", "× floor", "CPU ms: median", "min", "ms over floor"];

function processRows(measured: readonly Measured[]): string[][] {
  return measured.map(({ name, wallMs, cpuMs, compared }) => [
    name,
    ...spread(wallMs),
    String(compared.wallRatio),
    String(cpuMs.median),
    String(cpuMs.min),
    String(compared.cpuMs),
  ]);
}

function spread({ median, min, p90 }: Figures): string[] {
  return [String(median), String(min), String(p90)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function noneRows(where: string, { aheadCpuMs, first, again }: WithoutBranch): string[][] {
  return [
    [`a new pod without a branch${where}: before it is asked about, CPU ms`, String(aheadCpuMs), "", ""],
    [`… the first answer, ms (${first.cpuMs} ms of CPU)`, ...spread(first.wallMs)],
    [`… later ones, ms (${again.cpuMs} ms of CPU)`, ...spread(again.wallMs)],
  ];
}

function agentTables(agent: NonNullable<Results["agent"]>): string[] {
  return [
    `### The agent, with ${agent.pods} pods and ${agent.policies} policies (${settingOf(agent)})`,
    table(
      ["", "median", "min", "p90"],
      [
        ["from its start to ready, ms", ...spread(agent.readyMs)],
        ...noneRows("", agent.none),
        ...noneRows(`, among ${agent.noneAmong.policies} policies`, agent.noneAmong),
        [
          `annotation to answer, ${agent.waiting} waiting, ms (p99 ${agent.lateP99Ms})`,
          ...spread(agent.lateMs),
        ],
        [
          `annotation to kubelet's own try, ms (${agent.retried.failed} failed sandboxes before)`,
          ...spread(agent.retried.wokenMs),
        ],
        [
          `the same if only time woke it, ms (× ${ratio(agent.retried.byTimeMs, agent.lateMs)})`,
          ...spread(agent.retried.byTimeMs),
        ],
        ["idle, % of a core", String(agent.idleCpuPercent), "", ""],
        [`resident MiB (peak ${agent.peakMiB})`, String(agent.residentMiB), "", ""],
      ],
    ),
  ];
}

function controllerTables({
  reaction,
  burst,
  restart,
  large,
  ...setting
}: NonNullable<Results["controller"]>) {
  const rows: readonly (readonly [string, number, string])[] = [
    ["from a pod's event to CreateNetworkInterface, median, ms", reaction.medianMs, ""],
    ["the same, 99th percentile, ms", reaction.p99Ms, "50"],
    ["of it, on average: the API server's dry run, ms", reaction.proofMs, ""],
    [`${burst.pods} pods at once on ${burst.nodes} nodes, s`, burst.seconds, String(burst.allowedS * 1.1)],
    ["… × what the bucket allows", burst.ratio, "1.1"],
    ["… CPU of the controller, s", burst.cpuS, ""],
    ["… resident at most, MiB", burst.peakMiB, ""],
    ["… EC2 calls for a pod", burst.callsAPod, ""],
    [`restart with ${restart.nodes} nodes: leads after, s`, restart.leadingS, ""],
    ["… EC2 is described, s", restart.describedS, ""],
    ["… a fresh pod is annotated, s", restart.seconds, "30"],
    ["… EC2 calls", restart.calls, ""],
    [`start with ${large.nodes} nodes, ${large.pods} pods: working after, s`, large.workingS, ""],
    ["… CPU, s", large.startCpuS, ""],
    ["… EC2 calls", large.calls, ""],
    [`idle with ${large.branches} branches, % of a core`, large.idleCpuPercent, ""],
    ["… resident, MiB", large.residentMiB, "1024"],
    ["… resident at most, MiB", large.peakMiB, "1024"],
  ];
  return [
    `### The controller (${settingOf(setting)})`,
    table(
      ["", "", "bound"],
      rows.map(([what, value, bound]) => [what, String(value), bound]),
    ),
  ];
}

function statusTables({ nodes, pods, branches, podBytes, runs, ...setting }: NonNullable<Results["status"]>) {
  const mib = (bytes: number) => String(Math.round(bytes / 104_857.6) / 10);
  return [
    `### branchline status, ${nodes} nodes, ${pods} pods of ${podBytes} bytes, ${branches} branches (${settingOf(setting)})`,
    table(
      ["", "wall ms: median", "min", "p90", "CPU ms: median", "peak MiB: median", "p90", "prints MiB"],
      runs.map(({ command, wallMs, cpuMs, peakMiB, outputBytes }) => [
        command,
        ...spread(wallMs),
        String(cpuMs.median),
        String(peakMiB.median),
        String(peakMiB.p90),
        mib(outputBytes),
      ]),
    ),
  ];
}
