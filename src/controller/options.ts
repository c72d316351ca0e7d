import type { Budgets } from "../ec2/budget.ts";
import type { EndedCall, Ec2Port } from "../ec2/port.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { Timer } from "../sys/timer.ts";
import type { WarmSettings } from "./view.ts";
import type { LogFields, LogLevel } from "../text/log-line.ts";

/** Where the webhook is served, and where API servers find it. */
export interface WebhookOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Of its Service and its Secret. */
  readonly namespace: string;
  /** Instead of the Service: https://HOST:PORT. */
  readonly url: string | undefined;
}

/** What a controller is given: flags, and what it uses of the process. */
export interface ControllerOptions {
  readonly version: string;
  /** Of this process and no other: in the Lease, and in events. */
  readonly identity: string;
  readonly client: KubernetesClient;
  /** For what must not wait behind the requests of thousands of nodes: the Lease and the webhook. */
  readonly urgentClient: KubernetesClient;
  readonly port: Ec2Port;
  readonly budgets: Budgets;
  readonly cluster: string;
  /** Undefined: that of the first node. */
  readonly vpc: string | undefined;
  /** `eks`: AWS's controller makes trunks and branches. */
  readonly mode: "standalone" | "eks";
  /** Unless a ConfigMap says otherwise. */
  readonly cooldownMs: number;
  /** Branches without a pod, kept for the next one. */
  readonly warm: {
    /** On each node that has or had a pod with a branch. */
    readonly target: number;
    /** Of `quota` and of a subnet's free addresses, at most: from 0 to 1. */
    readonly share: number;
    /** Interfaces that the account may have in the Region. */
    readonly quota: number;
    readonly recycle: WarmSettings["recycle"];
  };
  /** Undefined: it acts without a Lease. */
  readonly lease:
    { readonly namespace: string; readonly name: string; readonly durationMs: number } | undefined;
  /** Undefined: none is served. */
  readonly webhook: WebhookOptions | undefined;
  /** The groups of living pods follow their policies. */
  readonly liveGroups: boolean;
  /** The account's quota of groups of an interface. */
  readonly groupsPerInterface: number;
  readonly refused: "evict" | "report";
  readonly escaped: "evict" | "report";
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
  readonly log: (level: LogLevel, message: string, fields?: LogFields) => void;
  /** Set by the controller; called by the port after each call. */
  readonly onCall: { ended: (call: EndedCall) => void };
}
