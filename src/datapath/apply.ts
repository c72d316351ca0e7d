import { NetlinkError } from "../netlink/error.ts";
import { Errno, errorCode } from "../sys/errno.ts";
import { DatapathError } from "./error.ts";
import { setHairpin } from "./hairpin.ts";
import { Kernel, type NetlinkOperation, isAbsence } from "./kernel.ts";
import type { Outcome, Request } from "../netlink/socket.ts";
import { type Operation, type Step, undoOf } from "./operation.ts";

/** An operation that the kernel refused. */
interface Failure {
  readonly operation: Operation;
  readonly error: Error;
}

/**
 * Carries out the steps in order. Consecutive netlink operations on one socket are sent in one datagram. When a step
 * fails, the steps before it are undone in reverse order and DatapathError gives the kernel's reason; its details list
 * what could not be undone.
 */
export function apply(kernel: Kernel, steps: readonly Step[]): void {
  const done: Step[] = [];
  for (const run of runsOf(steps, (step) => step.do)) {
    let last = -1;
    const [failure] = carryOut(
      kernel,
      run.map((step) => step.do),
      (index) => (last = Math.max(last, index)),
    );
    // The kernel carries on after a step that it refuses. Undo a refused step too if a later one succeeded: its undo
    // may rely on it (a device renamed, then set up again).
    done.push(...run.slice(0, last + 1));
    if (failure === undefined) continue;
    const left = undo(kernel, undoOf(done));
    throw new DatapathError("kernel", failure.error.message, {
      cause: failure.error,
      operation: failure.operation,
      details: left.map((problem) => `not undone: ${problem.message}`),
    });
  }
}

/**
 * Carries out all of the operations, even when some fail, and returns the failures. Operations in a pod's namespace
 * that is gone, or on a device that is gone, do not count: what they would remove went with it.
 */
export function undo(kernel: Kernel, operations: readonly Operation[]): Error[] {
  const reachable = operations.filter((operation) => operation.at === "node" || !kernel.podIsGone);
  const failures = runsOf(reachable, (operation) => operation).flatMap((run) =>
    carryOut(kernel, run, () => undefined),
  );
  const gone = new Set(failures.flatMap(({ operation, error }) => goneDevice(operation, error) ?? []));
  return failures
    .filter(({ operation, error }) => !isAbsence(error) && !gone.has(deviceOf(operation) ?? ""))
    .map(({ error }) => error);
}

/** The device of an operation, as a key. */
function deviceOf(operation: Operation): string | undefined {
  return "device" in operation ? `${operation.at} ${operation.device}` : undefined;
}

/**
 * The device that a refusal shows to be gone. The kernel may refuse later operations on it for another reason: without
 * the device, a route's gateway is merely unreachable.
 */
function goneDevice(operation: Operation, error: Error): string | undefined {
  return operation.kind === "link" && isAbsence(error) ? deviceOf(operation) : undefined;
}

/** Splits the list where the kind of call changes: sysctls are files, and each socket gets its own datagram. */
function runsOf<T>(items: readonly T[], operationOf: (item: T) => Operation): T[][] {
  const runs: T[][] = [];
  let last: string | undefined;
  for (const item of items) {
    const operation = operationOf(item);
    const channel = channelOf(operation);
    // Deleting a VLAN device looks it up first, so everything before it must have been carried out.
    if (channel !== last || operation.kind === "vlan") runs.push([]);
    runs.at(-1)?.push(item);
    // What follows its creation may refer to it.
    last = operation.kind === "vlan" ? undefined : channel;
  }
  return runs;
}

/** Operations that are not rtnetlink messages. */
function isNotRtnetlink(operation: Operation): operation is Exclude<Operation, NetlinkOperation> {
  return operation.kind === "sysctl" || operation.kind === "dad" || operation.kind === "hairpin";
}

function channelOf(operation: Operation): string {
  if (isNotRtnetlink(operation)) return `${operation.kind} ${operation.at}`;
  return Kernel.socketOf(operation);
}

/** Carries out one run to the end; `succeeded` is called with the index of each operation that took effect. */
function carryOut(kernel: Kernel, run: readonly Operation[], succeeded: (index: number) => void): Failure[] {
  const [first] = run;
  if (first?.kind !== "sysctl") return carryOutHere(kernel, run, succeeded);
  const failures: Failure[] = [];
  attempt(first, failures, () => {
    failures.push(...kernel.within(first.at, () => carryOutHere(kernel, run, succeeded)));
  });
  return failures;
}

function carryOutHere(
  kernel: Kernel,
  run: readonly Operation[],
  succeeded: (index: number) => void,
): Failure[] {
  const failures: Failure[] = [];
  const sent: { operation: Operation; index: number; request: Request }[] = [];
  for (const [index, operation] of run.entries()) {
    attempt(operation, failures, () => {
      if (isNotRtnetlink(operation)) {
        // Without an answer it may have taken effect all the same, so it is undone with the rest.
        if (operation.kind === "hairpin") succeeded(index);
        if (operation.kind === "sysctl") writeSysctl(kernel, operation);
        else if (operation.kind === "hairpin") setHairpin(kernel, operation);
        else kernel.waitForDad(operation.at, operation.device, operation.address);
        succeeded(index);
        return;
      }
      const request = kernel.request(operation);
      if (request === undefined) succeeded(index);
      else sent.push({ operation, index, request });
    });
  }
  const [first] = sent;
  if (first === undefined) return failures;
  let outcomes: Outcome[] = [];
  // Without an answer any of them may have taken effect, so all of them are undone.
  attempt(first.operation, failures, () => {
    outcomes = kernel.socket(Kernel.socketOf(first.operation)).batch(sent.map(({ request }) => request));
  });
  for (const [i, { operation, index }] of sent.entries()) {
    const error = outcomes[i]?.error;
    if (error === undefined || Kernel.alreadySatisfied(operation, error)) succeeded(index);
    else failures.push({ operation, error });
  }
  return failures;
}

function attempt(operation: Operation, failures: Failure[], callback: () => void): void {
  try {
    callback();
  } catch (error) {
    failures.push({ operation, error: error instanceof Error ? error : new Error(String(error)) });
  }
}

function writeSysctl(
  kernel: Kernel,
  { at, key, value, optional }: Extract<Operation, { kind: "sysctl" }>,
): void {
  let isThere: boolean;
  try {
    isThere = kernel.writeSysctl(at, key, value);
  } catch (error) {
    const reason = errorCode(error) ?? String(error);
    throw new Error(`write ${value} to sysctl ${key}: ${reason}`, { cause: error });
  }
  if (!isThere && optional !== true) throw new NetlinkError(`write ${value} to sysctl ${key}`, Errno.ENOENT);
}
