// Results of a primary plugin for the tests of what ADD prints.
import { requirePrevResult } from "../../src/cni/prevresult.ts";
import type { CniResult } from "../../src/cni/result.ts";
import type { CniVersion } from "../../src/cni/versions.ts";
import { isObject, parseJson } from "../../src/text/json.ts";

/** A result as it comes in by prevResult. */
export function parseResult(text: string, version: CniVersion): CniResult {
  const value = parseJson(`{"prevResult":${text}}`);
  if (!isObject(value)) throw new Error("no object");
  return requirePrevResult(value, version);
}

/** Of version 0.4.0, with an interface on the node and one that names no namespace. */
export const OLD = {
  cniVersion: "0.4.0",
  interfaces: [
    { name: "eniabc", mac: "0a:58:00:00:00:01" },
    { name: "eth0", mac: "102", sandbox: "/var/run/netns/x", custom: true },
    { name: "dummyabc", mac: "0", sandbox: "2" },
  ],
  ips: [
    { version: "4", interface: 1, address: "10.0.0.5/32", gateway: "10.0.0.1" },
    { version: "6", interface: 1, address: "fd00::5/128" },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1", mtu: 1400, other: 1 }],
  dns: { nameservers: ["10.0.0.2"], search: [] },
  extension: { a: [1] },
};

/** Of version 1.1.0, with all that it adds. */
export const NEW = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "eth0", mac: "m", mtu: 1500, sandbox: "/s", socketPath: "/p", pciID: "0:0", custom: 1 },
  ],
  ips: [{ address: "10.0.0.5/32" }, { address: "fd00::5/128", interface: 0 }],
  routes: [{ dst: "0.0.0.0/0", mtu: 1, advmss: 2, priority: 3, table: 4, scope: 5, other: 6 }],
};
