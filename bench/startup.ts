import { cniCommand } from "./cni.ts";
import { type Measured, type Point, measure, peakMiB } from "./measure.ts";

/** What every pod's start pays: the runtime's own start, and what the plugin adds to it. Native: no VLAN is needed. */

const PASS_THROUGH = {
  cniVersion: "1.0.0",
  name: "bench",
  enablePodENI: true,
  missingAnnotation: "pass",
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

export type Started = Measured & { readonly peakMiB: number };

/** Everything is compared with the first: the same runtime, packed the same way, that does nothing. */
export function startup(dist: string, node: string, rounds: number, netns: string): Started[] {
  const passThrough = (plugin: string, type: string) =>
    cniCommand(plugin, "ADD", { ...PASS_THROUGH, type }, { netns });
  const points: Point[] = [
    { name: "floor", command: () => ({ argv: [`${dist}/floor`] }) },
    { name: "floor with Node's defaults", command: () => ({ argv: [`${dist}/floor-stock`] }) },
    { name: "node -e 0 (not packed)", command: () => ({ argv: [node, "-e", "0"] }) },
    { name: "branchline VERSION", command: () => cniCommand(`${dist}/branchline`, "VERSION", {}) },
    {
      name: "branchline ADD, pass-through",
      command: () => passThrough(`${dist}/branchline`, "branchline"),
    },
    // It opens the namespace that it is told.
    { name: "tuning ADD, pass-through (Go)", command: () => passThrough("/usr/lib/cni/tuning", "tuning") },
  ];
  return measure(points, rounds, 3).map((measured, i) => ({
    ...measured,
    peakMiB: peakMiB(points[i]?.command() ?? { argv: ["true"] }),
  }));
}
