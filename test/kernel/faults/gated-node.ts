// A node whose every change passes a gate.
import { AttachmentStore } from "../../../src/state/store.ts";
import { systemClock } from "../../../src/sys/clock.ts";
import { type Gate, useGate } from "./gate.ts";

/** The records of a process that may die. */
class GatedStore extends AttachmentStore {
  readonly #gate: Gate;

  constructor(directory: string, gate: Gate) {
    super(directory, systemClock);
    this.#gate = gate;
  }

  override write(...args: Parameters<AttachmentStore["write"]>): void {
    this.#gate.change();
    super.write(...args);
  }

  override remove(...args: Parameters<AttachmentStore["remove"]>): void {
    this.#gate.change();
    super.remove(...args);
  }
}

/** A node whose every change passes the gate. One call at a time: sysctls know one gate only. */
export function gatedNode(stateDirectory: string, gate: Gate) {
  useGate(gate);
  return {
    store: new GatedStore(stateDirectory, gate),
    clock: systemClock,
    openTransport: gate.openTransport,
  };
}
