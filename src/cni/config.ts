/** Our entry of the network configuration list: docs/configuration.md describes every key. */

import { POD_ANNOTATIONS } from "../ipam/annotation.ts";
import { canonicalMac, macDefect } from "../values/mac.ts";
import { familyOf, formatPrefix, networkOf, parsePrefix } from "../values/ip.ts";
import type { IpFamily, IpPrefix } from "../values/ip.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { isArray, isInteger, isObject, member, quote } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
import { interfaceNameDefect } from "./names.ts";
import { LOG_LEVELS, type LogLevel } from "../text/log-line.ts";
import { nearest } from "../text/nearest.ts";
import type { TrunkSelector } from "../attachment/trunk.ts";
import {
  DATAPATHS,
  type DatapathName,
  type EnforcingMode,
  type Traits,
  isDatapath,
  notADatapath,
  traitsOf,
} from "../datapath/datapath.ts";

/** `auto`: the agent decides for each pod; routed where there is no agent to ask. */
export type DatapathChoice = DatapathName | "auto";
/** What an ADD does for a pod whose annotation is missing: ask the agent, let it run without a branch, refuse it. */
export type MissingAnnotation = "ask" | "pass" | "refuse";
/** What an ADD does for a pod whose branch aws-cni has attached already. */
export type AlreadyAttached = "refuse" | "pass";

/** The entry, read for a pod whose datapath is known. */
export interface PluginConfig {
  readonly enablePodENI: boolean;
  readonly missingAnnotation: MissingAnnotation;
  /** Seconds that an ADD may wait for the agent's answer. */
  readonly branchTimeout: number;
  /** Seconds to wait until the branch's gateway answers; 0: do not wait. */
  readonly gatewayTimeout: number;
  /** Kubernetes namespaces of pods that the agent is never asked about. */
  readonly exemptNamespaces: readonly string[];
  readonly alreadyAttached: AlreadyAttached;
  /** The address families of the branch; undefined: those of the primary's interface. */
  readonly families: readonly IpFamily[] | undefined;
  readonly datapath: DatapathName;
  /** Whether a pod's own annotation may choose another datapath than the entry's. */
  readonly allowDatapathOverride: boolean;
  readonly podSGEnforcingMode: EnforcingMode;
  /** Empty: the trunk in the agent's file. */
  readonly trunk: TrunkSelector;
  /** Undefined: the trunk's. */
  readonly mtu: number | undefined;
  readonly serviceCIDRs: readonly IpPrefix[];
  readonly hostRoutes: readonly IpPrefix[];
  readonly hostInterfaceName: string;
  /** routed and strict: switch tcp_early_demux off while there are strict pods. */
  readonly manageEarlyDemux: boolean;
  readonly pluginLogFile: string;
  readonly pluginLogLevel: LogLevel;
  /** The list that the entry is in, if the agent has written it. */
  readonly listFile: string | undefined;
  readonly runtimeConfig: JsonObject;
}

/** The entry as it stands: forDatapath makes a pod's configuration of it. */
export interface EntryConfig extends Omit<PluginConfig, "datapath"> {
  readonly datapath: DatapathChoice;
  /** What the entry itself says, as opposed to defaults for its datapath. */
  readonly given: Given;
}

interface Given {
  readonly podSGEnforcingMode?: EnforcingMode;
  readonly serviceCIDRs: boolean;
}

export interface ConfigOptions {
  /** CNI_IFNAME, from which hostInterfaceName must differ. */
  readonly ifName?: string;
  /**
   * For verbs that must not fail because of what only ADD needs: a wrong value becomes a warning and is replaced by the
   * default.
   */
  readonly lenient?: boolean;
}

export const DEFAULT_HOST_ROUTES: readonly IpPrefix[] = [
  { address: "169.254.170.23", length: 32 }, // EKS Pod Identity
  { address: "169.254.169.254", length: 32 }, // instance metadata
  { address: "169.254.20.10", length: 32 }, // NodeLocal DNS
  { address: "fd00:ec2::23", length: 128 }, // EKS Pod Identity
  { address: "fd00:ec2::254", length: 128 }, // instance metadata
  // Istio ambient: the source of a node's probes. Its IPv4 counterpart is link-local, which needs no entry.
  { address: "fd16:9254:7127:1337:ffff:ffff:ffff:ffff", length: 128 },
];

