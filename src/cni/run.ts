import type { Node } from "../attachment/node.ts";
import { AttachmentStore, STATE_DIRECTORY } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { errorCode } from "../sys/errno.ts";
import type { Call } from "./call.ts";
import { readLogSettings } from "./config.ts";
import { type ErrorDocument, errorDocument } from "./errors.ts";
import { toCniError } from "./failures.ts";
import { type Json, stringifyJson } from "../text/json.ts";
import type { LogFields } from "../text/log-line.ts";
import { type Log, openLog } from "./log.ts";
import { type CniRequest, type Environment, readRequest } from "./request.ts";
import { warningsToLog } from "../state/warned.ts";
import { type Command, NEWEST_VERSION, versionDocument } from "./versions.ts";

/** What a call uses of the outside world. */
export interface Ports {
  readonly env: Environment;
  readonly readStdin: () => Uint8Array;
  /** Takes the one JSON document. Not called when DEL, CHECK, GC or STATUS succeed. */
  readonly writeStdout: (text: string) => void;
  /** Whether anybody will read it. */
  readonly isRead?: () => boolean;
  /** The machine; tests substitute a faulty kernel or another clock. */
  readonly node?: Node;
}

type Verb = (call: Call) => Promise<Json> | Json | undefined;

/** Only the called verb is loaded: loading is most of the start-up time. */
const VERBS: Record<Exclude<Command, "VERSION">, () => Promise<Verb>> = {
  ADD: async () => (await import("./verbs/add.ts")).add,
  DEL: async () => (await import("./verbs/del.ts")).del,
  CHECK: async () => (await import("./verbs/check.ts")).check,
  GC: async () => (await import("./verbs/gc.ts")).gc,
  STATUS: async () => (await import("./verbs/status.ts")).status,
};

/** Runs one call, from its environment to its answer. Returns the exit status. */
export async function run(ports: Ports): Promise<0 | 1> {
  let request: CniRequest | undefined;
  let failure: ErrorDocument | undefined;
  let answer: string | undefined;
  const started = systemClock.now();
  const noted: Record<string, string | number | boolean | undefined> = {};
  try {
    request = readRequest(ports.env, ports.readStdin);
    const said = await carryOut(request, ports, (fields) => Object.assign(noted, fields));
    if (said !== undefined) answer = stringifyJson(said);
  } catch (error) {
    failure = errorDocument(toCniError(error), request?.cniVersion ?? NEWEST_VERSION);
    answer = JSON.stringify(failure);
  }
  // Written once, outside the try above: a failure while writing must not add a second document.
  let isDelivered = true;
  try {
    if (answer !== undefined) ports.writeStdout(answer);
  } catch (error) {
    // The runtime takes this for a failure, and only the log can say why.
    isDelivered = false;
    const why = errorCode(error) ?? String(error);
    Object.assign(noted, { undelivered: `the answer could not be written to stdout: ${why}` });
  }
  logCall(request, ports.env, started, {
    ...noted,
    ...(isDelivered ? {} : { outcome: "failed" }),
    ...(failure !== undefined && failed(failure)),
  });
  return failure === undefined && isDelivered ? 0 : 1;
}

function failed({ code, msg, details }: ErrorDocument): LogFields {
  return { outcome: "failed", code, error: msg, ...(details !== undefined && { details }) };
}

async function carryOut(
  request: CniRequest,
  { env, isRead = () => true, node = systemNode() }: Ports,
  note: (fields: LogFields) => void,
): Promise<Json | undefined> {
  if (request.command === "VERSION") return versionDocument();
  const verb = await VERBS[request.command]();
  const warn = (message: string) => logFor(request).write("warn", message, identity(request));
  return verb({
    request,
    env,
    isRead,
    node,
    note,
    warnOnce: (message) => warningsToLog(node.store.stateDirectory, request.command, message).forEach(warn),
    warn,
  });
}

function systemNode(): Node {
  return { store: new AttachmentStore(STATE_DIRECTORY, systemClock), clock: systemClock };
}

/** One line for each call. VERSION and STATUS are called all the time and are logged only when they fail. */
function logCall(
  request: CniRequest | undefined,
  env: Environment,
  started: number,
  fields: LogFields,
): void {
  const hasFailed = fields["outcome"] === "failed";
  const isQuiet = request?.command === "VERSION" || request?.command === "STATUS";
  const level = hasFailed ? "error" : isQuiet ? "debug" : "info";
  if (request?.command === "VERSION" && !hasFailed) return;
  const verb = request?.command ?? env["CNI_COMMAND"] ?? "";
  const durationMs = Math.round((systemClock.now() - started) * 10) / 10;
  logFor(request).write(level, verb, { verb, ...identity(request), ...fields, durationMs });
}

/** The log that the entry names, as far as it can be read: even a call with a broken configuration is logged. */
function logFor(request: CniRequest | undefined): Log {
  const { pluginLogFile, pluginLogLevel } = readLogSettings(request?.config ?? {});
  return openLog(pluginLogFile, pluginLogLevel);
}

function identity(request: CniRequest | undefined): LogFields {
  if (request === undefined || request.containerId === "") return {};
  const { podNamespace, podName, podUid } = request.pod;
  return {
    ...(podName !== undefined && { pod: `${podNamespace ?? "?"}/${podName}` }),
    ...(podUid !== undefined && { podUid }),
    containerId: request.containerId,
    ifName: request.ifName,
  };
}
