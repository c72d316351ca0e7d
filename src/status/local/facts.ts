import type { Source, TrunkFact } from "../../doctor/facts.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import type { IpFamily } from "../../values/ip.ts";

/** What a node shows of its attachments, without any credentials. */

export interface NodeFacts {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What is wrong with /run/branchline; undefined for nothing. */
  readonly stateProblem: Source<string | undefined>;
  /** Why the agent's socket does not answer; undefined when it does. */
  readonly socketProblem: Source<string | undefined>;
  readonly trunk: Source<TrunkFact>;
  readonly records: Source<readonly RecordFact[]>;
  /** VLAN devices in the node's own namespace; those of direct pods are in theirs. */
  readonly devices: Source<readonly DeviceFact[]>;
  /** Where each family's rule for table local stands. */
  readonly localRules: Source<readonly LocalRuleFact[]>;
}

export interface RecordFact {
  /** In /run/branchline/attachments. */
  readonly file: string;
  readonly vlan: number;
  /** When it was written last, in milliseconds since 1970. */
  readonly writtenAt: number;
  /** Or why it cannot be read. */
  readonly record: KeptRecord | { readonly why: string };
  /** Undefined: its network namespace is gone, or it cannot be read. */
  readonly found: FoundInKernel | undefined;
}

/** A record without its steps, of which there may be megabytes. */
export type KeptRecord = Pick<
  AttachmentRecord,
  "containerId" | "ifName" | "pod" | "eniId" | "vlanId" | "addresses" | "datapath" | "mode" | "trunk"
>;

export interface FoundInKernel {
  /** A line for each difference between the record and the kernel, as CHECK says it. */
  readonly differences: readonly string[];
  readonly rules: { readonly wanted: number; readonly found: number };
}

export interface DeviceFact {
  readonly name: string;
  readonly vlan: number;
  readonly isUp: boolean;
}

export interface LocalRuleFact {
  readonly family: IpFamily;
  readonly place: "before" | "behind" | "missing";
}
