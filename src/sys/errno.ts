import { getBuiltinModule } from "node:process";

/** The errno values used here (asm-generic/errno-base.h, errno.h: the same on x86-64 and arm64). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENXIO: 6,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

/**
 * The name of an errno value: `EEXIST`, or `errno 4711` if Node does not know it. The common ones are looked up here
 * first, because loading node:os takes half a millisecond.
 */
export function errnoName(value: number): string {
  return (
    nameIn(Errno, value) ?? nameIn(getBuiltinModule("node:os").constants.errno, value) ?? `errno ${value}`
  );
}

function nameIn(names: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(names).find((name) => names[name] === value);
}

/** A system call that failed. */
export class SysError extends Error {
  override name = "SysError";
  readonly operation: string;
  readonly errno: number;

  constructor(operation: string, errno: number) {
    super(`${operation}: ${errnoName(errno)}`);
    this.operation = operation;
    this.errno = errno;
  }
}

/** The code of an error thrown by Node, such as `ENOENT`; undefined for other errors. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
