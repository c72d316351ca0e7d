import { readSysctl, writeSysctl as write } from "../../../src/sys/sysctl.ts";
import { sysctlGate } from "../../kernel/faults/gate.ts";

export { readSysctl };

export function writeSysctl(key: string, value: string): boolean {
  return sysctlGate().writeSysctl(key, () => write(key, value));
}
