// The system calls that change files, by the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).

/** Where a call names what it changes: an argument that is a path, one that is a descriptor, or a socket's address. */
export type Target =
  | { readonly path: number; readonly at?: number }
  | { readonly descriptor: number }
  | { readonly address: number };

export interface Call {
  /** What a person reads, such as `rename`. */
  readonly verb: string;
  readonly targets: readonly Target[];
  /** The argument that has the flags of open(2): without O_CREAT and O_TRUNC nothing is changed. */
  readonly flags?: number;
}

const path = (argument: number): Target => ({ path: argument });
const pathAt = (at: number): Target => ({ at, path: at + 1 });
const descriptor = (argument: number): Target => ({ descriptor: argument });
const call = (verb: string, ...targets: readonly Target[]): Call => ({ verb, targets });

/** Verb and targets, and its numbers: of x86-64, undefined where there is none, and of arm64. */
type Row = readonly [Call, x64: number | undefined, arm64?: number];

const ROWS: readonly Row[] = [
  [{ ...call("create", path(0)), flags: 1 }, 2],
  [call("create", path(0)), 85],
  [{ ...call("create", pathAt(0)), flags: 2 }, 257, 56],
  [call("write", descriptor(0)), 1, 64],
  [call("write", descriptor(0)), 18, 68],
  [call("write", descriptor(0)), 20, 66],
  [call("write", descriptor(0)), 296, 70],
  [call("write", descriptor(0)), 328, 287],
  // sendfile, splice, copy_file_range.
  [call("write", descriptor(0)), 40, 71],
  [call("write", descriptor(2)), 275, 76],
  [call("write", descriptor(2)), 326, 285],
  [call("truncate", path(0)), 76, 45],
  [call("truncate", descriptor(0)), 77, 46],
  [call("truncate", descriptor(0)), 285, 47],
  [call("sync", descriptor(0)), 74, 82],
  [call("sync", descriptor(0)), 75, 83],
  [call("rename", path(0), path(1)), 82],
  [call("rename", pathAt(0), pathAt(2)), 264, 38],
  [call("rename", pathAt(0), pathAt(2)), 316, 276],
  [call("link", path(0), path(1)), 86],
  [call("link", pathAt(0), pathAt(2)), 265, 37],
  [call("symlink", path(1)), 88],
  [call("symlink", pathAt(1)), 266, 36],
  [call("remove", path(0)), 87],
  [call("remove", path(0)), 84],
  [call("remove", pathAt(0)), 263, 35],
  [call("mkdir", path(0)), 83],
  [call("mkdir", pathAt(0)), 258, 34],
  [call("mknod", path(0)), 133],
  [call("mknod", pathAt(0)), 259, 33],
  [call("chmod", path(0)), 90],
  [call("chmod", descriptor(0)), 91, 52],
  [call("chmod", pathAt(0)), 268, 53],
  [call("chmod", pathAt(0)), 452, 452],
  [call("chown", path(0)), 92],
  [call("chown", descriptor(0)), 93, 55],
  [call("chown", path(0)), 94],
  [call("chown", pathAt(0)), 260, 54],
  [call("bind", { address: 1 }), 49, 200],
  [call("listen", descriptor(0)), 50, 201],
];

/** io_uring_setup(entries, params), the same on both. */
export const RING_SETUP = 425;

export type Architecture = "x64" | "arm64";

/** The calls by their numbers. */
export function callsOf(architecture: Architecture): ReadonlyMap<number, Call> {
  const column = architecture === "x64" ? 1 : 2;
  return new Map(ROWS.flatMap((row) => (row[column] === undefined ? [] : [[row[column], row[0]] as const])));
}
