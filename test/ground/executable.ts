// Which executable is tested: by the runtime that RUNTIME names, for the kernel that this is.
import { isMacvlan } from "./macvlan/iproute.ts";

/** `RUNTIME=bun` is the second runtime's; without it, it is Node's. */
export const testedRuntime = runtimeOf(process.env["RUNTIME"] ?? "node");

/** Where the executable is, as `branchline`, from the repository. */
export const distDirectory = [
  "dist",
  ...(testedRuntime === "node" ? [] : [testedRuntime]),
  ...(isMacvlan ? ["macvlan"] : []),
].join("/");

function runtimeOf(name: string): "node" | "bun" {
  if (name === "node" || name === "bun") return name;
  throw new TypeError(`RUNTIME=${JSON.stringify(name)} is no runtime: it is node or bun`);
}
