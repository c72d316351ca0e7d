import { type DatapathName, type EnforcingMode, isDatapath } from "../datapath/datapath.ts";
import type { Operation, Step } from "../datapath/operation.ts";
import type { Rule } from "../netlink/route/rule.ts";

/**
 * What is attached to which pod. Written before the first change to the kernel, so that DEL, GC and the next ADD know
 * what may exist and how to undo it, even if the process is killed.
 */

/** Increased when a field changes its meaning. Records of other versions are rejected, not guessed at. */
export const RECORD_VERSION = 1;

export interface AttachmentRecord {
  readonly version: typeof RECORD_VERSION;
  readonly containerId: string;
  /** The pod's interface (CNI_IFNAME). */
  readonly ifName: string;
  /** The network's name: a GC call concerns one network only. */
  readonly network: string;
  readonly pod: PodIdentity;
  readonly eniId: string;
  readonly mac: string;
  readonly vlanId: number;
  readonly addresses: readonly string[];
  readonly namespace: {
    readonly path: string;
    readonly identity: string;
    /** ifindex of the node's end of the pod's veth; the kernel does not soon reuse one. */
    readonly veth?: number;
  };
  readonly datapath: DatapathName;
  readonly mode: EnforcingMode;
  readonly trunk: { readonly name: string; readonly index: number; readonly mac: string };
  /** The primary's interface, under the name that it has while the branch is attached. */
  readonly hostInterfaceName: string;
  /**
   * aws-cni's rules for the primary's addresses, and the ifindexes of the veths to which the addresses are routed. DEL
   * removes them only if aws-cni cannot.
   */
  readonly primary?: { readonly rules: readonly Rule[]; readonly veths: readonly number[] };
  readonly steps: readonly Step[];
}

/** A sandbox's pod, as far as the runtime identified it. Each retry has a new container id; the UID stays the same. */
export interface PodIdentity {
  readonly uid?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** For logs and errors: `default/web-0`. */
export function podName(pod: PodIdentity): string {
  return pod.name === undefined ? "a pod the runtime did not name" : `${pod.namespace ?? "?"}/${pod.name}`;
}

/**
 * What version 0.1.0 calls some places and kinds of an operation. The files keep its words: each version takes back what
 * the other has attached.
 */
const ON_DISK = [
  ["node", "host"],
  ["dad", "unique"],
] as const;

const TO_DISK = new Map<unknown, string>(ON_DISK);
const FROM_DISK = new Map<unknown, string>(ON_DISK.map(([here, onDisk]) => [onDisk, here]));

function translated(words: ReadonlyMap<unknown, string>) {
  return (key: string, value: unknown) =>
    key === "at" || key === "kind" ? (words.get(value) ?? value) : value;
}

/** The record as it stands in its file. */
export function formatRecord(record: AttachmentRecord): string {
  return JSON.stringify(record, translated(TO_DISK));
}

/** Parses a record; undefined if the text is not a record of this version. */
export function parseRecord(text: string): AttachmentRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text, translated(FROM_DISK));
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

/**
 * Only we can write the file (0600 in a 0700 directory), so we check the shape that later code relies on, not every
 * value.
 */
function isRecord(value: unknown): value is AttachmentRecord {
  if (!isObject(value)) return false;
  const { namespace, pod, trunk, addresses, steps } = value;
  return (
    value["version"] === RECORD_VERSION &&
    has(value, ["containerId", "ifName", "network", "eniId", "mac", "hostInterfaceName"], ["vlanId"]) &&
    isDatapath(value["datapath"]) &&
    ["standard", "strict"].includes(String(value["mode"])) &&
    isObject(namespace) &&
    has(namespace, ["path", "identity"]) &&
    (namespace["veth"] === undefined || typeof namespace["veth"] === "number") &&
    isObject(pod) &&
    mayHave(pod, ["uid", "namespace", "name"]) &&
    isObject(trunk) &&
    has(trunk, ["name", "mac"], ["index"]) &&
    Array.isArray(addresses) &&
    addresses.every((address) => typeof address === "string") &&
    isPrimary(value["primary"]) &&
    Array.isArray(steps) &&
    steps.every(isStep)
  );
}

function isPrimary(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isObject(value)) return false;
  const { rules, veths } = value;
  return (
    Array.isArray(rules) &&
    rules.every(isRule) &&
    Array.isArray(veths) &&
    veths.every((veth) => typeof veth === "string" || typeof veth === "number")
  );
}

function isStep(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { do: operation, undo } = value;
  return isOperation(operation) && Array.isArray(undo) && undo.every(isOperation);
}

type Fields = Record<string, unknown>;

/** For each kind of operation, whether it has all fields that are read. */
const SHAPES: Readonly<Record<Operation["kind"], (operation: Fields) => boolean>> = {
  vlan: ({ vlan }) => isObject(vlan) && has(vlan, ["name", "mac"], ["vlanId", "mtu", "trunk"]),
  link: ({ device }) => isDevice(device),
  address: ({ device, address }) =>
    isDevice(device) && isObject(address) && has(address, ["address"], ["prefixLength"]),
  route: ({ device, route }) =>
    (device === undefined || isDevice(device)) &&
    isObject(route) &&
    has(route, ["destination"], ["family", "length", "table"]) &&
    mayHave(route, ["gateway", "source"]),
  rule: ({ rule }) => isRule(rule),
  neighbour: ({ device, neighbour }) =>
    isDevice(device) && isObject(neighbour) && has(neighbour, ["address", "mac"]),
  hairpin: (operation) =>
    has(operation, ["table"], ["family"]) && (operation["absent"] === true || has(operation, ["from", "to"])),
  dad: (operation) => isDevice(operation["device"]) && has(operation, ["address"]),
  sysctl: (operation) => has(operation, ["key", "value"]),
};

function isOperation(value: unknown): boolean {
  if (!isObject(value) || (value["at"] !== "node" && value["at"] !== "pod")) return false;
  const { kind } = value;
  if (typeof kind !== "string" || !Object.hasOwn(SHAPES, kind)) return false;
  return SHAPES[kind as Operation["kind"]](value);
}

function isRule(rule: unknown): boolean {
  return (
    isObject(rule) &&
    has(rule, [], ["family", "priority", "table"]) &&
    mayHave(rule, ["inputDevice"]) &&
    [rule["from"], rule["to"]].every((prefix) => prefix === undefined || isPrefix(prefix))
  );
}

function isPrefix(value: unknown): boolean {
  return isObject(value) && has(value, ["address"], ["length"]);
}

function isDevice(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function has(value: Fields, texts: readonly string[], numbers: readonly string[] = []): boolean {
  return (
    texts.every((key) => typeof value[key] === "string") &&
    numbers.every((key) => typeof value[key] === "number")
  );
}

function mayHave(value: Fields, texts: readonly string[]): boolean {
  return texts.every((key) => value[key] === undefined || typeof value[key] === "string");
}