const OWN_KEYS = [
  "enablePodENI",
  "missingAnnotation",
  "branchTimeout",
  "gatewayTimeout",
  "exemptNamespaces",
  "alreadyAttached",
  "families",
  "datapath",
  "allowDatapathOverride",
  "podSGEnforcingMode",
  "trunk",
  "mtu",
  "serviceCIDRs",
  "hostRoutes",
  "hostInterfaceName",
  "manageEarlyDemux",
  "pluginLogFile",
  "pluginLogLevel",
  "listFile",
];

/** Keys of the specification and of libcni. */
const STANDARD_KEYS = [
  "cniVersion",
  "name",
  "type",
  "args",
  "ipMasq",
  "ipam",
  "dns",
  "runtimeConfig",
  "capabilities",
  "prevResult",
];

const KNOWN_KEYS = [...OWN_KEYS, ...STANDARD_KEYS];

/** Reads the entry. Code 7 for every wrong value, quoting it. Each warning is one line for the log. */
export function readConfig(
  raw: JsonObject,
  env: Readonly<Record<string, string | undefined>>,
  options: ConfigOptions = {},
): { config: EntryConfig; warnings: string[] } {
  const warnings = unknownKeys(raw, "", KNOWN_KEYS);

  /** When lenient, a wrong value becomes a warning and is replaced. */
  function tolerate<T>(fallback: T, read: () => T): T {
    if (options.lenient !== true) return read();
    return orElse(fallback, read, ({ message }) => warnings.push(message));
  }

  const enablePodENI = tolerate(false, () => readEnabled(raw, env));
  const datapath = tolerate("direct", () => readDatapath(member(raw, "datapath")));
  const mode = tolerate(undefined, () => readMode(raw, env, datapath));
  const services = tolerate(undefined, () =>
    readServices(member(raw, "serviceCIDRs"), enablePodENI ? datapath : undefined),
  );
  const config: EntryConfig = {
    enablePodENI,
    missingAnnotation: tolerate("ask", () =>
      readChoice("missingAnnotation", member(raw, "missingAnnotation"), ["ask", "pass", "refuse"]),
    ),
    branchTimeout: tolerate(30, () =>
      readSeconds("branchTimeout", member(raw, "branchTimeout"), { from: 1, to: 100, usual: 30 }),
    ),
    gatewayTimeout: tolerate(10, () =>
      readSeconds("gatewayTimeout", member(raw, "gatewayTimeout"), { from: 0, to: 100, usual: 10 }),
    ),
    exemptNamespaces: tolerate([], () => readNamespaces(member(raw, "exemptNamespaces"))),
    alreadyAttached: tolerate("refuse", () =>
      readChoice("alreadyAttached", member(raw, "alreadyAttached"), ["refuse", "pass"]),
    ),
    families: tolerate(undefined, () => readFamilies(member(raw, "families"))),
    datapath,
    allowDatapathOverride: tolerate(false, () =>
      readFlag("allowDatapathOverride", member(raw, "allowDatapathOverride")),
    ),
    podSGEnforcingMode: mode ?? defaultMode(datapath),
    given: {
      ...(mode !== undefined && { podSGEnforcingMode: mode }),
      serviceCIDRs: services !== undefined,
    },
    trunk: tolerate({}, () => readTrunk(member(raw, "trunk"), warnings)),
    mtu: tolerate(undefined, () => readMtu(member(raw, "mtu"))),
    serviceCIDRs: services ?? [],
    hostRoutes: tolerate(DEFAULT_HOST_ROUTES, () => readHostRoutes(member(raw, "hostRoutes"))),
    hostInterfaceName: tolerate("host0", () =>
      readHostInterface(member(raw, "hostInterfaceName"), options.ifName),
    ),
    manageEarlyDemux: tolerate(false, () => readFlag("manageEarlyDemux", member(raw, "manageEarlyDemux"))),
    pluginLogFile: tolerate(DEFAULT_LOG_FILE, () => readLogFile(member(raw, "pluginLogFile"))),
    pluginLogLevel: tolerate("info", () => readLogLevel(member(raw, "pluginLogLevel"))),
    listFile: tolerate(undefined, () => readListFile(member(raw, "listFile"))),
    runtimeConfig: tolerate({}, () => readObject("runtimeConfig", member(raw, "runtimeConfig"))),
  };
  if (enablePodENI) warnings.push(...capabilityWarnings(member(raw, "capabilities")));
  return { config, warnings };
}

