import { dlopen, read } from "bun:ffi";
import type { NativeFunction, NativeLibrary, Runtime } from "./runtime.ts";

/** Bun, for `make build RUNTIME=bun`: an experiment (docs/decisions/second-runtime.md). */
export const runtime: Runtime = {
  name: "Bun",
  version: process.versions["bun"] ?? "",
  library: () => (loaded ??= load()),
  script(name) {
    // A command may run for long, and is compiled as usual (build/bun.mjs has JIT_POLICY, for the plugin).
    Bun.unsafe.setJITPolicy(1);
    // Its bytecode is in the executable, and found without our help.
    return require(`/$bunfs/root/${name.replace(/\.cjs$/, ".js")}`) as unknown;
  },
  // JavaScriptCore has no such settings.
  keepHeapSmall() {},
  collectGarbageSoon() {},
};

const LIBC = "libc.so.6";

/** The C types of src/sys/libc.ts. Bun gives a number for 64 bits while it is a safe integer: lengths and counts are. */
const TYPES: Readonly<Record<string, string>> = {
  int: "i32",
  "unsigned int": "u32",
  long: "i64_fast",
  "unsigned long": "u64_fast",
  "void *": "ptr",
};

let loaded: NativeLibrary | undefined;

function load(): NativeLibrary {
  const { location } = symbolsOf(
    { location: "__errno_location" },
    { __errno_location: { args: [], returns: "ptr" } },
  );
  return {
    func(prototype) {
      const [, result = "", name = "", list = ""] = /^(.+?) (\w+)\((.*)\)$/.exec(prototype) ?? [];
      const args = list.split(", ").map(typeOf);
      const { bound } = symbolsOf({ bound: name }, { [name]: { args, returns: typeOf(result) } });
      return bound;
    },
    errno: () => read.i32(location(), 0),
  };
}

function typeOf(name: string): string {
  const type = TYPES[name];
  if (type === undefined) throw new Error(`no C type "${name}" is known`);
  return type;
}

function symbolsOf<K extends string>(
  names: Readonly<Record<K, string>>,
  signatures: Readonly<Record<string, { args: string[]; returns: string }>>,
): Record<K, NativeFunction> {
  const { symbols } = dlopen(LIBC, signatures);
  const entries = Object.entries<string>(names).map(([key, name]) => [key, symbols[name]]);
  return Object.fromEntries(entries) as Record<K, NativeFunction>;
}
