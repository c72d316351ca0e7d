// What the port to EC2 costs whoever bundles it: its size, and the time that loading it takes.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { bundleOf } from "./bundle.mjs";
import { node } from "./paths.mjs";

const RUNS = 5;

/**
 * For a bundle with the port: the SDK's ES modules, so that only the operations that are used are in it; and require() for
 * import(), with which the SDK loads Node's own modules and which a script from the executable's assets cannot do.
 */
export const WITH_PORT = { mainFields: ["module", "main"], supported: { "dynamic-import": false } };

export function portBundle() {
  return bundleOf("src/ec2/port.ts", WITH_PORT);
}

/** One line: bytes of the bundle, and the milliseconds of processor time that loading it adds to a bare Node's. */
export async function portReport(scratch) {
  const { code } = await portBundle();
  writeFileSync(`${scratch}/port.cjs`, code);
  writeFileSync(`${scratch}/nothing.cjs`, "");
  const loading = Math.round((cpuOf(`${scratch}/port.cjs`) - cpuOf(`${scratch}/nothing.cjs`)) / 1000);
  return `port to EC2: ${code.length} bytes, ${loading} ms of processor time to load`;
}

/** The least microseconds of several runs. */
function cpuOf(script) {
  const measure = `require(${JSON.stringify(script)});const{user,system}=process.cpuUsage();console.log(user+system)`;
  const runs = Array.from({ length: RUNS }, () =>
    Number(execFileSync(node, ["-e", measure], { encoding: "utf8" })),
  );
  return Math.min(...runs);
}
