import { cniCommand } from "./cni.ts";
import { type Measured, type Point, measure, peakMiB } from "./measure.ts";

/** What every pod's start pays: the runtime's own start, and what the plugin adds to it. Native: no VLAN is needed. */

const PASS_THROUGH = {
  cniVersion: "1.0.0",
  name: "bench",
  enablePodENI: true,
  serviceCIDRs: [],
  pluginLogFile: "/dev/null",
  capabilities: { "io.kubernetes.cri.pod-annotations": true },
  runtimeConfig: { "io.kubernetes.cri.pod-annotations": { "app.kubernetes.io/name": "web" } },
  prevResult: {
    cniVersion: "1.0.0",
    interfaces: [{ name: "eni0" }, { name: "eth0", sandbox: "/run/netns/bench" }],
    ips: [{ address: "10.0.0.50/32", interface: 1 }],
    dns: {},
  },
};

/** `netns`: a namespace that is there, since the Go plugin opens the one it is told. */
export function startup(
  dist: string,
  node: string,
  rounds: number,
  netns: string,
): (Measured & { readonly peakMiB: number })[] {
  const points: Point[] = [
    { name: "node -e 0 (not packed)", command: () => ({ argv: [node, "-e", "0"] }) },
    { name: "floor (same runtime, packed, does nothing)", command: () => ({ argv: [`${dist}/floor`] }) },
    { name: "branchline VERSION", command: () => cniCommand(`${dist}/branchline`, "VERSION", {}) },
    {
      name: "branchline ADD, pass-through",
      command: () =>
        cniCommand(`${dist}/branchline`, "ADD", { ...PASS_THROUGH, type: "branchline" }, { netns }),
    },
    {
      name: "tuning ADD, pass-through (Go)",
      command: () => cniCommand("/usr/lib/cni/tuning", "ADD", { ...PASS_THROUGH, type: "tuning" }, { netns }),
    },
  ];
  return measure(points, rounds, 3).map((measured, i) => ({
    ...measured,
    peakMiB: peakMiB(points[i]?.command() ?? { argv: ["true"] }),
  }));
}
