/**
 * The annotation that names a pod's branch ENI. The VPC resource controller writes it; the runtime passes it with the
 * pod's other annotations. Any defect is an error: a pod that should have a branch must not start without it.
 */

import { canonicalIp, contains, familyOf, networkOf, parsePrefix } from "../values/ip.ts";
import type { IpFamily, IpPrefix } from "../values/ip.ts";
import { type Json, type JsonObject, isArray, isObject, parseJson, quote } from "../text/json.ts";
import { MAX_NESTING, isNestedTooDeep } from "../text/nesting.ts";
import { addressDefect, gatewayOf } from "./subnet.ts";
import { canonicalMac, macDefect } from "../values/mac.ts";

export const POD_ENI_ANNOTATION = "vpc.amazonaws.com/pod-eni";

/** The capability with which the runtime passes annotations (containerd since 1.5, CRI-O since 1.29). */
export const POD_ANNOTATIONS = "io.kubernetes.cri.pod-annotations";

/** A defect in a pod's annotations: the field at fault and a one-line message. src/cni reports it as code 101. */
export class AnnotationError extends Error {
  readonly field: string;

  constructor(field: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AnnotationError";
    this.field = field;
  }
}

export interface BranchAddress {
  readonly family: IpFamily;
  readonly address: string;
  /** The subnet's length for IPv4; 128 for IPv6, where even neighbours are reached through the gateway. */
  readonly prefixLength: number;
  /** The subnet as `address/length`. */
  readonly subnet: string;
  readonly gateway: string;
}

/** Identifies a branch among all branches of the node. */
export interface BranchIdentity {
  readonly eniId: string;
  readonly mac: string;
  readonly vlanId: number;
}

export interface BranchAssignment extends BranchIdentity {
  /** One or two: IPv4 before IPv6. */
  readonly addresses: readonly BranchAddress[];
}

/** An address family that the branch must have, and why: for the error if the annotation lacks it. */
export interface WantedFamily {
  readonly family: IpFamily;
  readonly because: string;
}

/** The annotation's text, or undefined if the pod has none. Empty text counts as an annotation; decodeBranch rejects it. */
export function podEniAnnotation(runtimeConfig: Json | undefined): string | undefined {
  if (runtimeConfig === undefined || runtimeConfig === null) return undefined;
  const field = `runtimeConfig["${POD_ANNOTATIONS}"]`;
  if (!isObject(runtimeConfig)) {
    throw new AnnotationError("runtimeConfig", `runtimeConfig ${quote(runtimeConfig)} is not an object`);
  }
  const annotations = ownField(runtimeConfig, POD_ANNOTATIONS);
  // containerd writes null for a pod without annotations.
  if (annotations === undefined || annotations === null) return undefined;
  if (!isObject(annotations))
    throw new AnnotationError(field, `${field} ${quote(annotations)} is not an object`);
  const text = ownField(annotations, POD_ENI_ANNOTATION);
  if (text === undefined) return undefined;
  if (typeof text !== "string") fail(POD_ENI_ANNOTATION, `${quote(text)} is not a string`);
  return text;
}

/**
 * Decodes and checks element 0 of the annotation's array. Keys are case-insensitive and unknown keys are ignored. So are
 * addresses of a family that is not wanted: the controller writes both families if EC2 assigned both, whatever the
 * cluster's family, and not always completely. Without `wanted`, takes the families that are given.
 */
export function decodeBranch(text: string, wanted?: readonly WantedFamily[]): BranchAssignment {
  const fields = decodeElement(text);
  const identity = readIdentity(fields);
  const given = FAMILIES.filter((family) => hasAddress(fields, family));
  if (given.length === 0) {
    fail("privateIp", "privateIp and ipv6Addr are both missing: the branch has no address");
  }
  for (const { family, because } of wanted ?? []) {
    const { address } = ADDRESS_FIELDS[family];
    if (!given.includes(family)) fail(address, `${address} is missing, though ${because}`);
  }
  const families = wanted?.map(({ family }) => family) ?? given;
  return { ...identity, addresses: families.map((family) => readAddress(fields, family)) };
}

/** Decodes only the branch's identity and ignores its addresses: DEL needs no more to find what is left of it. */
export function decodeIdentity(text: string): BranchIdentity {
  return readIdentity(decodeElement(text));
}

function decodeElement(text: string): Fields {
  const list = parse(text);
  if (!isArray(list)) fail("", `${quote(list)} is not an array`);
  if (list.length === 0) fail("", "the array is empty: it names no branch");
  const element = list[0];
  if (!isObject(element)) fail("[0]", `[0] ${quote(element)} is not an object`);
  return knownFields(element);
}

function readIdentity(fields: Fields): BranchIdentity {
  return {
    eniId: readEniId(fields.get("eniId")),
    mac: readMac(fields.get("ifAddress")),
    vlanId: readVlanId(fields.get("vlanId")),
  };
}

/** The annotation's values, by the controller's spelling of their keys. */
type Fields = ReadonlyMap<string, unknown>;

const FAMILIES: readonly IpFamily[] = [4, 6];

const ADDRESS_FIELDS = {
  4: { address: "privateIp", subnet: "subnetCidr" },
  6: { address: "ipv6Addr", subnet: "subnetV6Cidr" },
} as const;