/**
 * The configuration for a pod of this datapath. Code 7 when the entry lacks what the datapath needs, which may happen
 * when it is not the entry's own.
 */
export function forDatapath(config: EntryConfig, datapath: DatapathName): PluginConfig {
  const { given, ...entry } = config;
  if (needsServices(datapath) && !given.serviceCIDRs) missingServices(datapath);
  const mode = given.podSGEnforcingMode;
  if (mode !== undefined) requirePossible("podSGEnforcingMode", mode, datapath);
  return { ...entry, datapath, podSGEnforcingMode: mode ?? defaultMode(datapath) };
}

/** Where and what to log. A wrong value is replaced by the default, so that it can be reported in a log. */
export function readLogSettings(raw: JsonObject): Pick<PluginConfig, "pluginLogFile" | "pluginLogLevel"> {
  return {
    pluginLogFile: orElse(DEFAULT_LOG_FILE, () => readLogFile(member(raw, "pluginLogFile"))),
    pluginLogLevel: orElse("info", () => readLogLevel(member(raw, "pluginLogLevel"))),
  };
}

function orElse<T>(fallback: T, read: () => T, say: (error: CniError) => void = () => undefined): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    say(error);
    return fallback;
  }
}

export const DEFAULT_LOG_FILE = "/var/log/branchline/plugin.log";

function wrong(key: string, value: Json | undefined, reason: string): never {
  throw new CniError(ErrorCode.InvalidConfig, `${key} ${quote(value)} ${reason}`);
}

/** Beyond these, only the number of unknown keys is given. */
const MAX_UNKNOWN = 10;

function unknownKeys(object: JsonObject, prefix: string, known: readonly string[]): string[] {
  const unknown = Object.keys(object).filter((key) => !known.includes(key) && !key.startsWith("cni.dev/"));
  const more = unknown.length - MAX_UNKNOWN;
  return [
    ...unknown
      .slice(0, MAX_UNKNOWN)
      .map(
        (key) =>
          `unknown key ${quote(prefix + key)} is ignored: the nearest known one is "${prefix}${nearest(key, known)}"`,
      ),
    ...(more > 0 ? [`${more} more unknown keys are ignored`] : []),
  ];
}

function readEnabled(raw: JsonObject, env: Readonly<Record<string, string | undefined>>): boolean {
  const value = member(raw, "enablePodENI");
  if (value !== undefined) return readBoolean("enablePodENI", value);
  const setting = env["ENABLE_POD_ENI"];
  return setting ? readBoolean("environment variable ENABLE_POD_ENI", setting) : false;
}

function readBoolean(key: string, value: Json): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  return wrong(key, value, "is neither true nor false");
}

/** A boolean that is false unless given. */
function readFlag(key: string, value: Json | undefined): boolean {
  return value === undefined ? false : readBoolean(key, value);
}

/** One of a few words, of which the first is the default. */
function readChoice<T extends string>(
  key: string,
  value: Json | undefined,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined) return choices[0];
  const found = choices.find((choice) => choice === value);
  return found ?? wrong(key, value, `is none of ${choices.join(", ")}`);
}

function readSeconds(
  key: string,
  value: Json | undefined,
  { from, to, usual }: { readonly from: number; readonly to: number; readonly usual: number },
): number {
  if (value === undefined) return usual;
  if (!isInteger(value)) return wrong(key, value, "is not a whole number of seconds");
  if (value < from || value > to) return wrong(key, value, `is outside ${from} to ${to} seconds`);
  return value;
}

const MAX_NAMESPACES = 256;
/** A Kubernetes namespace is a DNS label (RFC 1123). */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

function readNamespaces(value: Json | undefined): string[] {
  if (value === undefined) return [];
  if (!isArray(value)) return wrong("exemptNamespaces", value, "is not a list");
  if (value.length > MAX_NAMESPACES) {
    throw new CniError(
      ErrorCode.InvalidConfig,
      `exemptNamespaces has ${value.length} namespaces, more than the ${MAX_NAMESPACES} it may have`,
    );
  }
  return value.map((entry, i) =>
    typeof entry === "string" && NAMESPACE.test(entry)
      ? entry
      : wrong(`exemptNamespaces[${i}]`, entry, "is not the name of a Kubernetes namespace"),
  );
}

