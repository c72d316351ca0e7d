// ADD stopped in the middle: the VLAN device is made, and nothing that leads to it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { eventually, type Branch } from "../../ground/index.ts";
import type { KubeNode } from "./node.ts";
import type { Pod } from "./pods.ts";

/** The first sysctl written once the VLAN device is there: the device is the pod's eth0, or one on the node. */
function sysctlsMidway({ vlanId }: Branch): string[] {
  return ["/proc/sys/net/ipv4/conf/eth0/rp_filter", `/proc/sys/net/ipv6/conf/vlan.eth.${vlanId}/accept_ra`];
}

/**
 * Makes each ADD of these branches stop (SIGSTOP) midway until disposed of. strace runs as the plugin's grandchild (-D):
 * the runtime's child is the plugin itself.
 */
export function haltMidway(node: KubeNode, branches: readonly Branch[]): Disposable {
  const paths = [...new Set(branches.flatMap(sysctlsMidway))].flatMap((file) => ["-P", file]);
  return node.plugins.fault(
    "branchline",
    "ADD",
    `become strace -D -f -qq -o "$here/.calls/$uid.trace" ${paths.join(" ")} \\
  -e trace=write -e inject=write:signal=STOP:when=1`,
  );
}

/** Waits until the pod's ADD has stopped; gives the plugin's process id. */
export function halted(node: KubeNode, pod: Pod): Promise<number> {
  const trace = path.join(node.containerd.places.plugins, ".calls", `${pod.uid}.trace`);
  return eventually(
    `ADD of ${pod.name} stopped midway`,
    () => (textOf(trace).includes("stopped by SIGSTOP") ? pidOfAdd(node, pod) : undefined),
    120_000,
  );
}

/** The process of the pod's last ADD of branchline, once it was called. */
export function pidOfAdd(node: KubeNode, pod: Pod): number | undefined {
  return node.plugins
    .calls(pod.uid)
    .findLast(({ plugin, command }) => plugin === "branchline" && command === "ADD")?.pid;
}

/** Waits until a process has ended, whoever waits for it. */
export async function ended(pid: number): Promise<void> {
  await eventually(
    `process ${pid} ended`,
    () => (/^State:\s+[^Z]/m.test(textOf(`/proc/${pid}/status`)) ? undefined : true),
    60_000,
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