/** The controller's spellings. Compared case-insensitively, as Go does, because writers differ (vlanId, vlanID). */
const FIELDS = ["eniId", "ifAddress", "vlanId", "privateIp", "subnetCidr", "ipv6Addr", "subnetV6Cidr"];
const SPELLING = new Map(FIELDS.map((name) => [name.toLowerCase(), name]));

/** EC2's ids are `eni-` and 8 or 17 hexadecimal digits. This accepts more, but only what is safe in file names and logs. */
const ENI_ID = /^eni-[0-9A-Za-z-]{1,60}$/;

/** The smallest subnet with room for a gateway and a host besides the network and broadcast addresses. */
const LONGEST_IPV4_SUBNET = 30;

function parse(text: string): Json {
  if (text.trim() === "") fail("", "the text is empty");
  if (isNestedTooDeep(text)) fail("", `${quote(text)} is nested deeper than ${MAX_NESTING} levels`);
  try {
    return parseJson(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AnnotationError(POD_ENI_ANNOTATION, say(`${quote(text)} is not JSON: ${reason}`), { cause });
  }
}

/** The values of the keys we read. Two spellings of one key must agree. */
function knownFields(element: JsonObject): Fields {
  const fields = new Map<string, unknown>();
  for (const [key, value] of Object.entries(element)) {
    const name = SPELLING.get(key.toLowerCase());
    if (name === undefined) continue;
    const before = fields.get(name);
    if (fields.has(name) && quote(before) !== quote(value)) {
      fail(name, `${name} is given twice, as ${quote(before)} and as ${quote(value)}`);
    }
    fields.set(name, value);
  }
  return fields;
}

/** A string, or undefined if it is absent, null or "" (which the controller writes). */
function readText(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") fail(name, `${name} ${quote(value)} is not a string`);
  return value;
}

function readEniId(value: unknown): string {
  const id = readText("eniId", value);
  if (id === undefined) fail("eniId", "eniId is missing");
  if (!ENI_ID.test(id)) fail("eniId", `eniId ${quote(id)} is not the id of a network interface (eni-…)`);
  return id;
}

function readMac(value: unknown): string {
  const text = readText("ifAddress", value);
  if (text === undefined) fail("ifAddress", "ifAddress is missing: the branch has no MAC address");
  const defect = macDefect(text);
  const mac = canonicalMac(text);
  if (defect !== undefined || mac === undefined) fail("ifAddress", `ifAddress ${quote(text)} ${defect}`);
  return mac;
}

function readVlanId(value: unknown): number {
  if (value === undefined || value === null) fail("vlanId", "vlanId is missing");
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    fail("vlanId", `vlanId ${quote(value)} is not an integer`);
  }
  if (value < 1 || value > 4094) fail("vlanId", `vlanId ${value} is outside 1 to 4094`);
  return value;
}

/** Whether the family has an address; an invalid one counts and is reported when it is read. */
function hasAddress(fields: Fields, family: IpFamily): boolean {
  const value = fields.get(ADDRESS_FIELDS[family].address);
  return value !== undefined && value !== null && value !== "";
}

/** The branch's address of a family that hasAddress confirmed. */
function readAddress(fields: Fields, family: IpFamily): BranchAddress {
  const { address: name, subnet: subnetName } = ADDRESS_FIELDS[family];
  const text = readText(name, fields.get(name));
  const address = text === undefined ? undefined : canonicalIp(text);
  if (address === undefined || familyOf(address) !== family) {
    fail(name, `${name} ${quote(text)} is not an IPv${family} address`);
  }
  const subnet = readSubnet(family, name, subnetName, fields.get(subnetName));
  const cidr = `${subnet.address}/${subnet.length}`;
  if (!contains(subnet, address)) fail(name, `${name} ${quote(text)} is outside its subnet ${cidr}`);
  const defect = addressDefect(subnet, address);
  if (defect !== undefined) fail(name, `${name} ${quote(text)} is ${defect}`);
  const prefixLength = family === 4 ? subnet.length : 128;
  return { family, address, prefixLength, subnet: cidr, gateway: gatewayOf(subnet) };
}

function readSubnet(family: IpFamily, addressName: string, name: string, value: unknown): IpPrefix {
  const text = readText(name, value);
  if (text === undefined) fail(name, `${name} is missing, though ${addressName} is given`);
  const subnet = text.includes("/") ? parsePrefix(text) : undefined;
  if (subnet === undefined || familyOf(subnet.address) !== family) {
    fail(name, `${name} ${quote(text)} is not an IPv${family} network (address/length)`);
  }
  const network = networkOf(subnet);
  if (network !== subnet.address) {
    fail(name, `${name} ${quote(text)} has host bits set: the network is ${network}/${subnet.length}`);
  }
  if (subnet.length === 0) fail(name, `${name} ${quote(text)} is every address there is, not a subnet`);
  if (family === 4 && subnet.length > LONGEST_IPV4_SUBNET) {
    fail(name, `${name} ${quote(text)} is too small for a gateway and a pod`);
  }
  return subnet;
}

/** Every message begins with the annotation's name: the reader only sees a pod that does not start. */
function say(message: string): string {
  return `annotation ${POD_ENI_ANNOTATION}: ${message}`;
}

function fail(field: string, message: string): never {
  throw new AnnotationError(field === "" ? POD_ENI_ANNOTATION : field, say(message));
}

/** null is kept: the runtime writes it for a pod without annotations. */
function ownField(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
