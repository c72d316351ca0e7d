import type { Command } from "./measure.ts";

/** One call of a plugin, as a runtime makes it. */
export function cniCommand(
  plugin: string,
  verb: string,
  config: object,
  sandbox: { containerId?: string; netns?: string } = {},
): Command {
  return {
    argv: [plugin],
    env: {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: sandbox.containerId ?? "bench",
      CNI_NETNS: sandbox.netns ?? "/run/netns/bench",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=bench;K8S_POD_UID=bench",
    },
    stdin: JSON.stringify(config),
  };
}
