import type { Family } from "./pool.ts";

/**
 * What a namespace holds, a line for each thing. The model writes these lines, and so does the reader of iproute2's
 * output: a difference is a line that only one of them has.
 */

export interface LinkLine {
  readonly name: string;
  readonly kind: string;
  readonly mac: string;
  readonly up: boolean;
  /** Of a VLAN device: its parent by name in the same namespace, by `#ifindex` in another. */
  readonly vlan?: { readonly id: number; readonly on: string };
  /** Bytes. */
  readonly mtu: number;
}

export function linkLine({ name, kind, mac, up, vlan, mtu }: LinkLine): string {
  const of = vlan === undefined ? "" : ` id ${vlan.id} on ${vlan.on}`;
  return `link ${name} ${kind}${of} mac ${mac} mtu ${mtu} ${up ? "up" : "down"}`;
}

export interface AddressLine {
  readonly device: string;
  /** With its prefix length. */
  readonly address: string;
  readonly scope: string;
  /** `noprefixroute`, `nodad`, …, sorted. */
  readonly flags?: readonly string[];
}

export function addressLine({ device, address, scope, flags = [] }: AddressLine): string {
  return ["address", address, "dev", device, "scope", scope, ...flags].join(" ");
}

export interface RouteLine {
  readonly family: Family;
  readonly table: string;
  /** `unicast` unless told. */
  readonly type?: string;
  readonly to: string;
  readonly via?: string;
  readonly device?: string;
  readonly source?: string;
  readonly metric?: number;
  readonly protocol: string;
  readonly scope: string;
  /** Whatever else is said of it. */
  readonly more?: readonly string[];
}

export function routeLine(route: RouteLine): string {
  const { family, table, type = "unicast", to, protocol, scope, more = [] } = route;
  return [
    `route ${family} table ${table} ${type} ${to}`,
    ...word("via", route.via),
    ...word("dev", route.device),
    ...word("src", route.source),
    ...word("metric", route.metric),
    `proto ${protocol} scope ${scope}`,
    ...more,
  ].join(" ");
}

export interface RuleLine {
  readonly family: Family;
  readonly priority: number;
  readonly from?: string;
  readonly to?: string;
  readonly inputDevice?: string;
  readonly ipProtocol?: string;
  readonly table: string;
  /** `kernel` for those that it makes itself, otherwise `unspec`. */
  readonly protocol?: string;
  readonly more?: readonly string[];
}

export function ruleLine(rule: RuleLine): string {
  return [
    `rule ${rule.family} ${rule.priority}: from ${rule.from ?? "all"}`,
    ...word("to", rule.to),
    ...word("iif", rule.inputDevice),
    ...word("ipproto", rule.ipProtocol),
    `lookup ${rule.table}`,
    `proto ${rule.protocol ?? "unspec"}`,
    ...(rule.more ?? []),
  ].join(" ");
}

export function neighbourLine(device: string, address: string, mac: string): string {
  return `neighbour ${address} lladdr ${mac} dev ${device} permanent`;
}

export function sysctlLine(key: string, value: string): string {
  return `sysctl ${key} = ${value}`;
}

/** One rule of a table of nftables. */
export function nftablesLine(family: Family | "other", table: string): string {
  return `nftables ${family} ${table}: a rule`;
}

function word(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${name} ${value}`];
}

/** What must be there, and what may be. */
export interface Lines {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** What is wrong with what was seen: `- …` is missing, `+ …` should not be there. */
export function differences({ required, optional }: Lines, seen: readonly string[]): string[] {
  const left = counted(seen);
  const missing = required.filter((line) => !take(left, line));
  for (const line of optional) take(left, line);
  return [
    ...missing.map((line) => `- ${line}`),
    ...[...left].flatMap(([line, count]) => Array.from({ length: count }, () => `+ ${line}`)),
  ];
}

function counted(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

function take(counts: Map<string, number>, line: string): boolean {
  const count = counts.get(line) ?? 0;
  if (count > 1) counts.set(line, count - 1);
  else counts.delete(line);
  return count > 0;
}
