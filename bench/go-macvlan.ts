import { cniCommand } from "./cni.ts";
import { type BenchPod, TRUNK, addressInVpc } from "./guest/sandbox.ts";
import type { Command } from "./measure.ts";

/** Debian's `macvlan` with `static`: two processes in Go that give a pod an interface with an address and a route. */
export function goMacvlan(verb: string, pod: BenchPod): Command {
  const command = cniCommand(
    "/usr/lib/cni/macvlan",
    verb,
    {
      cniVersion: "1.0.0",
      name: "bench",
      type: "macvlan",
      master: TRUNK,
      ipam: {
        type: "static",
        addresses: [{ address: addressInVpc(pod), gateway: "10.0.2.1" }],
        routes: [{ dst: "10.9.0.0/16" }],
      },
    },
    pod,
  );
  // Beside the primary's eth0, which this plugin knows nothing of.
  return { ...command, env: { ...command.env, CNI_IFNAME: "net1", CNI_PATH: "/usr/lib/cni" } };
}