function readFamilies(value: Json | undefined): IpFamily[] | undefined {
  if (value === undefined) return undefined;
  if (!isArray(value) || value.length === 0) return wrong("families", value, 'is not a list of "4" and "6"');
  const families = value.map((entry, i): IpFamily => {
    if (entry === "4") return 4;
    if (entry === "6") return 6;
    return wrong(`families[${i}]`, entry, 'is neither "4" nor "6"');
  });
  return [...new Set(families)].toSorted((a, b) => a - b);
}

function readDatapath(value: Json | undefined): DatapathChoice {
  if (value === undefined) return "direct";
  return value === "auto" || isDatapath(value) ? value : wrong("datapath", value, notADatapath("auto"));
}

/** The datapath of a pod that the agent is not asked about. */
export function withoutAgent(datapath: DatapathChoice): DatapathName {
  return datapath === "auto" ? "routed" : datapath;
}

/** Those that a pod may get. */
function possible(datapath: DatapathChoice): readonly Traits[] {
  return datapath === "auto" ? Object.values(DATAPATHS) : [traitsOf(datapath)];
}

/** Whether an earlier pod of the node may have been strict, by what the entry says of pods. */
export function mayBeStrict({ datapath, allowDatapathOverride }: EntryConfig): boolean {
  return allowDatapathOverride || possible(datapath).some(({ modes }) => modes.includes("strict"));
}

function defaultMode(datapath: DatapathChoice): EnforcingMode {
  return traitsOf(withoutAgent(datapath)).modes[0];
}

/** The mode chosen; undefined for the datapath's default. */
function readMode(
  raw: JsonObject,
  env: Readonly<Record<string, string | undefined>>,
  datapath: DatapathChoice,
): EnforcingMode | undefined {
  const own = member(raw, "podSGEnforcingMode");
  const value = own ?? (env["POD_SECURITY_GROUP_ENFORCING_MODE"] || undefined);
  if (value === undefined) return undefined;
  const key =
    own === undefined ? "environment variable POD_SECURITY_GROUP_ENFORCING_MODE" : "podSGEnforcingMode";
  if (value !== "standard" && value !== "strict")
    return wrong(key, value, 'is neither "standard" nor "strict"');
  requirePossible(key, value, datapath);
  return value;
}

/** A direct pod reaches Services through the node, around the branch: strict promises otherwise. */
function requirePossible(key: string, mode: EnforcingMode, datapath: DatapathChoice): void {
  if (possible(datapath).every(({ modes }) => modes.includes(mode))) return;
  wrong(key, mode, `is not possible with datapath "${datapath}": use "standard", or datapath "routed"`);
}

function readTrunk(value: Json | undefined, warnings: string[]): TrunkSelector {
  const trunk = readObject("trunk", value);
  warnings.push(...unknownKeys(trunk, "trunk.", ["interface", "mac"]));
  const name = member(trunk, "interface");
  const mac = member(trunk, "mac");
  if (name !== undefined && mac !== undefined) {
    return wrong("trunk", trunk, "gives both interface and mac: one of them is enough");
  }
  if (name !== undefined) return { interface: readInterfaceName("trunk.interface", name) };
  if (mac === undefined) return {};
  if (typeof mac !== "string") return wrong("trunk.mac", mac, "is not a string");
  const text = canonicalMac(mac);
  return text === undefined || macDefect(mac) !== undefined
    ? wrong("trunk.mac", mac, macDefect(mac) ?? "")
    : { mac: text };
}

/** aws-cni's template writes its MTU as a string. */
function readMtu(value: Json | undefined): number | undefined {
  if (value === undefined) return undefined;
  const mtu = typeof value === "string" && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : value;
  if (!isInteger(mtu)) return wrong("mtu", value, "is not a whole number");
  // 68: the least that carries IPv4 (RFC 791), and the kernel's for an Ethernet device.
  if (mtu < 68 || mtu > 65_535) return wrong("mtu", value, "is outside 68 to 65535");
  return mtu;
}

