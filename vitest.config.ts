import path from "node:path";
import { defineConfig, type Plugin } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { isRenamed, sourceOf } from "./test/ground/macvlan/facade.ts";

// One project for each kind of ground a test needs; the Makefile says which run where.
const project = (name: string, include: string[], testTimeout: number) => ({
  test: {
    name,
    include,
    testTimeout,
    hookTimeout: testTimeout,
    // Vitest's one second is less than a busy machine may take.
    expect: { poll: { timeout: 20_000 } },
  },
});

/** They mostly wait: for servers to start, for leases and cooldowns to end. Both projects run side by side. */
const WITH_API_SERVERS = { maxWorkers: 4, sequence: { groupOrder: 2 } };

/** Vitest takes projects by their names; what takes minutes begins first, so that others are done beside it. */
class MinutesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const groupOf = ({ project: { config } }: TestSpecification) => config.sequence.groupOrder;
    const isShort = ({ project: { name } }: TestSpecification) => Number(name !== "controlled");
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => groupOf(a) - groupOf(b) || isShort(a) - isShort(b));
  }
}

function onOneKernel(name: string) {
  return {
    test: {
      ...project(name, [`test/${name}/**/*.test.ts`], 600_000).test,
      // They share one kernel and its trunk.
      fileParallelism: false,
    },
  };
}

/** Between the plugin and the kernel: macvlans for VLAN devices, on a kernel without 8021q. */
const macvlan: Plugin = {
  name: "macvlan",
  enforce: "pre",
  // Vite names what is below its root from there.
  resolveId: (source) =>
    [source, path.join(import.meta.dirname, source)].find((candidate) => isRenamed(candidate)),
  load: (id) => sourceOf(id),
};

export default defineConfig({
  // The guest sees the checkout read-only: nothing may be cached beside the sources.
  cacheDir: "/tmp/branchline-vite",
  test: {
    // Namespaces belong to a thread and are entered on the main one: forks, never worker threads.
    pool: "forks",
    // Vitest leaves one core free, which on two cores is half of them.
    maxWorkers: "100%",
    sequence: { sequencer: MinutesFirst },
    tags: [
      {
        name: "vlan",
        description: "Needs real VLAN devices: not native, and in the guest by --tags-filter=vlan.",
      },
      {
        name: "slow",
        description: "Takes minutes in a guest: left out of the gate by --tags-filter=!slow.",
      },
    ],
    projects: [
      // Pure: no kernel, no executable.
      project(
        "unit",
        [
          "src/**/*.test.ts",
          "cmd/**/*.test.ts",
          "test/fuzz/**/*.test.ts",
          "test/ground/**/*.test.ts",
          "test/setup/*.test.ts",
          "test/suites/*.test.ts",
          "test/vm/!(guest).test.ts",
          "test/chaos/*.test.ts",
          "test/chaos/model/*.test.ts",
          "test/simulator/{json,table}.test.ts",
          "test/start-orders/*.test.ts",
          "test/controller/*.test.ts",
          "test/verdict/!(*worlds).test.ts",
          "test/operations/*.test.ts",
          "test/demo/*.test.ts",
        ],
        30_000,
      ),
      // The executable over stdin and environment, and namespaces without VLAN devices: any Linux, as root.
      {
        test: {
          ...project("binary", ["test/binary/**/*.test.ts"], 60_000).test,
          // They mostly wait for processes.
          maxWorkers: 3,
          // Another number of workers than `unit` has, with which the suite `fuzz` runs it.
          sequence: { groupOrder: 1 },
        },
      },
      // The running controller with an API server and an EC2 of its own: minutes.
      {
        test: {
          ...project("controlled", ["test/controlled/**/*.test.ts"], 60_000).test,
          ...WITH_API_SERVERS,
        },
      },
      // The simulator and the port to EC2 over loopback: any Linux, no root.
      project("simulator", ["test/simulator/{port,wire,command,iam,cleanup}.test.ts"], 60_000),
      // EC2's own clients against dist/branchline simulate.
      project("clients", ["test/simulator/played/**/*.test.ts"], 120_000),
      // Alerts by Prometheus' own promtool.
      project("alerts", ["test/alerts/*.test.ts"], 30_000),
      // A real API server on loopback, one for all files: any Linux.
      {
        test: {
          ...project("api", ["test/api/**/*.test.ts"], 60_000).test,
          ...WITH_API_SERVERS,
          globalSetup: "test/api/support/setup.ts",
        },
      },
      // An agent, pods by cnitool and an API server on one node: any Linux, as root, each file in namespaces of its own.
      {
        test: {
          ...project("node", ["test/node/**/*.test.ts"], 120_000).test,
          execArgv: ["--require", path.resolve("test/native/namespaces.ts")],
          env: { VLAN_STAND_IN: "macvlan" },
        },
      },
      // The verdict against real packets: any Linux, as root, in namespaces of its own and with macvlans.
      {
        test: {
          ...project("worlds", ["test/verdict/{worlds,planted-worlds}.test.ts"], 3_000_000).test,
          execArgv: ["--require", path.resolve("test/native/namespaces.ts")],
          env: { VLAN_STAND_IN: "macvlan" },
        },
      },
      // The same with real VLAN devices: the guest only.
      {
        test: {
          ...project("worlds-vlan", ["test/verdict/worlds.test.ts"], 3_000_000).test,
          fileParallelism: false,
        },
      },
      // Clusters with real kubelets: any Linux, as root, each file in namespaces of its own.
      {
        test: {
          ...project("cluster", ["test/cluster/**/*.test.ts"], 180_000).test,
          // Each has control plane and nodes of its own.
          fileParallelism: false,
          execArgv: ["--require", path.resolve("test/native/namespaces.ts")],
          env: { VLAN_STAND_IN: "macvlan" },
        },
      },
      // The demo on a cluster: the same.
      {
        test: {
          ...project("demo", ["test/demo/played/*.test.ts"], 1_100_000).test,
          fileParallelism: false,
        },
      },
      // Need 8021q: the guest, or NATIVE=1.
      onOneKernel("kernel"),
      // Its tests but those of the tag `vlan` (--tags-filter='!vlan'), on any kernel, as root: each file in namespaces of its own.
      {
        plugins: [macvlan],
        test: {
          ...project("native", ["test/kernel/**/*.test.ts"], 60_000).test,
          // They mostly wait: for pings that shall not be answered, for processes.
          maxWorkers: 4,
          execArgv: ["--require", path.resolve("test/native/namespaces.ts")],
          env: { VLAN_STAND_IN: "macvlan" },
        },
      },
      // The same on more than one processor, so that calls really are at the same time.
      onOneKernel("smp"),
      // The same called by containerd; the guest only.
      onOneKernel("runtime"),
      // The same.
      {
        test: {
          ...project("chaos", ["test/chaos/guest/**/*.test.ts"], 3_000_000).test,
          fileParallelism: false,
        },
      },
      // dist/arm64/branchline, in QEMU.
      {
        test: {
          ...project("arm64", ["test/arm64/*.test.ts"], 600_000).test,
          fileParallelism: false,
        },
      },
      // Guests that panic, hang or never start.
      project("harness", ["test/vm/guest.test.ts"], 300_000),
    ],
  },
});
