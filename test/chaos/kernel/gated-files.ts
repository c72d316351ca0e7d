import { writeFileSync } from "node:fs";
import { removeFile as remove, writeFileAtomic as write } from "../../../src/sys/files.ts";
import { sysctlGate } from "../../kernel/faults/gate.ts";

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
