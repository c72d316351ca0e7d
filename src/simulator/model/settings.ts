import { MAX_INTEGER } from "./params.ts";

/** What EC2 documents nowhere, or does differently from day to day: each has a name, and can change while it runs. */
export interface Settings {
  /** Whether buckets limit requests. */
  throttling: boolean;
  /** Buckets by API, over the built-in ones: [size, tokens a second]. */
  buckets: Record<string, readonly [number, number]>;
  /** How long an answer takes, by API or "*": milliseconds, drawn evenly between the two. */
  latencyMs: Record<string, readonly [number, number]>;
  /** For so long what is new is NotFound for any call, and in no list. */
  notFoundAfterCreateSeconds: number;
  /** For so long describes show an interface as it was before its last change. */
  describeLagSeconds: number;
  /** attaching → attached. */
  attachSeconds: number;
  /** detaching → available. */
  detachSeconds: number;
  /** pending → running, and stopping, shutting-down → the end of it. */
  instanceSeconds: number;
  /** From association until the branch carries packets: drawn evenly between the two. */
  carriesAfterSeconds: readonly [number, number];
  /** Whether the account may create interfaces of type trunk. */
  trunksAllowed: boolean;
  /** Whether a trunk that is not attached and has branches can be deleted; its associations go with it. */
  deleteTrunkWithBranches: boolean;
  /** Instance types over the built-in ones: [interfaces, branches]. */
  moreTypes: Record<string, readonly [number, number]>;
  /** VLAN ids that may be associated. */
  vlanIds: readonly [number, number];
  /** The same of GRE keys. */
  greKeys: readonly [number, number];
  /** Codes that no source has. */
  vlanInUseCode: string;
  greKeyInUseCode: string;
  trunkFullCode: string;
  branchInUseCode: string;
  trunkHasBranchesCode: string;
  unknownGroupCode: string;
  prefixListInUseCode: string;
  /** Actions that answer UnauthorizedOperation. */
  deniedActions: readonly string[];
  quotas: Quotas;
}

/** Of the account in the Region, unless named otherwise. */
export interface Quotas {
  vpcs: number;
  subnetsPerVpc: number;
  interfaces: number;
  groupsPerVpc: number;
  groupsPerInterface: number;
  rulesPerGroup: number;
  prefixLists: number;
  entriesPerPrefixList: number;
  networkAclsPerVpc: number;
  /** Of one direction and family. */
  entriesPerNetworkAcl: number;
  routeTablesPerVpc: number;
  routesPerTable: number;
}

export function defaultSettings(): Settings {
  return {
    throttling: true,
    buckets: {},
    latencyMs: {},
    notFoundAfterCreateSeconds: 0,
    describeLagSeconds: 0,
    attachSeconds: 1,
    detachSeconds: 1,
    instanceSeconds: 1,
    carriesAfterSeconds: [0, 0],
    trunksAllowed: true,
    deleteTrunkWithBranches: false,
    moreTypes: {},
    vlanIds: [1, 4094],
    greKeys: [0, MAX_INTEGER],
    vlanInUseCode: "InvalidParameterValue",
    greKeyInUseCode: "InvalidParameterValue",
    trunkFullCode: "InvalidParameterValue",
    branchInUseCode: "InvalidParameterValue",
    trunkHasBranchesCode: "InvalidParameterValue",
    unknownGroupCode: "InvalidGroup.NotFound",
    prefixListInUseCode: "DependencyViolation",
    deniedActions: [],
    quotas: {
      vpcs: 5,
      subnetsPerVpc: 200,
      interfaces: 5000,
      groupsPerVpc: 2500,
      groupsPerInterface: 5,
      rulesPerGroup: 60,
      prefixLists: 100,
      entriesPerPrefixList: 1000,
      networkAclsPerVpc: 200,
      entriesPerNetworkAcl: 20,
      routeTablesPerVpc: 200,
      routesPerTable: 500,
    },
  };
}

/** Takes over known names of the right kind; throws for any other, and then nothing has changed. */
export function changeSettings(settings: Settings, changes: Record<string, unknown>): void {
  const known = settings as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(known, name)) throw new TypeError(`there is no setting "${name}"`);
    const defect = defectOf(known[name], value);
    if (defect !== undefined) {
      throw new TypeError(`the setting "${name}" is ${defect}, not ${JSON.stringify(value)}`);
    }
  }
  for (const [name, value] of Object.entries(changes)) {
    const isQuota = name === "quotas";
    known[name] = isQuota ? { ...settings.quotas, ...(value as object) } : value;
  }
}

function defectOf(now: unknown, value: unknown): string | undefined {
  if (Array.isArray(now)) {
    if (!Array.isArray(value)) return "a list";
    if (typeof now[0] === "number") return isRange(value) ? undefined : "two numbers, the lower first";
    return value.every((item) => typeof item === "string") ? undefined : "a list of names";
  }
  if (typeof now === "object") {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "an object";
    const isQuotas = Object.hasOwn(now ?? {}, "vpcs");
    if (isQuotas) {
      const wrong = Object.entries(value).some(
        ([name, size]) => !Object.hasOwn(now ?? {}, name) || !isAmount(size),
      );
      return wrong ? `an object of ${Object.keys(now ?? {}).join(", ")} with numbers` : undefined;
    }
    return Object.values(value).every(
      (pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isAmount),
    )
      ? undefined
      : "an object of names to two numbers";
  }
  if (typeof value !== typeof now) return `a ${typeof now}`;
  return typeof value === "number" && !isAmount(value) ? "a number from 0 up" : undefined;
}

function isRange(value: readonly unknown[]): boolean {
  return value.length === 2 && value.every(isAmount) && Number(value[0]) <= Number(value[1]);
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
