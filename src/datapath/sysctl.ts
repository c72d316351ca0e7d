/** A parameter that every device has of its own: /proc/sys/net/<family>/conf/<device>/<parameter>. */
export interface DeviceSysctl {
  readonly family: "ipv4" | "ipv6";
  readonly parameter: string;
}

/** The key as src/sys/sysctl.ts takes it; it changes with the device's name. */
export function sysctlKey({ family, parameter }: DeviceSysctl, device: string): string {
  return `${family}/conf/${device}/${parameter}`;
}

export function sameSysctl(a: DeviceSysctl, b: DeviceSysctl): boolean {
  return a.family === b.family && a.parameter === b.parameter;
}
