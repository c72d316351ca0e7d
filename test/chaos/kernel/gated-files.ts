import { writeFileSync } from "node:fs";
import {
  removeFile as remove,
  removeOwn as removeOurs,
  writeFileAtomic as write,
} from "../../../src/sys/files.ts";
import { sysctlGate } from "../../kernel/faults/gate.ts";

// What changes nothing, or nothing that is left behind, is as it was; what follows takes the place of its namesake.
export * from "../../../src/sys/files.ts";

/** Two changes: the temporary file, and its rename. A process that dies between them leaves the one, half written. */
export function writeFileAtomic(path: string, content: string, mode: number): void {
  sysctlGate().change();
  try {
    sysctlGate().change();
  } catch (dead) {
    writeFileSync(`${path}.${process.pid}.tmp`, content.slice(0, content.length / 2), { mode });
    throw dead;
  }
  write(path, content, mode);
}

export function removeFile(path: string): boolean {
  sysctlGate().change();
  return remove(path);
}

export function removeOwn(path: string): boolean {
  sysctlGate().change();
  return removeOurs(path);
}
