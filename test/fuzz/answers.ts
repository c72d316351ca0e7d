// What a runtime may be answered, by the words of the CNI specification 1.1.0, section 5, and of docs/configuration.md.
// Nothing of src/cni is used here: it is what is judged.
import { readFileSync } from "node:fs";
import { isIP } from "node:net";

/** The codes that docs/configuration.md tells users of, but for the one that would be a defect of ours. */
const documented = new Set(
  [...readFileSync(`${import.meta.dirname}/../../docs/configuration.md`, "utf8").matchAll(/^\| (\d+) +\|/gm)]
    .map(([, code]) => Number(code))
    .filter((code) => code !== 999),
);

const VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** Longest line that a person has to read in an event. */
const MAX_MSG = 1024;

/** Anything that a terminal, an event or a log would show as more than one line, or as something else than text. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const NOT_ONE_LINE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

export interface Answer {
  readonly status: number | null;
  /** What was written to stdout, as it came. */
  readonly stdout: string;
}

export interface Judgement {
  /** What is wrong with the answer, a line each. */
  readonly defects: readonly string[];
  /** Of an error. */
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  /** Of an ADD that succeeded. */
  readonly result?: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a call asked for, as far as it can be read. */
export interface Asked {
  readonly version?: string;
  /** The result of the plugins before. */
  readonly previous?: unknown;
}

/** Judges what a verb answered. */
export function judge(verb: string, { status, stdout }: Answer, asked: Asked): Judgement {
  const { version } = asked;
  if (status !== 0 && status !== 1) return { defects: [`exit status ${status}`] };
  if (status === 0 && ["DEL", "CHECK", "GC", "STATUS"].includes(verb)) {
    return { defects: stdout === "" ? [] : [`${verb} succeeded and said ${stdout.slice(0, 200)}`] };
  }
  let document: unknown;
  try {
    document = JSON.parse(stdout);
  } catch {
    return { defects: [`stdout is not one JSON document: ${JSON.stringify(stdout.slice(0, 200))}`] };
  }
  if (!isFields(document)) return { defects: [`stdout is no object: ${stdout.slice(0, 200)}`] };
  if (status === 1) return judgeError(document, version);
  if (verb === "VERSION") return { defects: versionDefects(document) };
  if (verb === "ADD") return { defects: newDefects(document, asked), result: document };
  return { defects: [`${JSON.stringify(verb)} cannot succeed`] };
}

/** SPEC 1.1.0, section 5, "Error". */
function judgeError(document: Fields, version: string | undefined): Judgement {
  const { cniVersion, code, msg, details, ...rest } = document;
  const defects = [
    // The newest one where it was not known yet.
    ...(cniVersion === version || cniVersion === "1.1.0"
      ? []
      : [`cniVersion ${text(cniVersion)}, not ${version}`]),
    ...(typeof code === "number" && documented.has(code) ? [] : [`code ${text(code)} is not documented`]),
    ...(typeof msg === "string" && msg.trim() !== "" ? [] : [`msg ${text(msg)} says nothing`]),
    ...(typeof msg === "string" && NOT_ONE_LINE.test(msg) ? [`msg ${text(msg)} is not one line`] : []),
    ...(typeof msg === "string" && msg.length > MAX_MSG ? [`msg has ${msg.length} characters`] : []),
    ...(typeof msg === "string" && /undefined|\[object|NaN\b/.test(msg)
      ? [`msg ${text(msg)} has no words`]
      : []),
    ...(details === undefined || (typeof details === "string" && details !== "")
      ? []
      : [`details ${text(details)}`]),
    ...(typeof details === "string" && /^\s+at .*[:/]/m.test(details)
      ? [`details hold a stack: ${details}`]
      : []),
    ...Object.keys(rest).map((key) => `an error with ${JSON.stringify(key)}`),
  ];
  return {
    defects,
    ...(typeof code === "number" && { code }),
    ...(typeof msg === "string" && { msg }),
    ...(typeof details === "string" && { details }),
  };
}

/** SPEC 1.1.0, section 5, "Version". */
function versionDefects({ cniVersion, supportedVersions, ...rest }: Fields): string[] {
  return [
    ...(cniVersion === "1.1.0" ? [] : [`VERSION's cniVersion is ${text(cniVersion)}`]),
    ...(text(supportedVersions) === text(VERSIONS) ? [] : [`supportedVersions ${text(supportedVersions)}`]),
    ...Object.keys(rest).map((key) => `VERSION with ${JSON.stringify(key)}`),
  ];
}

/** What a runtime reads of a pod that has a branch: its addresses, on the interface that it asked for. */
export function branchDefects(result: Fields, ifName: string): string[] {
  const list = (key: string) =>
    Array.isArray(result[key]) ? (result[key] as unknown[]).filter(isFields) : [];
  const interfaces = list("interfaces");
  const ips = list("ips");
  return [
    ...(ips.length > 0 ? [] : ["a branch without an address"]),
    ...ips.flatMap(({ address, interface: index }) => {
      const { name, sandbox } = interfaces[Number(index)] ?? {};
      const isIt = isWhole(index) && name === ifName && sandbox !== undefined && sandbox !== "";
      return isIt ? [] : [`${text(address)} is of ${text(name)}, not of ${ifName} in the pod`];
    }),
    ...(list("routes").some(({ dst }) => dst === "0.0.0.0/0" || dst === "::/0")
      ? []
      : ["a branch without a default route"]),
  ];
}

/** What is wrong with a result, but for what was wrong with the one before: that goes out as it came. */
function newDefects(result: Fields, { version, previous }: Asked): string[] {
  const before = isFields(previous) ? previous : {};
  const stated = before["cniVersion"];
  const theirs = resultDefects(before, typeof stated === "string" && stated !== "" ? stated : version);
  return resultDefects(result, version).filter((defect) => !theirs.includes(defect));
}

/** SPEC 1.1.0, section 5, "Success"; fields that it does not know may be there, other plugins' for instance. */
function resultDefects(result: Fields, version: string | undefined): string[] {
  return [
    ...(result["cniVersion"] === version
      ? []
      : [`a result of ${text(result["cniVersion"])}, not ${version}`]),
    ...listDefects(result, "interfaces", (entry) => [
      ...wrong(entry, ["name", "mac", "sandbox", "socketPath", "pciID"], isText, "a string"),
      ...wrong(entry, ["mtu"], isWhole, "a whole number"),
    ]),
    ...listDefects(result, "ips", (entry) => [
      ...(isNetwork(entry["address"]) ? [] : [`address ${text(entry["address"])} is no CIDR`]),
      ...wrong(entry, ["gateway"], isAddress, "an address"),
      ...wrong(entry, ["interface"], isWhole, "a whole number"),
      // Required before 1.0.0, which dropped it.
      ...(version !== undefined && version < "1.0.0" && entry["version"] !== family(entry["address"])
        ? [`version ${text(entry["version"])} of ${text(entry["address"])}`]
        : []),
    ]),
    ...listDefects(result, "routes", (entry) => [
      ...(isNetwork(entry["dst"]) ? [] : [`dst ${text(entry["dst"])} is no CIDR`]),
      ...wrong(entry, ["gw"], isAddress, "an address"),
      ...wrong(entry, ["mtu", "advmss", "priority", "table", "scope"], isWhole, "a whole number"),
    ]),
    ...dnsDefects(result["dns"] ?? {}),
  ];
}

function listDefects(
  result: Fields,
  key: string,
  judgeEntry: (entry: Fields) => readonly string[],
): string[] {
  const list = result[key] ?? [];
  if (!Array.isArray(list)) return [`${key} ${text(list)} is no list`];
  return list.flatMap((entry: unknown, i) =>
    (isFields(entry) ? judgeEntry(entry) : [`${text(entry)} is no object`]).map(
      (defect) => `${key}[${i}]: ${defect}`,
    ),
  );
}

function dnsDefects(dns: unknown): string[] {
  if (!isFields(dns)) return [`dns ${text(dns)} is no object`];
  return [
    ...wrong(dns, ["domain"], isText, "a string"),
    ...wrong(
      dns,
      ["nameservers", "search", "options"],
      (value) => Array.isArray(value) && value.every(isText),
      "strings",
    ),
  ].map((defect) => `dns: ${defect}`);
}

/** What these fields must be where they are there; null is nothing, as it is for the runtimes' library. */
function wrong(
  entry: Fields,
  names: readonly string[],
  isRight: (value: unknown) => boolean,
  what: string,
): string[] {
  return names
    .filter((name) => Object.hasOwn(entry, name) && entry[name] !== null && !isRight(entry[name]))
    .map((name) => `${name} ${text(entry[name])} is not ${what}`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value);
}

/** "" is nothing, as it is for the runtimes' library. */
function isAddress(value: unknown): boolean {
  return value === "" || (typeof value === "string" && isIP(value) !== 0);
}

function isNetwork(value: unknown): boolean {
  const [address = "", length = "", ...more] = typeof value === "string" ? value.split("/") : [];
  const most = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && more.length === 0 && /^\d{1,3}$/.test(length) && Number(length) <= most;
}

function family(address: unknown): string {
  return String(isIP(String(address).split("/")[0] ?? ""));
}

function text(value: unknown): string {
  const said = JSON.stringify(value) ?? "undefined";
  return said.length > 120 ? `${said.slice(0, 120)}…` : said;
}
