import { defineConfig } from "vitest/config";

// One project for each kind of ground a test needs; the Makefile says which run where.
const project = (name: string, include: string[], testTimeout: number) => ({
  test: { name, include, testTimeout, hookTimeout: testTimeout },
});

function onOneKernel(name: string) {
  return {
    test: {
      ...project(name, [`test/${name}/**/*.test.ts`], 600_000).test,
      // They share one kernel and its trunk.
      fileParallelism: false,
      // An emulated processor may stall for seconds while its host is busy, and then a bounded wait ends too early.
      // What fails twice in a row fails.
      retry: 1,
    },
  };
}

export default defineConfig({
  // The guest sees the checkout read-only: nothing may be cached beside the sources.
  cacheDir: "/tmp/branchline-vite",
  test: {
    // Namespaces belong to a thread and are entered on the main one: forks, never worker threads.
    pool: "forks",
    projects: [
      // Pure: no kernel, no executable.
      project(
        "unit",
        [
          "src/**/*.test.ts",
          "cmd/**/*.test.ts",
          "test/fuzz/**/*.test.ts",
          "test/chaos/*.test.ts",
          "test/chaos/model/*.test.ts",
        ],
        5_000,
      ),
      // The executable over stdin and environment, and namespaces without VLAN devices: any Linux, as root.
      project("binary", ["test/binary/**/*.test.ts"], 60_000),
      // Need 8021q: the guest, or NATIVE=1.
      onOneKernel("kernel"),
      // The same on more than one processor, so that calls really are at the same time.
      onOneKernel("smp"),
      // The same called by containerd; the guest only.
      onOneKernel("runtime"),
      // The same; a sequence says itself what was wrong, so nothing is tried again.
      {
        test: {
          ...project("chaos", ["test/chaos/guest/**/*.test.ts"], 3_000_000).test,
          fileParallelism: false,
        },
      },
      // The virtual machine harness itself.
      project("harness", ["test/vm/**/*.test.ts"], 300_000),
    ],
  },
});
