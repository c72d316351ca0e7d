// In a bundle or a test run, modules of the product with something of this folder around them, for a kernel without VLAN
// devices: who imports the one gets the other, and what a module exports besides stays as it is.
import { readFileSync } from "node:fs";
import path from "node:path";

const source = path.resolve(import.meta.dirname, "../../../src");
const here = (name: string) => path.join(import.meta.dirname, name);

/** What stands in place of a module, as a function of the name that the module itself goes by now. */
const FACADES: ReadonlyMap<string, (renamed: string) => string> = new Map([
  [
    path.join(source, "netlink/transport.ts"),
    (renamed) => `import { openTransport as open } from "${renamed}";
import { overMacvlan } from "${here("transport.ts")}";
export * from "${renamed}";
export const openTransport = overMacvlan(open);
`,
  ],
  [
    path.join(source, "simulator/data-plane/data-plane.ts"),
    (renamed) => `import { DataPlane as Real } from "${renamed}";
import { macvlanDevice } from "${here("iproute.ts")}";
export * from "${renamed}";
export class DataPlane extends Real {
  constructor(options) { super({ branchType: macvlanDevice, ...options }); }
}
`,
  ],
]);

const renamedOf = (file: string) => file.replace(/\.ts$/, ".real.ts");
const REAL: ReadonlyMap<string, string> = new Map([...FACADES.keys()].map((file) => [renamedOf(file), file]));

/** Whether this is the path by which a module itself is imported now. */
export function isRenamed(file: string): boolean {
  return REAL.has(file);
}

/** What a module is now, by its path; undefined: what it was. */
export function sourceOf(file: string): string | undefined {
  const real = REAL.get(file);
  if (real !== undefined) return readFileSync(real, "utf8");
  return FACADES.get(file)?.(renamedOf(file));
}
