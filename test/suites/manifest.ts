/** Every suite of tests: what it runs, where, in which tier, and why there. */

/** `gate` is `make test`, which CI runs; `all` is `make test-all`, before a release. */
export type Tier = "gate" | "all";

/** `here`: this machine's own kernel. Otherwise a guest with Debian's kernel of that series. */
export type Place = "here" | "6.1" | "6.12";

export interface Suite {
  /** Of its report, so unique in a tier. */
  readonly name: string;
  /** Whose minutes it uses. */
  readonly part: Part;
  readonly tiers: readonly Tier[];
  readonly place: Place;
  /** Projects of vitest.config.ts. */
  readonly projects: readonly string[];
  /** Arguments for vitest: files, filters. */
  readonly args?: readonly string[];
  /** Checks that are no tests: run one after the other, and vitest is not. */
  readonly commands?: readonly (readonly string[])[];
  readonly env?: Readonly<Record<string, string>>;
  /** Processors of its guest; 1 unless given. Suites of one place and number share a boot. */
  readonly cpus?: number;
  /**
   * Its tests wait in real time for what a busy or emulated processor may delay by seconds: each may be tried twice. The
   * summary counts these, and allows few.
   */
  readonly secondTry?: true;
  /** Bound in minutes, beside another guest. */
  readonly bound: number;
  readonly why: string;
}

/** Minutes of `make test` that each part may use on two cores, with warm caches. */
export const SHARES = {
  plugin: 12,
  simulator: 2,
  controller: 3,
  agent: 3,
  cluster: 4,
  "command line": 1,
} as const;

export type Part = keyof typeof SHARES;

/** Into how many pieces the kernel suite is cut for the gate's second kernel. */
export const PIECES = 10;

const NATIVE = ["--tags-filter=!vlan"];
const VLAN = [
  "--tags-filter=vlan",
  // Named, because an emulated processor takes seconds to load a file that has none.
  ...["budget", "check", "conflict", "direct-", "netlink", "routed-state", "trunk-flap", "vpc"].map(
    (name) => `test/kernel/${name}`,
  ),
];

const WORLDS = ["test/verdict/worlds.test.ts"];

const CUTS_AND_ORDERS = ["cut-points", "start-orders"].map((name) => `test/node/${name}.test.ts`);

