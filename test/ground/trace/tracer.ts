/**
 * Runs a program, and says what it does to files, or ends it at one of these operations:
 *
 *     node test/ground/trace/tracer.ts ORDER PROGRAM [ARGUMENT...]
 *
 * ORDER is a JSON `TraceOrder`. Each operation that succeeded is a line on stdout, a JSON `Traced`, at the moment when it
 * has been done. By ptrace: before an operation the thread stands at the entry of its system call, which SIGKILL then
 * skips; after it, at the exit, and the process does nothing more. The program dies with us.
 */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { RING_SETUP, callsOf } from "./calls.ts";
import { type Asked, type Sockets, isChange, isHiding, pathsOf } from "./memory.ts";
import { Counts, nameOf, type Cut, type Places } from "./operation.ts";
import { callOf, nextStop, resume, seize, type CallStop } from "./ptrace.ts";

export interface TraceOrder {
  readonly places: Places;
  readonly cut?: Cut;
}

export type Traced =
  | { readonly name: string; readonly nth: number }
  /** The process was ended there. */
  | { readonly cut: string }
  /** The trace cannot say all: such a call hides operations. */
  | { readonly hidden: number };

const [order = "", ...argv] = process.argv.slice(2);
const { places, cut } = JSON.parse(order) as TraceOrder;
const { arch } = process;
if (arch !== "x64" && arch !== "arm64") throw new Error(`no table of system calls for ${arch}`);
const calls = callsOf(arch);

// Stopped before it is the program, so that nothing of that is missed.
const child = spawn("/bin/sh", ["-c", 'kill -STOP $$; exec "$@"', "sh", ...argv], {
  stdio: ["ignore", "ignore", "inherit"],
  // libuv shall not do by io_uring what a trace does not show.
  env: { ...process.env, UV_USE_IO_URING: "0" },
});
if (child.pid === undefined) throw new Error("no process");
const { pid } = child;

const counts = new Counts();
const sockets: Sockets = new Map();
/** The operation that a thread is in. */
const under = new Map<number, { readonly asked: Asked; readonly name: string; readonly nth: number }>();
let isCut = false;

const say = (traced: Traced) => writeSync(1, `${JSON.stringify(traced)}\n`);

function end(name: string): void {
  isCut = true;
  process.kill(pid, "SIGKILL");
  say({ cut: name });
}

const isMeant = (name: string, nth: number, side: Cut["side"]) =>
  !isCut && cut?.name === name && cut.nth === nth && cut.side === side;

function entered(tid: number, { number, args }: Extract<CallStop, { at: "entry" }>): void {
  if (number === RING_SETUP && isHiding(tid, args)) say({ hidden: number });
  const call = calls.get(number);
  if (call === undefined) return;
  const asked: Asked = { tid, call, args };
  if (!isChange(asked)) return;
  const paths = pathsOf(asked, sockets);
  const name = nameOf(call.verb, paths, places);
  if (name === undefined) return;
  const nth = counts.next(name);
  if (isMeant(name, nth, "before")) end(name);
  under.set(tid, { asked, name, nth });
}

function left(tid: number, { isError }: Extract<CallStop, { at: "exit" }>): void {
  const operation = under.get(tid);
  under.delete(tid);
  if (operation === undefined || isCut || isError) return;
  const { name, nth } = operation;
  if (isMeant(name, nth, "after")) end(name);
  else say({ name, nth });
}

seize(pid);
process.kill(pid, "SIGCONT");
for (let stop = nextStop(); stop !== undefined; stop = nextStop()) {
  if (stop.kind === "ended") continue;
  if (stop.kind === "call") {
    const found = callOf(stop.tid);
    if (found?.at === "entry") entered(stop.tid, found);
    if (found?.at === "exit") left(stop.tid, found);
  }
  resume(stop.tid, stop.kind === "signal" ? stop.signal : 0);
}
process.exit(0);
