// In a bundle or a test run, src/netlink/transport.ts with transport.ts of this folder around it: who imports the first
// gets the second, and what a module exports besides stays as it is.
import { readFileSync } from "node:fs";
import path from "node:path";

export const real = path.resolve(import.meta.dirname, "../../../src/netlink/transport.ts");
/** The name that the file itself goes by now. */
export const renamed = real.replace(/\.ts$/, ".real.ts");

const around = path.join(import.meta.dirname, "transport.ts");

/** What a module is now, by its path; undefined: what it was. */
export function sourceOf(file: string): string | undefined {
  if (file === renamed) return readFileSync(real, "utf8");
  if (file !== real) return undefined;
  return `import { openTransport as open } from "${renamed}";
import { overMacvlan } from "${around}";
export * from "${renamed}";
export const openTransport = overMacvlan(open);
`;
}
