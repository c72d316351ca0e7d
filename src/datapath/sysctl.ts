/** A per-device parameter: /proc/sys/net/<family>/conf/<device>/<parameter>. */
export interface DeviceSysctl {
  readonly family: "ipv4" | "ipv6";
  readonly parameter: string;
}

/** Runtimes switch IPv6 off in namespaces that they consider IPv4-only. */
export const DISABLE_IPV6: DeviceSysctl = { family: "ipv6", parameter: "disable_ipv6" };

/** A parameter as it was found. */
export interface SysctlFact extends DeviceSysctl {
  readonly device: string;
  readonly value: string;
}

/** The key as src/sys/sysctl.ts takes it; it changes with the device's name. */
export function sysctlKey({ family, parameter }: DeviceSysctl, device: string): string {
  return `${family}/conf/${device}/${parameter}`;
}

/** The value that a device's parameter had; undefined when this kernel lacks it. */
export function factOf(
  facts: readonly SysctlFact[],
  { family, parameter }: DeviceSysctl,
  device: string,
): string | undefined {
  const isIt = (fact: SysctlFact) =>
    fact.family === family && fact.parameter === parameter && fact.device === device;
  return facts.find(isIt)?.value;
}