/** The suites, with the piece of the kernel suite (1 to PIECES) that is this commit's. */
export function suites(piece: number): readonly Suite[] {
  const all = ["all"] as const;
  const both = ["gate", "all"] as const;
  const plugin = { part: "plugin" } as const;
  const guest = ["6.1", "6.12"] as const;
  return [
    {
      ...plugin,
      name: "static",
      tiers: both,
      place: "here",
      projects: [],
      commands: [
        ["tsc", "--noEmit", "-p", "."],
        ["oxlint", "--type-aware"],
        ["prettier", "--check", "."],
        ["node", "build.mjs", "--check"],
      ],
      bound: 10,
      why: "types, lint, format, imports, the size of the plugin",
    },
    {
      ...plugin,
      name: "unit",
      tiers: both,
      place: "here",
      projects: ["unit"],
      bound: 15,
      why: "needs no kernel",
    },
    {
      ...plugin,
      name: "binary",
      tiers: both,
      place: "here",
      projects: ["binary"],
      bound: 20,
      why: "the executable, and what needs namespaces only",
    },
    {
      ...plugin,
      name: "native",
      secondTry: true,
      tiers: both,
      place: "here",
      projects: ["native"],
      args: NATIVE,
      bound: 20,
      why: "the kernel suite on this kernel, with macvlans for VLAN devices",
    },
    {
      part: "simulator",
      name: "simulator",
      tiers: both,
      place: "here",
      projects: ["simulator"],
      bound: 10,
      why: "the simulated EC2 and the port to EC2, over loopback",
    },
    {
      part: "simulator",
      name: "clients",
      tiers: all,
      place: "here",
      projects: ["clients"],
      env: { WHOLE_TABLE: "1" },
      bound: 30,
      why: "the table of requests to EC2 by the JavaScript SDK, the AWS CLI, boto3 and Go's SDK",
    },
    {
      part: "controller",
      name: "api-and-kills",
      tiers: ["gate"],
      place: "here",
      projects: ["api", "controlled"],
      // Side by side: both mostly wait.
      args: ["test/api/", "test/controlled/kills"],
      bound: 15,
      why: "the CRDs, and who may do what, on a real API server; client, agent and chart against it; the controller that leads killed 20 times under churn, half of the times in the middle of a call to EC2",
    },
    {
      part: "controller",
      name: "api",
      tiers: all,
      place: "here",
      projects: ["api"],
      bound: 10,
      why: "the CRDs, and who may do what, on a real API server; client, agent and chart against it",
    },
    {
      part: "controller",
      name: "alerts",
      tiers: all,
      place: "here",
      projects: ["alerts"],
      bound: 5,
      why: "when each alert fires and when not, by promtool; the gate knows their metrics, labels and values",
    },
    {
      part: "controller",
      name: "users",
      tiers: all,
      place: "here",
      projects: ["controlled"],
      args: ["users"],
      bound: 20,
      why: "what users of other controllers have suffered from, by the numbers of their issues",
    },
    {
      part: "controller",
      name: "fail-closed",
      tiers: all,
      place: "here",
      projects: ["controlled"],
      args: ["fail-closed", "renewals"],
      bound: 20,
      why: "policy, group, quota and CRDs that go while they are used; the webhook's certificates renewed under load",
    },
    {
      part: "controller",
      name: "kills",
      tiers: all,
      place: "here",
      projects: ["controlled"],
      args: ["kills"],
      env: { KILLS: "200" },
      bound: 45,
      why: "the controller that leads killed 200 times under churn, half of the times in the middle of a call to EC2, some of them of a release",
    },
    {
      part: "controller",
      name: "warm",
      tiers: all,
      place: "here",
      projects: ["controlled"],
      args: ["test/controlled/warm"],
      bound: 15,
      why: "branches made ahead, claimed without a call to EC2, recycled, and found by the next process",
    },
    {
      part: "controller",
      name: "kills-warm",
      tiers: all,
      place: "here",
      projects: ["controlled"],
      args: ["kills"],
      env: { KILLS: "100", WARM: "4" },
      bound: 50,
      why: "the controller that leads killed 100 times under churn, with warm and recycled branches",
    },
    {
      part: "agent",
      name: "node",
      tiers: both,
      place: "here",
      projects: ["node"],
      args: CUTS_AND_ORDERS,
      bound: 10,
      why: "agent, API server and pods on one node: the agent cut by SIGKILL at 25 points, 4 start orders, others for each commit",
    },
    {
      part: "agent",
      name: "every-cut",
      tiers: all,
      place: "here",
      projects: ["node"],
      args: CUTS_AND_ORDERS,
      env: { EVERY_CUT: "1" },
      bound: 60,
      why: "the same, with the agent cut at every operation on files and at every request, and all 12 start orders",
    },
    {
      part: "controller",
      name: "live-groups",
      secondTry: true,
      tiers: both,
      place: "here",
      projects: ["node"],
      args: ["test/node/live-groups.test.ts"],
      bound: 5,
      why: "policies and labels change under real connections in the simulator's data plane, with the running controller",
    },
    {
      part: "agent",
      name: "migration",
      tiers: all,
      place: "here",
      projects: ["node"],
      args: ["test/node/migration.test.ts"],
      bound: 10,
      why: "from aws-cni's branches to ours by the commands of docs/install.md, with helm and real controllers",
    },
    {
      part: "command line",
      name: "verdict",
      tiers: ["gate"],
      place: "here",
      projects: ["worlds"],
      args: WORLDS,
      // Those of ten commits in a row are others.
      env: { WORLDS: "50", FIRST: String((piece - 1) * 50 + 1) },
      bound: 10,
      why: "what src/verdict says of 50 random worlds, against real packets",
    },
    {
      part: "command line",
      name: "verdict-1000",
      tiers: all,
      place: "here",
      projects: ["worlds"],
      args: WORLDS,
      env: { WORLDS: "1000" },
      bound: 40,
      why: "what src/verdict says of 1,000 random worlds, against real packets",
    },
    {
      part: "command line",
      name: "verdict-planted",
      tiers: all,
      place: "here",
      projects: ["worlds"],
      args: ["test/verdict/planted-worlds.test.ts"],
      bound: 30,
      why: "planted defects of the verdict and of the simulator's data plane are found by random worlds",
    },
    {
      part: "cluster",
      name: "cluster",
      tiers: both,
      place: "here",
      projects: ["cluster"],
      args: ["test/cluster/pods.test.ts"],
      bound: 12,
      why: "two nodes with real kubelets: who gets a branch, when it starts, whom it reaches",
    },
    {
      part: "cluster",
      name: "cluster-nodes",
      tiers: all,
      place: "here",
      projects: ["cluster"],
      args: ["nodes", "strict", "up"].map((name) => `test/cluster/${name}.test.ts`),
      bound: 25,
      why: "nodes rebooted and deleted, evictions, a rolling restart of twenty pods, strict mode's probes, make cluster by what it prints",
    },
    {
      part: "cluster",
      name: "demo",
      tiers: all,
      place: "here",
      projects: ["demo"],
      bound: 75,
      why: "make demo: all as expected; with each of its breaks, the row that it is about is red",
    },
    {
      ...plugin,
      name: "vlan-6.12",
      secondTry: true,
      tiers: ["gate"],
      place: "6.12",
      projects: ["kernel"],
      args: VLAN,
      bound: 20,
      why: "what needs real VLAN ids; kernel-6.12 has it too",
    },
    {
      ...plugin,
      name: "lifecycle-6.12",
      secondTry: true,
      tiers: ["gate"],
      place: "6.12",
      projects: ["runtime"],
      args: ["test/runtime/lifecycle.test.ts", "--tags-filter=!slow"],
      bound: 15,
      why: "pods by containerd, but for thirty at once; runtime-6.12 has it too",
    },
    {
      ...plugin,
      name: "tenth-6.1",
      secondTry: true,
      tiers: ["gate"],
      place: "6.1",
      projects: ["kernel"],
      args: [`--shard=${piece}/${PIECES}`],
      bound: 20,
      why: "the oldest kernel, a tenth of the kernel suite's files, another one for each commit",
    },
    {
      ...plugin,
      name: "chaos-6.1",
      tiers: ["gate"],
      place: "6.1",
      projects: ["chaos"],
      args: ["test/chaos/guest/chaos.test.ts"],
      env: { CHAOS_ROUNDS: "150" },
      bound: 15,
      why: "a random sequence of calls, kills and accidents",
    },
    ...guest.flatMap((place): Suite[] => [
      {
        ...plugin,
        name: `kernel-${place}`,
        secondTry: true,
        tiers: all,
        place,
        projects: ["kernel"],
        bound: 60,
        why: "the kernel suite with real VLAN devices, every fault",
      },
      {
        part: "command line",
        name: `verdict-${place}`,
        tiers: all,
        place,
        projects: ["worlds-vlan"],
        env: { WORLDS: "40" },
        bound: 45,
        why: "40 random worlds with real VLAN devices",
      },
      {
        ...plugin,
        name: `runtime-${place}`,
        secondTry: true,
        tiers: all,
        place,
        projects: ["runtime"],
        bound: 45,
        why: "pods by containerd, also when something goes wrong; the agent in the chart's own container, and reboots with it",
      },
      {
        ...plugin,
        name: `thousand-${place}`,
        tiers: all,
        place,
        projects: ["chaos"],
        env: { CHAOS_ROUNDS: "1000" },
        bound: 45,
        why: "1,000 rounds of chaos, and whether it finds planted defects",
      },
      {
        ...plugin,
        name: `smp-${place}`,
        secondTry: true,
        tiers: all,
        place,
        projects: ["smp"],
        cpus: 2,
        bound: 20,
        why: "thirty calls at once on two processors",
      },
    ]),
    {
      ...plugin,
      name: "runtime-2",
      secondTry: true,
      tiers: all,
      place: "6.12",
      projects: ["runtime"],
      env: { CONTAINERD: "2" },
      bound: 55,
      why: "the pods of runtime-6.12 by containerd 2, which asks STATUS and loads no list during an ADD",
    },
    {
      ...plugin,
      name: "arm64",
      tiers: all,
      place: "here",
      projects: ["arm64"],
      bound: 40,
      why: "the executable and the image for arm64: what they are made of, and what the executable does on Debian's kernel for arm64",
    },
    ...withBun(all),
    {
      ...plugin,
      name: "fuzz",
      tiers: all,
      place: "here",
      projects: ["unit", "binary"],
      args: ["fuzz", "random-sequences", "start-orders"],
      env: { FUZZ_RUNS: "20000" },
      bound: 60,
      why: "20,000 examples a property, others each time",
    },
    {
      ...plugin,
      name: "harness",
      tiers: all,
      place: "here",
      projects: ["harness"],
      bound: 15,
      why: "the virtual machines themselves",
    },
  ];
}

