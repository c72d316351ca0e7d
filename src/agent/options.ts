import type { KubernetesClient } from "../kubernetes/client.ts";
import type { Timer } from "../sys/timer.ts";
import type { JsonObject } from "../text/json.ts";
import type { LogFields, LogLevel } from "../text/log-line.ts";
import type { NetworkPolicyMode } from "./network-policies.ts";

/** What an agent is given: flags, and what it uses of the process. */
export interface AgentOptions {
  readonly version: string;
  readonly nodeName: string;
  readonly client: KubernetesClient;
  /** Our own executable, which becomes the plugin. */
  readonly executable: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Where the primary plugin writes its list; the same, or one that the runtime does not read. */
  readonly primaryConfDir: string;
  readonly stateDirectory: string;
  /** Whose mark says that branchline is to be uninstalled; undefined: nothing does. */
  readonly daemonSet: { readonly namespace: string; readonly name: string } | undefined;
  readonly listName: string;
  readonly primaryType: string;
  readonly entry: JsonObject;
  readonly unrequested: "refuse" | "allow";
  readonly networkPolicies: NetworkPolicyMode;
  readonly trunkInterface: string | undefined;
  readonly trunkMac: string | undefined;
  /** Of aws-node's introspection and instance metadata; absent: the usual ones. */
  readonly introspection?: string | undefined;
  readonly metadata?: string | undefined;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
  readonly log: (level: LogLevel, message: string, fields?: LogFields) => void;
}