/** Undefined when it is not given, which is an error only if a pod of this datapath needs it. */
function readServices(value: Json | undefined, datapath: DatapathChoice | undefined): IpPrefix[] | undefined {
  if (value !== undefined) return readNetworks("serviceCIDRs", value);
  return datapath !== undefined && needsServices(datapath) ? missingServices(datapath) : undefined;
}

/** A pod that reaches the node beside its branch must know for which networks. */
function needsServices(datapath: DatapathChoice): boolean {
  return possible(datapath).some(({ branchAt }) => branchAt === "pod");
}

function missingServices(datapath: DatapathChoice): never {
  throw new CniError(
    ErrorCode.InvalidConfig,
    `serviceCIDRs is missing: datapath "${datapath}" needs the ranges of the cluster's Services, or [] for none`,
  );
}

function readHostRoutes(value: Json | undefined): readonly IpPrefix[] {
  return value === undefined ? DEFAULT_HOST_ROUTES : readNetworks("hostRoutes", value);
}

/** Per list: each network is a route in every pod and a step in every record. */
const MAX_NETWORKS = 256;

function readNetworks(key: string, value: Json): IpPrefix[] {
  if (!isArray(value)) return wrong(key, value, "is not a list");
  if (value.length > MAX_NETWORKS) {
    throw new CniError(
      ErrorCode.InvalidConfig,
      `${key} has ${value.length} networks, more than the ${MAX_NETWORKS} it may have`,
    );
  }
  const networks = value.map((entry, i) => readNetwork(`${key}[${i}]`, entry));
  return [...new Map(networks.map((network) => [formatPrefix(network), network])).values()];
}

/** Anything wider is a mistake: 0.0.0.0/1 and 128.0.0.0/1 together cover everything. */
const SHORTEST_NETWORK: Readonly<Record<IpFamily, number>> = { 4: 8, 6: 32 };

function readNetwork(key: string, value: Json): IpPrefix {
  // A forgotten length would silently mean one address.
  const network = typeof value === "string" && value.includes("/") ? parsePrefix(value) : undefined;
  if (network === undefined) return wrong(key, value, "is not a network (address/length)");
  const base = networkOf(network);
  if (base !== network.address) {
    return wrong(key, value, `has host bits set: the network is ${base}/${network.length}`);
  }
  const shortest = SHORTEST_NETWORK[familyOf(network.address)];
  if (network.length < shortest) {
    return wrong(key, value, `is wider than /${shortest}: it would take most traffic past the branch`);
  }
  return network;
}

function readHostInterface(value: Json | undefined, ifName: string | undefined): string {
  const name = value === undefined ? "host0" : readInterfaceName("hostInterfaceName", value);
  if (name === ifName) return wrong("hostInterfaceName", name, "is CNI_IFNAME, the name of the branch");
  return name;
}

function readInterfaceName(key: string, value: Json): string {
  if (typeof value !== "string") return wrong(key, value, "is not a string");
  const defect = interfaceNameDefect(value);
  return defect === undefined ? value : wrong(key, value, defect);
}

/** Never stdout: that belongs to the result. */
function readLogFile(value: Json | undefined): string {
  if (value === undefined) return DEFAULT_LOG_FILE;
  if (typeof value === "string" && (value === "stderr" || value.startsWith("/"))) return value;
  return wrong("pluginLogFile", value, 'is neither an absolute path nor "stderr"');
}

function readLogLevel(value: Json | undefined): LogLevel {
  if (value === undefined) return "info";
  const text = typeof value === "string" ? value.toLowerCase() : value;
  const level = LOG_LEVELS.find((one) => one === text);
  return level ?? wrong("pluginLogLevel", value, `is none of ${LOG_LEVELS.join(", ")}`);
}

function readListFile(value: Json | undefined): string | undefined {
  if (value === undefined || (typeof value === "string" && value.startsWith("/"))) return value;
  return wrong("listFile", value, "is not an absolute path");
}

function readObject(key: string, value: Json | undefined): JsonObject {
  if (value === undefined) return {};
  return isObject(value) ? value : wrong(key, value, "is not an object");
}

/** Without the capability the runtime passes no annotations, and every pod looks as if it had no branch. */
function capabilityWarnings(value: Json | undefined): string[] {
  if (isObject(value) && member(value, POD_ANNOTATIONS) === true) return [];
  return [`capabilities lacks "${POD_ANNOTATIONS}": true, so the runtime passes no annotations of pods`];
}