/** The same tests with the second runtime's executable (docs/decisions/second-runtime.md). */
function withBun(tiers: readonly Tier[]): Suite[] {
  const bun = { part: "plugin", tiers, env: { RUNTIME: "bun" } } as const;
  return [
    {
      ...bun,
      name: "binary-bun",
      place: "here",
      projects: ["binary"],
      bound: 20,
      why: "the second runtime's executable, and what needs namespaces only",
    },
    {
      ...bun,
      name: "native-bun",
      secondTry: true,
      place: "here",
      projects: ["native"],
      args: NATIVE,
      bound: 20,
      why: "the kernel suite on this kernel with the second runtime's executable",
    },
    {
      ...bun,
      name: "vlan-bun",
      secondTry: true,
      place: "6.12",
      projects: ["kernel"],
      args: VLAN,
      bound: 30,
      why: "what needs real VLAN ids, with the second runtime's executable; native-bun has the rest of the kernel suite",
    },
    {
      ...bun,
      name: "chaos-bun",
      place: "6.12",
      projects: ["chaos"],
      args: ["test/chaos/guest/chaos.test.ts"],
      env: { ...bun.env, CHAOS_ROUNDS: "2000" },
      bound: 60,
      why: "2,000 rounds of chaos with the second runtime's executable",
    },
    {
      ...bun,
      name: "smp-bun",
      secondTry: true,
      place: "6.12",
      projects: ["smp"],
      cpus: 2,
      bound: 20,
      why: "thirty calls at once with the second runtime's executable",
    },
    {
      ...bun,
      name: "arm64-bun",
      place: "here",
      projects: ["arm64"],
      args: ["executable", "kernel"].map((name) => `test/arm64/${name}.test.ts`),
      bound: 40,
      why: "the second runtime's executable for arm64: what it is made of, and what it does on Debian's kernel for arm64",
    },
  ];
}
