/**
 * One call by a runtime, read and checked. The order of the checks and their codes are the reference library's (skel of
 * CNI 1.1.2); test/binary/contract.test.ts compares the two. SPEC 1.1.0, section 2.
 */

import { parsePodArgs, readPodArgs } from "./args.ts";
import type { PodArgs } from "./args.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { isObject, parseJson, quote } from "../text/json.ts";
import type { Json, JsonObject } from "../text/json.ts";
import { MAX_NESTING, isNestedTooDeep } from "../text/nesting.ts";
import { interfaceNameDefect, isIdentifier } from "./names.ts";
import {
  ASSUMED_VERSION,
  isSupportedVersion,
  NEWEST_VERSION,
  SUPPORTED_VERSIONS,
  VERB_SINCE,
  versionAtLeast,
} from "./versions.ts";
import type { CniVersion, Command } from "./versions.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CniRequest {
  readonly command: Command;
  /** Empty for GC, STATUS and VERSION. */
  readonly containerId: string;
  /** Path of the namespace. Empty for a DEL whose namespace is gone. */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS as given. */
  readonly args: string;
  /** The pod, by CNI_ARGS. Malformed ones are an error only for ADD; other verbs take what can be read. */
  readonly pod: PodArgs;
  readonly path: string;
  /** All of stdin. Empty for VERSION, which reads none. */
  readonly config: JsonObject;
  readonly cniVersion: CniVersion;
  readonly networkName: string;
}

/** Longer input is refused, so a caller may stop reading one byte after this. */
export const MAX_STDIN_BYTES = 1024 * 1024;

/** The variables that each verb requires. An unknown verb is reported only after its configuration has been read. */
const REQUIRED: Readonly<Record<Command, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"],
  GC: ["CNI_PATH"],
  STATUS: ["CNI_PATH"],
  VERSION: [],
};

/** readStdin is called once, but not for VERSION. Its errors become code 5. */
export function readRequest(env: Environment, readStdin: () => Uint8Array): CniRequest {
  const verb = env["CNI_COMMAND"] ?? "";
  const command = isCommand(verb) ? verb : undefined;
  refuseMissing(env, command, verb);
  const request = {
    containerId: env["CNI_CONTAINERID"] ?? "",
    netns: env["CNI_NETNS"] ?? "",
    ifName: env["CNI_IFNAME"] ?? "",
    args: env["CNI_ARGS"] ?? "",
    path: env["CNI_PATH"] ?? "",
  };
  if (command === "VERSION") {
    return {
      ...request,
      pod: readPodArgs(""),
      command,
      config: {},
      cniVersion: NEWEST_VERSION,
      networkName: "",
    };
  }
  const config = decode(readAll(readStdin));
  const networkName = readNetworkName(config);
  if (command === undefined) {
    throw new CniError(ErrorCode.InvalidEnvironment, `CNI_COMMAND ${quote(verb)} is unknown`);
  }
  // The verbs about the node have no container.
  if (command !== "GC" && command !== "STATUS") checkContainer(request.containerId, request.ifName);
  const cniVersion = readVersion(config, command);
  const pod = command === "ADD" ? parsePodArgs(request.args) : readPodArgs(request.args);
  return { ...request, pod, command, config, cniVersion, networkName };
}

function isCommand(text: string): text is Command {
  return Object.hasOwn(REQUIRED, text);
}

function refuseMissing(env: Environment, command: Command | undefined, verb: string): void {
  // An empty variable counts as missing.
  const missing = (command === undefined ? [] : REQUIRED[command]).filter((name) => !env[name]);
  if (verb === "") missing.unshift("CNI_COMMAND");
  if (missing.length === 0) return;
  throw new CniError(
    ErrorCode.InvalidEnvironment,
    `${missing.join(", ")} missing from the environment${verb === "" ? "" : ` (CNI_COMMAND=${verb})`}`,
  );
}

function readAll(readStdin: () => Uint8Array): string {
  let bytes: Uint8Array;
  try {
    bytes = readStdin();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(ErrorCode.IoFailure, `Cannot read the configuration from stdin: ${reason}`, "", {
      cause,
    });
  }
  if (bytes.length > MAX_STDIN_BYTES) {
    throw new CniError(
      ErrorCode.IoFailure,
      `The configuration on stdin is longer than ${MAX_STDIN_BYTES} bytes`,
    );
  }
  // A byte order mark stays and makes it invalid JSON, as for the reference library.
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

function decode(text: string): JsonObject {
  if (isNestedTooDeep(text)) {
    throw new CniError(
      ErrorCode.DecodingFailure,
      `The configuration on stdin is nested deeper than ${MAX_NESTING} levels`,
    );
  }
  let value: Json;
  try {
    value = parseJson(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(ErrorCode.DecodingFailure, `The configuration on stdin is not JSON: ${reason}`, "", {
      cause,
    });
  }
  // The reference reads null as an empty object, which then lacks a name.
  if (value === null) return {};
  if (isObject(value)) return value;
  throw new CniError(
    ErrorCode.DecodingFailure,
    `The configuration on stdin is not an object: ${quote(value)}`,
  );
}

/**
 * Reads a top-level string by the reference decoder's rules: keys match regardless of case, the last one counts, null
 * changes nothing.
 */
function readString(config: JsonObject, name: string): string {
  let found = "";
  for (const [key, value] of Object.entries(config)) {
    if (value === null || key.toLowerCase() !== name.toLowerCase()) continue;
    if (typeof value !== "string") {
      throw new CniError(ErrorCode.DecodingFailure, `${name} ${quote(value)} is not a string`);
    }
    found = value;
  }
  return found;
}

function readNetworkName(config: JsonObject): string {
  const name = readString(config, "name");
  if (name === "") throw new CniError(ErrorCode.InvalidConfig, "name, the network's name, is missing");
  if (isIdentifier(name)) return name;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `name ${quote(name)} is not a network name (letters, digits, "_", "." and "-", a letter or digit first)`,
  );
}

function checkContainer(containerId: string, ifName: string): void {
  if (!isIdentifier(containerId)) {
    throw new CniError(
      ErrorCode.InvalidEnvironment,
      `CNI_CONTAINERID ${quote(containerId)} is not a container id (letters, digits, "_", "." and "-", a letter or digit first)`,
    );
  }
  const defect = interfaceNameDefect(ifName);
  if (defect !== undefined) {
    throw new CniError(ErrorCode.InvalidEnvironment, `CNI_IFNAME ${quote(ifName)} ${defect}`);
  }
}

function readVersion(config: JsonObject, command: Command): CniVersion {
  const version = readString(config, "cniVersion") || ASSUMED_VERSION;
  const since = VERB_SINCE[command];
  // The reference library splits the version to compare it, and answers 6 if it cannot be split.
  if (since !== undefined && !/^[+-]?\d+(?:\.[+-]?\d+){0,2}$/.test(version)) {
    throw new CniError(ErrorCode.DecodingFailure, `cniVersion ${quote(version)} is not a version`);
  }
  if (!isSupportedVersion(version)) {
    throw new CniError(
      ErrorCode.IncompatibleVersion,
      `cniVersion ${quote(version)} is not supported`,
      `supported: ${SUPPORTED_VERSIONS.join(", ")}`,
    );
  }
  if (since !== undefined && !versionAtLeast(version, since)) {
    throw new CniError(
      ErrorCode.IncompatibleVersion,
      `${command} needs a configuration of cniVersion ${since} or newer, not ${version}`,
    );
  }
  return version;
}
