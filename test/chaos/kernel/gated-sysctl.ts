import { writeSysctl as write } from "../../../src/sys/sysctl.ts";
import { sysctlGate } from "../../kernel/faults/gate.ts";

// Reading is as it was; what follows takes the place of its namesake.
export * from "../../../src/sys/sysctl.ts";

export function writeSysctl(key: string, value: string): boolean {
  return sysctlGate().writeSysctl(key, () => write(key, value));
}
