import type { CallOptions } from "../ec2/port.ts";
import type { Priority } from "../ec2/waiting-line.ts";
import type { PodName } from "./facts.ts";
import type { Ledger } from "./ledger.ts";
import type { Failure, Moment } from "./moment.ts";
import type { Ports } from "./ports.ts";

/**
 * One thing to do, and what is known once it is done, failed, or begun. Only `run` has effects. Each kind of action is one
 * file.
 */
export interface Action {
  /** In CamelCase, such as CreateBranch. */
  readonly kind: string;
  /** What it is about: nothing else about the same is done meanwhile. */
  readonly subject: string;
  /** A second subject, of which the same decision decides nothing else: the warm branch that a pod is given. */
  readonly takes?: string;
  /** In EC2's budget. */
  readonly priority: Priority;
  /** The pod it is about: the log names it, and the status of its namespace's policies follows. */
  readonly pod?: PodName | undefined;
  /** What else the log says. */
  readonly fields: Readonly<Record<string, string | number | undefined>>;
  begin(ledger: Ledger): Ledger;
  /** Carries it out; gives what is known then. Rejects with an Ec2CallError, a KubernetesError or the signal's reason. */
  run(ports: Ports, call: CallOptions): Promise<Learn>;
  /** Said once it is done. */
  readonly told?: Note;
  failed(ledger: Ledger, failure: Failure, moment: Moment): Ledger;
}

/** Applied to the ledger as it is when the answer comes, not as it was before. */
export type Learn = (ledger: Ledger, moment: Moment) => Ledger;

/** A line for people: an event on an object. */
export interface Note {
  readonly about: "node" | { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Of what lasts: said again only in other words. */
  readonly lasts?: true;
}

/** What there is to do now, and when to look again at the latest. */
export interface Decision {
  readonly actions: readonly Action[];
  readonly notes: readonly Note[];
  /** In the moment's time; undefined: when something changes. */
  readonly wakeAt: number | undefined;
}
