// ptrace(2) and waitpid(2), for a process that does nothing but trace. linux/ptrace.h
import { koffi } from "../../../src/sys/runtime/node.ts";

const PTRACE_SYSCALL = 24;
const PTRACE_SEIZE = 0x4206;
const PTRACE_GET_SYSCALL_INFO = 0x420e;
const PTRACE_O_TRACESYSGOOD = 0x01;
const PTRACE_O_TRACECLONE = 0x08;
const PTRACE_O_TRACEEXEC = 0x10;
const PTRACE_O_EXITKILL = 0x0010_0000;
const WALL = 0x4000_0000;
const SIGTRAP = 5;
const ECHILD = 10;
const ESRCH = 3;
/** Of `struct ptrace_syscall_info`. */
const INFO_SIZE = 88;

const libc = koffi().load(null);
const ptrace = libc.func("long ptrace(long, int, long, void *)");
/** With a number for its last argument. */
const ptraceNumber = libc.func("long ptrace(long, int, long, long)");
const waitpid = libc.func("int waitpid(int, void *, int)");

function check(what: string, result: number): void {
  if (result >= 0) return;
  const errno = koffi().errno();
  // Killed while it was stopped: waitpid says so.
  if (errno !== ESRCH) throw new Error(`${what}: errno ${errno}`);
}

/** Traces a process and all its later threads; they die with us. */
export function seize(pid: number): void {
  const options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  check("PTRACE_SEIZE", ptraceNumber(PTRACE_SEIZE, pid, 0, options));
}

/** Lets a stopped thread go on to its next system call, with a signal for it or 0. */
export function resume(tid: number, signal = 0): void {
  check("PTRACE_SYSCALL", ptraceNumber(PTRACE_SYSCALL, tid, 0, signal));
}

export type Stop =
  /** At the entry or the exit of a system call. */
  | { readonly kind: "call"; readonly tid: number }
  /** A signal that it is to get. */
  | { readonly kind: "signal"; readonly tid: number; readonly signal: number }
  /** A new thread, another program, a stop by SIGSTOP. */
  | { readonly kind: "other"; readonly tid: number }
  | { readonly kind: "ended"; readonly tid: number };

/** Waits until a traced thread stops or ends; undefined when there is none any more. */
export function nextStop(): Stop | undefined {
  const status = new Int32Array(1);
  const tid = waitpid(-1, new Uint8Array(status.buffer), WALL);
  if (tid < 0) {
    if (koffi().errno() === ECHILD) return undefined;
    throw new Error(`waitpid: errno ${koffi().errno()}`);
  }
  const [word = 0] = status;
  if ((word & 0xff) !== 0x7f) return { kind: "ended", tid };
  const signal = (word >> 8) & 0xff;
  if (word >> 16 !== 0) return { kind: "other", tid };
  return signal === (SIGTRAP | 0x80) ? { kind: "call", tid } : { kind: "signal", tid, signal };
}

export type CallStop =
  | { readonly at: "entry"; readonly number: number; readonly args: readonly bigint[] }
  | { readonly at: "exit"; readonly isError: boolean };

/** The system call at which a thread is stopped; undefined when it was killed meanwhile. */
export function callOf(tid: number): CallStop | undefined {
  const info = new Uint8Array(INFO_SIZE);
  if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, INFO_SIZE, info) < 0) return undefined;
  const view = new DataView(info.buffer);
  if (info[0] === 2) return { at: "exit", isError: info[32] !== 0 };
  const words = [0, 1, 2, 3, 4, 5].map((index) => view.getBigUint64(32 + 8 * index, true));
  return { at: "entry", number: Number(view.getBigUint64(24, true)), args: words };
}
