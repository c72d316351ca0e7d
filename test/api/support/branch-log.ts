import { COOLED_MS, type Held } from "./branch-watch.ts";

interface Line {
  readonly msg: string;
  readonly action?: string;
  readonly message?: string;
  readonly kind?: string;
  readonly id?: string;
  /** The trunk of a branch. */
  readonly of?: string;
  readonly vlan?: number;
}

/** Reads the simulator's log: what EC2 had, whatever the controller says of it, and what must not have been. */
export class BranchLog {
  readonly faults: string[] = [];
  /** How often each action was called, however it was answered. */
  readonly calls = new Map<string, number>();
  /** Associations that EC2 has refused because another branch was on the VLAN id. */
  refused = 0;
  /** When an interface was last given groups. */
  readonly groupsChanged = new Map<string, number>();
  /** Which branch is on a trunk's VLAN id. */
  private readonly on = new Map<string, string>();
  private readonly podOf: (eni: string) => Held | undefined;

  /** `podOf`: whose an ENI is by an annotation; undefined: nobody's, or its node is gone. */
  constructor(podOf: (eni: string) => Held | undefined) {
    this.podOf = podOf;
  }

  hear(text: string): void {
    const line = JSON.parse(text) as Line;
    if (line.msg === "call") this.called(line);
    else if (line.msg === "effect") this.changed(line);
  }

  private called({ action = "", message = "" }: Line): void {
    this.calls.set(action, (this.calls.get(action) ?? 0) + 1);
    if (/^VLAN id \d+ is in use/.test(message)) this.refused += 1;
  }

  private changed({ kind, id = "", of = "", vlan = 0 }: Line): void {
    const slot = `VLAN id ${vlan} of ${of}`;
    if (kind === "branch-associated") {
      const other = this.on.get(slot);
      if (other !== undefined) this.faults.push(`${id} and ${other} were both on ${slot}`);
      this.on.set(slot, id);
    } else if (kind === "groups-changed") {
      this.groupsChanged.set(id, Date.now());
    } else if (kind === "branch-disassociated") {
      this.on.delete(slot);
      this.released(id, `taken off ${slot}`);
    } else if (kind === "interface-deleted") this.released(id, "deleted");
  }

  private released(eni: string, how: string): void {
    const pod = this.podOf(eni);
    if (pod === undefined) return;
    if (pod.ended === undefined) this.faults.push(`${eni} was ${how} while ${pod.pod} ${pod.uid} was living`);
    else if (Date.now() - pod.ended < COOLED_MS)
      this.faults.push(
        `${eni} was ${how} ${Date.now() - pod.ended} ms after ${pod.pod} ${pod.uid} had ended`,
      );
  }
}
